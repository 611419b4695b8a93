"""A Hugging Face Hub on this machine, for tests of what speaks to one.

It answers what an upload and a load need (:mod:`tests.hubserver`), keeps real files and every request
(:mod:`tests.hubstore`), checks what it is given (also cards: :mod:`tests.hubcard`), and can be told to fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from huggingface_hub import constants

from tests.hubserver import handler
from tests.hubstore import OWNER, READER, Hub

__all__ = ["OWNER", "READER", "Hub", "knowing", "loopback_hub"]


@contextmanager
def loopback_hub(folder: Path) -> Iterator[Hub]:
    """Serve a Hub from a new folder on a free port of 127.0.0.1."""
    hub = Hub(folder=folder)
    for below in ("objects", "commits", "repos"):
        (folder / below).mkdir(parents=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(hub))
    server.daemon_threads = True
    server.block_on_close = False  # a stalled request waits longer than a test does
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def knowing(url: str, home: Path, token: str | None = OWNER) -> Iterator[None]:
    """Have this process know the Hub at an address and no other, as :meth:`Hub.env` has another process do.

    The library reads most of its environment when it is imported, which may have been before.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("HF_TOKEN", raising=False)
        if token:
            patch.setenv("HF_TOKEN", token)
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, url)
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        patch.setattr(constants, "ENDPOINT", url)
        patch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        patch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
        patch.setattr(constants, "HF_STORED_TOKENS_PATH", str(home / "stored_tokens"))
        yield
