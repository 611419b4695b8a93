"""FiftyOne and its database, and the names of datasets in it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from thyrodata.errors import MissingExtraError, OutputError, UsageError
from thyrodata.io.extras import load_extra

__all__ = ["MADE_BY", "datasets_called", "open_fiftyone", "published", "replaceable", "slug_of"]

MADE_BY = "thyrodata"
"""The key of a FiftyOne dataset's info without which it is not replaced."""


def open_fiftyone() -> Any:
    """Return FiftyOne, connected to its database and told to report nothing to its makers.

    Raises:
        MissingExtraError: It is not installed, or has no database, or one of a version that it does not take.
    """
    os.environ["FIFTYONE_DO_NOT_TRACK"] = "true"  # also in the processes that it starts
    fiftyone = load_extra("fiftyone", "fiftyone")
    fiftyone.config.do_not_track = True
    logging.getLogger("fiftyone").setLevel(logging.WARNING)  # it tells its steps on standard output
    of_database = (
        fiftyone.core.config.FiftyOneConfigError,
        fiftyone.core.odm.database.pymongo.errors.PyMongoError,
        fiftyone.core.service.ServiceException,
        OSError,
        RuntimeError,
    )
    try:
        fiftyone.list_datasets()
    except of_database as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise MissingExtraError(
            f"FiftyOne has no database: {reason}",
            hint="either install its own MongoDB, which needs the network: pip install --force-reinstall "
            "--no-cache-dir fiftyone-db; or start a mongod on this machine and set "
            "FIFTYONE_DATABASE_URI=mongodb://127.0.0.1:PORT",
        ) from None
    return fiftyone


def slug_of(fiftyone: Any, name: str) -> str:
    """Return the short form of a name, by which FiftyOne tells datasets apart.

    Raises:
        UsageError: The name has none.
    """
    try:
        slug: str = fiftyone.core.utils.to_slug(name)
    except ValueError:
        raise UsageError(
            f"a FiftyOne dataset cannot be called {name!a}", hint="use letters or digits"
        ) from None
    return slug


def datasets_called(fiftyone: Any, name: str) -> list[str]:
    """Return the names of the datasets that FiftyOne does not tell from one of a name.

    Raises:
        UsageError: FiftyOne takes no such name.
    """
    slug = slug_of(fiftyone, name)
    return [each for each in fiftyone.list_datasets() if fiftyone.core.utils.to_slug(each) == slug]


def replaceable(fiftyone: Any, name: str, *, overwrite: bool) -> list[str]:
    """Return the datasets that make way for one of a name.

    Raises:
        UsageError: FiftyOne takes no such name.
        OutputError: There is one, and it is not to be replaced or was not made here.
    """
    taken = datasets_called(fiftyone, name)
    for each in taken:
        ours = MADE_BY in fiftyone.load_dataset(each).info
        if not (overwrite and ours):
            raise OutputError(
                f"FiftyOne has a dataset {each}" + ("" if ours else " that thyrodata did not make"),
                hint="choose another name" + (", or add --overwrite" if ours else ""),
            )
    return taken


@contextmanager
def published(fiftyone: Any, made: Any, name: str, replaced: Sequence[str]) -> Iterator[None]:
    """Give a new dataset its name when the block ends well, in place of others; else it is deleted.

    Args:
        fiftyone: FiftyOne.
        made: The dataset, which is not persistent: FiftyOne itself removes what a kill leaves behind.
        name: What it will be called.
        replaced: The datasets that make way: see :func:`replaceable`.
    """
    try:
        yield
        for old in replaced:
            fiftyone.delete_dataset(old)
        made.name = name
        made.persistent = True
    except BaseException:
        made.delete()
        raise
