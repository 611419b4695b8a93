"""What a Hub on this machine keeps: real files on disk, a list of what it was asked, and how it is to fail.

Below its folder lie ``objects/`` (the bytes, by their SHA-256), ``commits/`` (what files each has) and
``repos/`` (whose it is, who may see it, and where its branches are).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, RLock
from typing import Any

__all__ = ["OWNER", "READER", "USERS", "Asked", "Entry", "Hub", "entry_of"]

OWNER, READER = "hf_owner", "hf_reader"
"""Tokens: of the user ``owner``, who may write to what is hers, and of ``reader``, who may write nothing."""
USERS = {OWNER: "owner", READER: "reader"}

LARGE = (
    "*.parquet filter=lfs",
    "*.png filter=lfs",
    "*.jpg filter=lfs",
    "*.zip filter=lfs",
    "*.tar filter=lfs",
)
"""Some of what the Hub writes into ``.gitattributes`` of a new dataset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, and the status of the answer."""

    method: str
    path: str
    status: int
    agent: str
    """What the client tells of itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file in a commit."""

    sha256: str
    size: int
    large: bool
    oid: str
    """Git's name for the content, or for the pointer to it."""


@dataclass(slots=True, kw_only=True)
class Fault:
    """What is to happen instead of an answer, or before it."""

    method: str
    pattern: str
    after: int
    act: Callable[[Any], bool]
    """Takes the handler, and returns whether it has answered."""
    times: int | None = None
    """How often; ``None`` is for ever."""
    seen: int = 0

    def due(self, method: str, path: str) -> bool:
        """Whether it happens at a request, which is counted."""
        if method != self.method or not re.search(self.pattern, path):
            return False
        self.seen += 1
        return self.after < self.seen and (self.times is None or self.seen <= self.after + self.times)


@dataclass(slots=True, kw_only=True)
class Hub:
    """The store, and what a test asks of it."""

    folder: Path
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    """What a client got wrong: digests, sizes, encodings, objects that were never sent."""
    page: int = 1000
    """How many files a page of a listing has."""
    faults: list[Fault] = field(default_factory=list)
    stalled: Event = field(default_factory=Event)
    """Set when a request waits for ever: see :meth:`stall`."""
    lock: RLock = field(default_factory=RLock)

    # ------------------------------------------------------------ for tests

    def env(self, home: Path, token: str | None = OWNER) -> dict[str, str]:
        """The environment of a process that knows no other Hub."""
        named = {name: text for name, text in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
        own = {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
        quiet = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "NO_COLOR": "1"}
        return named | own | quiet | ({"HF_TOKEN": token} if token else {})

    def count(self, method: str, pattern: str = "") -> int:
        """How many requests of a method there were to a path that a pattern is found in."""
        return sum(each.method == method and bool(re.search(pattern, each.path)) for each in self.asked)

    def fail(
        self,
        method: str,
        pattern: str,
        status: int,
        *,
        after: int = 0,
        times: int | None = None,
        code: str = "",
        message: str = "",
    ) -> None:
        """Answer with an error, from the request on that comes after so many."""

        def act(handler: Any) -> bool:
            handler.refuse(status, code, message)
            return True

        self.faults.append(Fault(method=method, pattern=pattern, after=after, times=times, act=act))

    def stall(self, method: str, pattern: str, *, after: int = 0) -> None:
        """Never answer, from the request on that comes after so many."""

        def act(_handler: Any) -> bool:
            self.stalled.set()
            Event().wait(60)
            return True

        self.faults.append(Fault(method=method, pattern=pattern, after=after, act=act))

    def before(self, method: str, pattern: str, do: Callable[[], object]) -> None:
        """Do something before the first such request is answered."""

        def act(_handler: Any) -> bool:
            do()
            return False

        self.faults.append(Fault(method=method, pattern=pattern, after=0, times=1, act=act))

    def content(self, repo: str, revision: str = "main") -> dict[str, bytes]:
        """The files of a revision but ``.gitattributes``, each with its bytes."""
        found = self.files(self.resolve(repo, revision))
        return {path: self.read(entry) for path, entry in found.items() if path != ".gitattributes"}

    def head(self, repo: str, branch: str = "main") -> str:
        """The commit of a branch."""
        return str(self.repo(repo)["refs"][branch])

    # ------------------------------------------------------------ repositories and commits

    def repo(self, repo: str) -> dict[str, Any]:
        """What is known of a repository; KeyError where there is none."""
        place = self.folder / "repos" / f"{repo}.json"
        if not place.is_file():
            raise KeyError(repo)
        return json.loads(place.read_text())

    def save(self, repo: str, state: Mapping[str, Any]) -> None:
        """Keep what is known of a repository."""
        place = self.folder / "repos" / f"{repo}.json"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(state, indent=1))

    def change(self, repo: str, **said: Any) -> None:
        """Change what is known of a repository."""
        with self.lock:
            self.save(repo, self.repo(repo) | said)

    def create(self, repo: str, *, private: bool = False, owner: str = "owner") -> None:
        """Make a repository as the Hub does: one commit, of ``.gitattributes`` alone."""
        with self.lock:
            self.save(
                repo, {"owner": owner, "private": private, "gated": False, "refs": {}, "allowed": [owner]}
            )
            self.commit(repo, {".gitattributes": "\n".join(LARGE).encode()}, summary="initial commit")

    def commit(
        self,
        repo: str,
        files: Mapping[str, bytes | Entry],
        deleted: tuple[str, ...] = (),
        *,
        branch: str = "main",
        onto: str | None = None,
        summary: str = "by hand",
    ) -> str:
        """Commit to a branch, which begins at ``onto`` if it is new."""
        with self.lock:
            state = self.repo(repo)
            parent = state["refs"].get(branch, onto)
            tree = self.files(parent) if parent else {}
            for path in deleted:
                del tree[path]
            tree |= {
                path: self.store(data) if isinstance(data, bytes) else data for path, data in files.items()
            }
            said = {
                "parent": parent,
                "summary": summary,
                "files": {path: _plain(entry) for path, entry in sorted(tree.items())},
            }
            text = json.dumps(said, indent=1)
            oid = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
            (self.folder / "commits" / f"{oid}.json").write_text(text)
            state["refs"][branch] = oid
            self.save(repo, state)
            return oid

    def resolve(self, repo: str, revision: str) -> str:
        """The commit that a branch, pull request or commit is; KeyError where there is none."""
        refs = self.repo(repo)["refs"]
        if revision in refs:
            return str(refs[revision])
        if re.fullmatch("[0-9a-f]{40}", revision) and (self.folder / f"commits/{revision}.json").is_file():
            return revision
        raise KeyError(revision)

    def said(self, commit: str) -> dict[str, Any]:
        """A commit's parent, summary and files."""
        return json.loads((self.folder / "commits" / f"{commit}.json").read_text())

    def files(self, commit: str) -> dict[str, Entry]:
        """The files of a commit."""
        return {path: Entry(**entry) for path, entry in self.said(commit)["files"].items()}

    # ------------------------------------------------------------ bytes

    def object_path(self, sha256: str) -> Path:
        """Where the bytes of a digest lie, or would."""
        return self.folder / "objects" / sha256

    def store(self, data: bytes, *, large: bool = False) -> Entry:
        """Keep bytes."""
        sha256 = hashlib.sha256(data).hexdigest()
        part = self.object_path(f"{sha256}.{id(data)}")
        part.write_bytes(data)
        part.replace(self.object_path(sha256))
        return entry_of(sha256, len(data), data if not large else None)

    def read(self, entry: Entry) -> bytes:
        """The bytes of a file."""
        return self.object_path(entry.sha256).read_bytes()


def entry_of(sha256: str, size: int, data: bytes | None) -> Entry:
    """A file of a commit: a pointer to a large one where its bytes are not given."""
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()
    kept = pointer if data is None else data
    oid = hashlib.sha1(b"blob %d\0" % len(kept) + kept, usedforsecurity=False).hexdigest()
    return Entry(sha256=sha256, size=size, large=data is None, oid=oid)


def _plain(entry: Entry) -> dict[str, Any]:
    return {"sha256": entry.sha256, "size": entry.size, "large": entry.large, "oid": entry.oid}
