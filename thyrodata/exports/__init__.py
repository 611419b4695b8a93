"""Exports to the formats that trainers read, all fed by one view (layer 6).

A format ``x`` is one module and one line of the table :data:`EXPORTS`. The module has a frozen dataclass of
settings, whose fields have defaults and a ``help`` (:class:`thyrodata.exports.windows.PictureSettings` has
those of formats that images belong to), and a function ``export_x(view, out, settings) -> LossLedger``. It

- says with ``dataclasses.replace(view, shape=..., outside=..., images=..., window=..., holds=...)`` what the
  format writes (``classes=...`` where that is the classes of whole images), and iterates that view once: it
  yields what is to be written, in the records' order, with the geometry already of the shape that was asked
  for, and counts in ``view.ledger`` what is not;
- writes labels with ``out.write(name, data)`` or below ``out.path``, and asks for images with ``out.image``;
- gives to ``out.defer`` a function that writes files which hold images within them: it iterates such a view
  again, with a ledger of its own;
- counts what it changes itself with ``view.ledger.change``, by a name of ``LOSSES``; it never leaves out what
  the view yields;
- returns ``view.ledger``.

It neither checks what is accepted nor names a part or a reader: :mod:`thyrodata.exports.run` does.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from thyrodata.errors import UsageError

if TYPE_CHECKING:
    from thyrodata.exports.folder import Folder
    from thyrodata.exports.ledger import LossLedger
    from thyrodata.exports.view import View

    Write = Callable[[View, Folder, Any], LossLedger]
    """Writes a view into a folder with the format's settings, and returns what was lost: see export.md."""

__all__ = ["EXPORTS", "default_settings", "load_export", "settings_class"]

EXPORTS: dict[str, str] = {
    "coco": "CocoSettings",
    "fiftyone": "FiftyoneSettings",
    "huggingface": "HuggingfaceSettings",
    "imagefolder": "ImagefolderSettings",
    "masks": "MasksSettings",
    "nnunet": "NnunetSettings",
    "voc": "VocSettings",
    "webdataset": "WebdatasetSettings",
    "yolo": "YoloSettings",
}
"""The settings of each format by its name. The module is called so too; its function is ``export_<name>``.
Alphabetical."""


def load_export(name: str) -> Write:
    """Return the function that writes a format.

    Raises:
        UsageError: There is no such format.
    """
    write: Write = getattr(_module(name), f"export_{name}")
    return write


def settings_class(name: str) -> type[Any]:
    """Return the dataclass of a format's settings.

    Raises:
        UsageError: There is no such format.
    """
    found: type[Any] = getattr(_module(name), EXPORTS[name])
    return found


def default_settings(name: str, settings: object | None) -> Any:
    """Return the settings, which are the defaults where none are given.

    Raises:
        UsageError: There is no such format, or the settings are of another.
    """
    wanted = settings_class(name)
    if settings is None:
        return wanted()
    if not isinstance(settings, wanted):
        raise UsageError(f"{name} takes {wanted.__name__}, not {type(settings).__name__}")
    return settings


def _module(name: str) -> Any:
    if name not in EXPORTS:
        raise UsageError(f"there is no format {name!r}", hint=f"there are: {', '.join(EXPORTS)}")
    return import_module(f"{__name__}.{name}")
