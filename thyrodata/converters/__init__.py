"""The converters, one module per dataset, found through one table and imported when asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from thyrodata.errors import UsageError

if TYPE_CHECKING:
    from thyrodata.sample import Converter

__all__ = ["CONVERTERS", "load_converter", "settings_class"]

CONVERTERS: dict[str, str] = {
    "coco": "Coco",
    "ddti": "Ddti",
    "ddti637": "Ddti637",
    "ddti_v2": "DdtiV2",
    "deeplesion": "DeepLesion",
    "masks": "Masks",
    "stanford_cine": "StanfordCine",
    "table": "TableReader",
    "tg3k": "Tg3k",
    "thyroidxl": "ThyroidXl",
    "thyus2path": "ThyUs2Path",
    "tn3k": "Tn3k",
    "tn5000": "Tn5000",
    "tnscui": "Tnscui",
    "voc": "Voc",
    "yolo": "Yolo",
}
"""The class of each converter by its name, which is also its module's. Alphabetical."""


def settings_class(name: str) -> type[Any] | None:
    """Return the dataclass of a converter's settings; ``None`` if it takes none.

    Raises:
        UsageError: There is no such converter.
    """
    found: type[Any] | None = getattr(_class(name), "Settings", None)
    return found


def load_converter(name: str, settings: object | None = None) -> Converter[Any]:
    """Return the converter of this name.

    Args:
        name: The converter's name.
        settings: An instance of its :func:`settings_class`; by default all settings have their defaults.

    Raises:
        UsageError: There is none, or it takes no such settings.
    """
    converter: Callable[..., Converter[Any]] = _class(name)
    if settings is None:
        return converter()
    wanted = settings_class(name)
    if wanted is None or not isinstance(settings, wanted):
        takes = f"takes {wanted.__name__}" if wanted else "takes no settings"
        raise UsageError(f"{name} {takes}, not {type(settings).__name__}")
    return converter(settings)


def _class(name: str) -> Any:
    if name not in CONVERTERS:
        raise UsageError(f"there is no converter {name!r}", hint=f"there are: {', '.join(CONVERTERS)}")
    return getattr(import_module(f"{__name__}.{name}"), CONVERTERS[name])
