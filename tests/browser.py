"""A real browser for tests: headless Chromium, driven over a pipe by its DevTools protocol.

The pipe is what ``--remote-debugging-pipe`` opens: messages of JSON that end with a null character, read from
file 3 and written to file 4 of the process. No port is opened and no package is needed.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["Browser", "View", "browser"]

_START = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]  # out of the way of 3 and 4
for end, wanted in zip(ends, (3, 4)):
    os.dup2(end, wanted)
os.execvp(sys.argv[3], sys.argv[3:])
"""
PATIENCE = 60
"""Seconds until an answer must be there: machines that test are busy."""


class Browser:
    """A browser that is running."""

    def __init__(self, requests: int, answers: int) -> None:
        self._requests, self._answers = requests, answers
        self._number = 0
        self._buffer = b""
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        """What the browser told on its own."""

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._requests, json.dumps(message).encode() + b"\0")
        while (said := self._next()).get("id") != self._number:
            self.events.append(said)
        assert "error" not in said, f"{method}: {said['error']}"
        return said["result"]

    def _next(self) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], max(0, until - time.monotonic()))
            assert ready, f"the browser says nothing for {PATIENCE} seconds"
            data = os.read(self._answers, 1 << 20)
            assert data, "the browser has ended"
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def _wait(self, event: str) -> None:
        seen = 0
        while not any(said.get("method") == event for said in self.events[seen:]):
            seen = len(self.events)
            self.events.append(self._next())

    def open(self, page: Path, width: int, height: int = 900, *, mobile: bool = False) -> View:
        """Open a file in a window of a size, and wait until it has loaded."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.ask(f"{domain}.enable")
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )
        self.events.clear()
        self.ask("Page.navigate", url=page.resolve().as_uri())
        self._wait("Page.loadEventFired")
        return View(self)

    def close(self) -> None:
        """Close the page that is open."""
        self.ask("Page.close")
        self._session = None


class View:
    """A page in a window."""

    def __init__(self, of: Browser) -> None:
        self._browser = of

    def value(self, expression: str) -> Any:
        """The value of an expression of JavaScript, run from outside of the page."""
        said = self._browser.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in said, said
        return said["result"].get("value")

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press and release a key: its name, its virtual key code and the text that it writes."""
        for kind in ("keyDown" if text else "rawKeyDown", "keyUp"):
            self._browser.ask(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                windowsVirtualKeyCode=code,
                text=text if kind == "keyDown" else "",
            )

    def requests(self) -> list[str]:
        """The addresses that were asked for since the page was opened."""
        sent = [each for each in self._browser.events if each.get("method") == "Network.requestWillBeSent"]
        return [each["params"]["request"]["url"] for each in sent]

    def complaints(self) -> list[str]:
        """What the browser has written into its console: blocked content, errors."""
        said = [each["params"] for each in self._browser.events if each.get("method") == "Log.entryAdded"]
        return [each["entry"]["text"] for each in said]

    def screenshot(self) -> bytes:
        """The whole page as PNG, also what the window does not show."""
        size = self._browser.ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        said = self._browser.ask("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return b64decode(said["data"])


@contextmanager
def browser(program: str, profile: Path) -> Iterator[Browser]:
    """Start a browser with an empty profile, and end it with the block."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    arguments = [
        program,
        "--headless",
        "--no-sandbox",  # it is run as root where tests run, and opens our own page only
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--hide-scrollbars",
        f"--user-data-dir={profile}",
        "--remote-debugging-pipe",
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", _START, str(theirs_in), str(theirs_out), *arguments],
        pass_fds=(theirs_in, theirs_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Browser(ours_out, ours_in)
    finally:
        process.kill()
        process.wait()
        os.close(ours_out)
        os.close(ours_in)
