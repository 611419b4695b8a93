"""Commands about the datasets that thyrodata knows: list, card, detect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thyrodata.cli.options import Json, Quiet

__all__ = ["card", "detect", "list_cards"]


def list_cards(*, json: Json = False, quiet: Quiet = False) -> None:
    """List the datasets that can be converted."""
    from thyrodata.cli.output import NOTHING, emit, table
    from thyrodata.converters import CONVERTERS
    from thyrodata.io.cards import load_card
    from thyrodata.schema.plain import to_plain

    cards = [load_card(name).card for name in CONVERTERS]
    header = ("name", "what", "identity", "licence", "redistribution", "converter run on")
    rows = [
        (
            c.name,
            c.title,
            c.identity.value if c.identity else NOTHING,
            c.licence,
            c.redistribution.value,
            c.verified.value,
        )
        for c in cards
    ]
    emit([to_plain(c) for c in cards], lambda: table(header, rows), json=json, quiet=quiet)


def card(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The dataset's name, as in list.")],
    *,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Print what is known of a dataset: layout, terms, counts, known issues, and the options of convert."""
    from thyrodata.cli.output import emit, lines
    from thyrodata.cli.settings import describe_settings
    from thyrodata.converters import settings_class
    from thyrodata.io.cards import load_card
    from thyrodata.schema.plain import to_plain

    loaded = load_card(name)
    settings = settings_class(name)
    options = describe_settings(settings) if settings else []
    text = [loaded.text]
    if options:
        text += ["## Options of `thyrodata convert`", "", *(f"- `{o}`: {what}" for o, what in options)]
    said = {**to_plain(loaded.card), "options": dict(options)}
    emit(said, lambda: lines(text), json=json, quiet=quiet)


def detect(
    raw: Annotated[Path, typer.Argument(metavar="RAW", help="A folder of unknown layout.")],
    *,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Name the layout of a folder, and the command that converts it; exit 1 if none is recognised."""
    from thyrodata.cli.detections import detection_json, print_detections
    from thyrodata.cli.output import emit
    from thyrodata.detection import detect as run

    found = run(raw)
    emit([detection_json(each) for each in found], lambda: print_detections(found), json=json, quiet=quiet)
    if not found:
        raise typer.Exit(1)
