"""The converters, one module per dataset, found through one table and imported when asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from thyrodata.errors import UsageError

if TYPE_CHECKING:
    from thyrodata.engine import Converter

__all__ = ["CONVERTERS", "load_converter"]

CONVERTERS: dict[str, str] = {
    "ddti": "Ddti",
}
"""The class of each converter by its name, which is also its module's. Alphabetical."""


def load_converter(name: str) -> Converter[Any]:
    """Return the converter of this name.

    Raises:
        UsageError: There is none.
    """
    if name not in CONVERTERS:
        raise UsageError(f"there is no converter {name!r}", hint=f"there are: {', '.join(CONVERTERS)}")
    module = import_module(f"{__name__}.{name}")
    converter: Converter[Any] = getattr(module, CONVERTERS[name])()
    return converter
