"""Keeping pandas out of processes that make no data frames.

pyarrow imports pandas at its first array, to know a Series when it sees one: a fifth of a second and 40 MB of
every process.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # `--help` imports this module
    from collections.abc import Sequence
    from types import ModuleType

__all__ = ["no_series_come", "put_pandas_off"]

_no_series = False


def no_series_come() -> None:
    """Say that this process is the project's own, a command or a worker: nobody hands pyarrow a Series in it.

    Where others' code runs, nobody may say so: pyarrow would take the missing values of a Series for numbers.
    """
    global _no_series  # noqa: PLW0603 -- a fact about the process
    _no_series = True
    if "pyarrow" in sys.modules:
        put_pandas_off()


def put_pandas_off() -> None:
    """Let pyarrow look for pandas now and not find it, if no Series come.

    It looks once, and again when it is asked for a frame: whoever wants one still gets it.
    """
    if not _no_series or "pandas" in sys.modules:
        return
    import pyarrow as pa  # noqa: PLC0415 -- the modules that need it call this

    hidden = _NoPandas()
    sys.meta_path.insert(0, hidden)
    try:
        pa.array([])
    finally:
        sys.meta_path.remove(hidden)


class _NoPandas:
    """A finder of modules that finds that there is no pandas."""

    def find_spec(self, fullname: str, *_: Sequence[str] | ModuleType | None) -> None:
        """Refuse pandas, and leave any other module to others."""
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is put off", name=fullname)
