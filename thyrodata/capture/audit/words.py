"""Texts as sequences of words, the one form in which originals and output are compared; and the common words.

Whole words are compared, so that MARY is not found in PRIMARY. Case, accents, width and whatever stands
between two words do not count: ``DOE^JANE``, ``doe, jane`` and ``Doe_Jane`` are one sequence. Letters and
digits are words of their own (``pat12345``), and so is every character of a script that is written without
spaces.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from unicodedata import combining, normalize

from thyrodata.io.cards import card_names, load_card

__all__ = ["LONGEST", "own_words", "weight", "windows", "words_of"]

LONGEST = 4
"""Words in a sequence that is looked for. A longer text is looked for by each run of so many of its words, so
that a part of it is found too."""

_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\U00020000-\U0002ffff"  # kana, Han, Hangul
_WORD = re.compile(
    # Ordinals of a captured dataset are no words: a record number may be as small a number as theirs.
    r"\bfile \d+(?:\.\d+)?(?:#frame \d+)?(?:#region \d+)?(?!\w)"
    # Nor are encoded pictures, in which every short word stands by chance.
    r"|[A-Za-z0-9+/]{200,}"
    # What is random is one word, and its letters and digits are none: a pseudonym with the ordinals below it,
    # a token of a study or file, and a digest.
    r"|(?<![^\W_])(?:([PCF][A-Z2-7]{16})(?:(?:/\d+)+(?:-\d+)?)?"
    r"|((?=[A-Z]*[2-7])[A-Z2-7]{16})|([0-9a-fA-F]{32,}))(?![^\W_])"
    rf"|([{_UNSPACED}]|\d+|(?:(?![{_UNSPACED}])[^\W\d_])+)"
)
_LETTERS_APART = str.maketrans("đøłıĐØŁ", "doliDOL")  # Unicode does not decompose these


def words_of(text: str) -> list[str]:
    """Return the words of a text in order, folded; an empty word where an ordinal or a picture stood."""
    if not text.isascii():
        decomposed = normalize("NFKD", text).translate(_LETTERS_APART)
        text = normalize("NFC", "".join(c for c in decomposed if not combining(c)))  # NFC: Hangul again
    return [found[found.lastindex].casefold() if found.lastindex else "" for found in _WORD.finditer(text)]


def weight(words: str) -> int:
    """Return how much a sequence says, in letters and digits; a character that is a word counts as three."""
    return sum(3 if re.match(f"[{_UNSPACED}]", word) else len(word) for word in words.split(" "))


def windows(words: list[str]) -> Iterator[str]:
    """Yield the sequences that a text is looked for by, words joined by spaces."""
    for start in range(max(1, len(words) - LONGEST + 1)):
        yield " ".join(words[start : start + LONGEST])


def own_words(card: str) -> frozenset[str]:
    """Return the words that a dataset may hold whoever its patients are: the package writes them itself.

    They are the words of all strings in the package's source, less documentation, and of the source's card.
    The converters are left out: no text of theirs gets into a captured dataset.

    Args:
        card: The name of a card; one that is not shipped adds nothing.
    """
    shipped = load_card(card).text if card in card_names() else ""
    return _source_words() | frozenset(words_of(shipped))


@cache
def _source_words() -> frozenset[str]:
    found: set[str] = set()
    for source in _sources(files("thyrodata")):
        tree = ast.parse(source)
        documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            match node:
                case ast.Constant(value=str(text)) if id(node) not in documentation:
                    found.update(words_of(text))
                case ast.AnnAssign(target=ast.Name(id=field)):  # the name of a column or key
                    found.update(words_of(field))
    return frozenset(word for word in found if word.isalpha())


def _sources(folder: Traversable) -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != "converters":
            yield from _sources(entry)
        elif entry.name.endswith(".py"):
            yield entry.read_text("utf-8")
