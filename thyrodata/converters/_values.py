"""Named texts of a source, each read by its meaning; what is not understood is kept verbatim."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import TypeVar

from thyrodata.schema.record import Remark, SourceField

__all__ = ["Values"]

T = TypeVar("T")


class Values:
    """The texts that one thing of a source has by name: the cells of a row, the members of an object.

    Args:
        texts: By name; one that is ``None`` or blank says nothing.
        of: What they are of, as remarks name it; empty if there is only one such thing.
    """

    def __init__(self, texts: Mapping[str, str | None], of: str = "") -> None:
        self._texts = {name: text for name, text in texts.items() if text and text.strip()}
        self._of = f"{of} " if of else ""
        self._read: set[str] = set()
        self.remarks: list[Remark] = []
        """One for each text that was not understood."""

    def text(self, name: str) -> str:
        """Return a text without the space around it; empty if it says nothing."""
        return (self._texts.get(name) or "").strip()

    def read(self, name: str, meaning: Callable[[str], T | None]) -> T | None:
        """Return what a text means; ``None`` if it says nothing or is not understood.

        Args:
            name: Of the text.
            meaning: Returns the meaning of a text without the space around it, ``None`` if it has none.
        """
        text = self._texts.get(name)
        value = None if text is None else meaning(text.strip())
        if value is not None:
            self._read.add(name)
        elif text is not None:
            said = f"{self._of}{name} {text!r} is not one of its values"
            self.remarks.append(Remark(code="value-not-understood", text=said))
        return value

    def homeless(
        self, names: Container[str] | None = None, *, but: Container[str] = ()
    ) -> tuple[SourceField, ...]:
        """Return what has not been understood, or not been read, in the source's order.

        Args:
            names: Of these only; by default of all.
            but: Not of these.
        """
        return tuple(
            SourceField(name=name, text=text)
            for name, text in self._texts.items()
            if name not in self._read and name not in but and (names is None or name in names)
        )
