"""Optional dependencies: imported when first needed, and named with their extra when they are missing."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from thyrodata.errors import MissingExtraError

__all__ = ["load_extra", "require_extra"]


def load_extra(module: str, extra: str) -> Any:
    """Import a module of an optional dependency.

    Args:
        module: The module's name.
        extra: The extra of thyrodata that installs it.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != module.partition(".")[0]:
            raise
        raise _missing(module, extra) from None


def require_extra(module: str, extra: str) -> None:
    """Refuse, before long work, what would fail for want of an optional dependency, importing nothing.

    Args:
        module: The top-level module's name.
        extra: The extra of thyrodata that installs it.

    Raises:
        MissingExtraError: It is not installed.
    """
    if find_spec(module) is None:
        raise _missing(module, extra)


def _missing(module: str, extra: str) -> MissingExtraError:
    return MissingExtraError(
        f"{module} is not installed", hint=f"install it with: pip install 'thyrodata[{extra}]'"
    )
