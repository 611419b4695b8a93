"""Cards: ``cards/<name>.md``, YAML front matter and prose, shipped with the package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from thyrodata.errors import SchemaError, UsageError
from thyrodata.schema.card import Card
from thyrodata.schema.plain import from_plain

__all__ = ["CardText", "card_names", "load_card"]


class CardText:
    """A card: its typed front matter and its prose.

    Attributes:
        card: The front matter.
        prose: Markdown.
        text: The whole file.
    """

    def __init__(self, name: str, text: str) -> None:
        fence, front, prose = text.split("---\n", 2) if text.count("---\n") > 1 else ("", "", "")
        if fence or not front:
            raise SchemaError("a card begins with YAML front matter between two lines of ---", where=name)
        try:
            values: Any = yaml.safe_load(front)
        except yaml.YAMLError as error:
            raise SchemaError(f"the card's front matter is not YAML: {error}", where=name) from None
        try:
            self.card = from_plain(Card, values)
        except SchemaError as error:
            raise SchemaError(error.message, where=f"{name}: {error.where}", hint=error.hint) from None
        self.prose = prose.lstrip("\n")
        self.text = text


def _folder() -> Traversable:
    shipped = files("thyrodata") / "cards"
    # In a checkout the cards stand beside the package, in a wheel inside it.
    beside = files("thyrodata") / ".." / "cards"
    return shipped if shipped.is_dir() else beside


def card_names() -> tuple[str, ...]:
    """Return the names of all cards, sorted."""
    return tuple(sorted(entry.name[:-3] for entry in _folder().iterdir() if entry.name.endswith(".md")))


@cache
def load_card(name: str) -> CardText:
    """Return a card.

    Raises:
        UsageError: There is none of this name.
        SchemaError: Its front matter is invalid.
    """
    if name not in card_names():
        raise UsageError(f"there is no card {name!r}", hint=f"there are: {', '.join(card_names())}")
    return CardText(f"cards/{name}.md", (_folder() / f"{name}.md").read_text("utf-8"))
