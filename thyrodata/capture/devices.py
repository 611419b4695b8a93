"""Makers and models of ultrasound scanners by the names that headers give them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from thyrodata.io.yamltext import YamlNode, parse_yaml

__all__ = ["Maker", "find_maker", "listed_makers"]

_FILE = "devices.yaml"

# What a maker's name has or lacks without being another's: legal forms, and what all of them are.
_COMMON_WORDS = frozenset(
    """
    inc incorporated ltd limited co company corp corporation gmbh ag kg og sa spa srl bv ab as aps nv llc plc
    kk healthcare health medical systems system ultrasound ultrasonic diagnostic diagnostics imaging solutions
    technology technologies instruments equipment electronics group international
    """.split()  # noqa: SIM905 -- forty quoted words are not read better
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """A maker of scanners."""

    name: str
    """As it leaves."""
    prefixes: tuple[str, ...]
    """Letters and digits of its names, the longest first, then of its brands, that may precede a model."""
    models: Mapping[str, str]
    """As they leave, by their letters and digits."""

    def find_model(self, text: str) -> str | None:
        """Return the listed model that a header's text names, as it leaves."""
        return self.models.get(_model_key(text, self.prefixes))


def find_maker(text: str) -> Maker | None:
    """Return the listed maker that a header's text names."""
    return _by_name().get(_maker_key(text))


@cache
def listed_makers() -> Mapping[str, tuple[Maker, frozenset[str]]]:
    """Return each maker, and what its spellings come to, by the name as it leaves.

    Raises:
        RawLayoutError: The list is broken.
    """
    root = parse_yaml((files("thyrodata.capture") / _FILE).read_bytes(), _FILE, "install thyrodata again")
    return {name: _maker(name, node) for name, node in root.mapping("the list").items()}


@cache
def _by_name() -> Mapping[str, Maker]:
    return {key: maker for maker, keys in listed_makers().values() for key in keys}


def _maker(name: str, node: YamlNode) -> tuple[Maker, frozenset[str]]:
    said = node.mapping(name, ("names", "brands", "models"))
    texts = {key: [item.text(key) for item in said[key].items(key)] for key in said}
    names = [name, *texts.get("names", [])]
    prefixes = (
        *sorted({_letters(text) for text in names}, key=len, reverse=True),
        *map(_letters, texts.get("brands", [])),
    )
    models = {_model_key(model, prefixes): model for model in texts.get("models", [])}
    maker = Maker(name=name, prefixes=prefixes, models=models)
    return maker, frozenset(map(_maker_key, names))


def _letters(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c.isalnum() or c == "+")  # iQ+ is not iQ


def _maker_key(text: str) -> str:
    """Return the words of a name that tell makers apart: ``G.E. Medical Systems, Inc.`` is ``ge``."""
    spaced = "".join(c if c.isalnum() else "" if c == "." else " " for c in text)
    return "".join(_telling(_letters(word) for word in spaced.split()))


def _telling(words: Iterable[str]) -> list[str]:
    return [word for word in words if word not in _COMMON_WORDS]


def _model_key(text: str, prefixes: Iterable[str]) -> str:
    """Return a model without the names and brands in front of it: ``Siemens ACUSON S2000`` is ``s2000``."""
    letters = _letters(text)
    for prefix in prefixes:  # names before brands
        if letters != prefix:
            letters = letters.removeprefix(prefix)
    return letters
