"""Commands about the datasets that thyrodata knows: list, card, detect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
    name: Annotated[
        str,
        typer.Argument(metavar="NAME|DATA", help="The dataset's name, as in list; with --form, a folder."),
    ],
    *,
    form: Annotated[
        str | None,
        typer.Option(
            metavar="hub|datasheet|claim",
            help="Print this text on the dataset DATA, filled from what it holds.",
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="With --form: by whose parts images are counted.")] = "default",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Print what is known of a dataset: layout, terms, counts, known issues, and the options of convert."""
    from thyrodata.cli.output import emit, lines

    if form is not None:
        from thyrodata.dataset import Dataset
        from thyrodata.exports.texts import card_text

        text = card_text(Dataset(name), form, split=split)
        emit({"form": form, "text": text}, lambda: lines([text]), json=json, quiet=quiet)
    else:
        said, known = _shipped(name)
        emit(said, lambda: lines(known), json=json, quiet=quiet)


def _shipped(name: str) -> tuple[dict[str, Any], list[str]]:
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
    return {**to_plain(loaded.card), "options": dict(options)}, text


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
