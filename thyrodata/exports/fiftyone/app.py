"""FiftyOne's App, on this machine alone."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import quote

from thyrodata.errors import OutputError, ThyrodataError
from thyrodata.exports.fiftyone.connection import open_fiftyone

__all__ = ["LOOPBACK", "PORT", "App", "served"]

LOOPBACK = "127.0.0.1"
PORT = 5151
"""FiftyOne's own."""

PATIENCE = 120
"""Seconds until the App must answer. It takes about ten to start."""


class App:
    """The App as it runs.

    Attributes:
        address: Where a browser on this machine finds the dataset.
    """

    def __init__(self, session: Any, address: str) -> None:
        self._session = session
        self.address = address

    def wait(self) -> None:
        """Return when the user stops the program."""
        with suppress(KeyboardInterrupt):
            self._session.wait(-1)


@contextmanager
def served(name: str, port: int = PORT) -> Iterator[App]:
    """Run the App on a dataset, for this machine alone, until the block ends.

    Args:
        name: Of a FiftyOne dataset that is there.
        port: Of the loopback address.

    Raises:
        MissingExtraError: FiftyOne is not installed, or has no database.
        OutputError: The port is taken.
        ThyrodataError: The App does not start.
    """
    fiftyone = open_fiftyone()
    _check_free(port)  # FiftyOne would join whatever App answers there
    made = fiftyone.load_dataset(name)
    try:
        session = fiftyone.launch_app(made, remote=True, auto=False, address=LOOPBACK, port=port)
    except fiftyone.core.service.ServiceException as error:
        raise _not_started(str(error)) from None
    try:
        _wait_for(session, port)
        yield App(session, f"http://{LOOPBACK}:{port}/datasets/{quote(name, safe='')}")
    finally:
        session.close()


def _check_free(port: int) -> None:
    with closing(socket.socket()) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((LOOPBACK, port))
        except OSError as error:
            raise OutputError(
                f"the port {port} cannot be used: {error.strerror}", hint="give another one with --port"
            ) from None


def _wait_for(session: Any, port: int) -> None:
    """Return once the App answers and knows what it is to show: who comes earlier is shown no dataset."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if _answers(port) and _is_joined(session):
            return
        time.sleep(0.2)
    raise _not_started(f"it does not answer after {PATIENCE} s")


def _answers(port: int) -> bool:
    with closing(HTTPConnection(LOOPBACK, port, timeout=5)) as asked:
        try:
            asked.request("GET", "/fiftyone")
            return asked.getresponse().status == 200  # noqa: PLR2004 -- OK
        except (OSError, HTTPException):
            return False


def _is_joined(session: Any) -> bool:
    try:
        session.refresh()
    except (OSError, RuntimeError):  # it is not connected, and tries again every ten seconds
        return False
    return True


def _not_started(reason: str) -> ThyrodataError:
    return ThyrodataError(
        f"the App of FiftyOne does not start: {reason}", hint="try it by itself: fiftyone app launch"
    )
