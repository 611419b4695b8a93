"""Datasets on the Hugging Face Hub: what a repository holds, and files of it.

``HF_ENDPOINT``, ``HF_TOKEN`` and ``HF_HOME`` mean what they mean to the library that is used.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from thyrodata import __version__
from thyrodata.errors import HubError, UsageError
from thyrodata.io.extras import load_extra
from thyrodata.io.files import writing
from thyrodata.io.hashes import hash_file
from thyrodata.io.hubanswers import asking

__all__ = [
    "HubFile",
    "HubRepo",
    "check_repo_id",
    "check_token",
    "client",
    "download_files",
    "find_repo",
    "open_repo",
    "page",
]

Progress = Callable[[int, int], None]

_CACHE = ".cache"
"""Where the library keeps its own files below a folder that it downloads to."""

_PATIENCE_S = 10.0
"""How long the first request may take; the library itself would wait without end."""

_REPO_ID = re.compile(r"(?!.*(--|\.\.))(?!.*\.git$)\w([\w.-]*\w)?/\w([\w.-]{0,94}\w)?", re.ASCII)
"""What huggingface_hub takes for a repository with its owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFile:
    """A file of a repository."""

    size: int
    """In bytes."""
    sha256: str | None
    """Of a file that is kept in large file storage; ``None`` of one that git itself keeps."""
    blob_sha1: str
    """Git's name for what it keeps: of a large file that is a pointer."""

    def same_as(self, path: Path) -> bool:
        """Whether a local file has the same bytes."""
        if path.stat().st_size != self.size:
            return False
        return hash_file(path) == self.sha256 if self.sha256 else _blob_sha1(path) == self.blob_sha1


@dataclass(frozen=True, slots=True, kw_only=True)
class HubRepo:
    """A dataset repository at one commit."""

    repo_id: str
    url: str
    """Its page."""
    private: bool
    gated: str | None
    """``None`` without a gate; else who asks is let in at once (``auto``) or by an owner (``manual``)."""
    revision: str | None
    """The branch, tag, commit or ``refs/pr/N`` that was asked for; ``None`` is the main branch."""
    commit: str
    """What that was when it was read."""
    files: Mapping[str, HubFile]
    """By their paths."""


def check_repo_id(repo_id: str) -> None:
    """Refuse what cannot be the name of a repository, asking nobody.

    Raises:
        UsageError: It is none.
    """
    if not _REPO_ID.fullmatch(repo_id):
        raise UsageError(
            f"{repo_id!r} is no name of a dataset on the Hub",
            hint="it is OWNER/NAME, of letters, digits, '-', '_' and '.', such as my-clinic/thyroid-nodules",
        )


def check_token() -> None:
    """Refuse, before long work, what needs a token where there is none; nobody is asked.

    Raises:
        HubError: There is no token.
    """
    endpoint = client().endpoint
    with asking(endpoint):
        token = load_extra("huggingface_hub", "hub").get_token()
    if not token:
        raise HubError(
            "there is no token of the Hub",
            where=endpoint,
            hint=f"run `hf auth login`, or set HF_TOKEN to one of {endpoint}/settings/tokens",
        )


def open_repo(repo_id: str, *, revision: str | None = None) -> HubRepo:
    """Return what a dataset repository holds.

    Raises:
        HubError: There is none, it has no such revision, the Hub cannot be reached, or it refuses.
    """
    with asking(page(repo_id)):
        return _read(repo_id, revision)


def find_repo(repo_id: str) -> HubRepo | None:
    """Return what the main branch of a dataset repository holds; ``None`` where the token can see none.

    Raises:
        HubError: The Hub cannot be reached, or it refuses.
    """
    with asking(page(repo_id)):
        missing = load_extra("huggingface_hub.errors", "hub").RepositoryNotFoundError
        try:
            return _read(repo_id, None)
        except missing as error:
            if error.response.status_code == 404:  # noqa: PLR2004 -- else it wants another token
                return None
            raise


def _read(repo_id: str, revision: str | None) -> HubRepo:
    asked = client()
    info = asked.dataset_info(repo_id, revision=revision, timeout=_PATIENCE_S)
    tree = asked.list_repo_tree(repo_id, recursive=True, revision=info.sha, repo_type="dataset")
    return HubRepo(
        repo_id=repo_id,
        url=page(repo_id),
        private=bool(info.private),
        gated=info.gated or None,
        revision=revision,
        commit=info.sha,
        files={
            entry.path: HubFile(
                size=entry.size, sha256=entry.lfs.sha256 if entry.lfs else None, blob_sha1=entry.blob_id
            )
            for entry in tree
            if hasattr(entry, "blob_id")  # a folder has none
        },
    )


def client() -> Any:
    """Return the library's client, which tells nobody what else is installed.

    Raises:
        MissingExtraError: The library is not installed.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read when the library is imported
    hub = load_extra("huggingface_hub", "hub")
    return hub.HfApi(library_name="thyrodata", library_version=__version__)


def page(repo_id: str) -> str:
    """Return the address of a dataset's page."""
    return f"{client().endpoint}/datasets/{repo_id}"


def download_files(
    repo: HubRepo, names: Iterable[str], folder: Path, *, progress: Progress | None = None
) -> None:
    """Download files of a repository, each verified by the digest that the Hub has told of it.

    A file that is there with the right content is kept, so that a killed download is continued.

    Args:
        repo: The repository; its commit is what is downloaded.
        names: Paths of files in it.
        folder: Where they go, under the same paths.
        progress: Called with the number of files done and of all.

    Raises:
        HubError: A file is gated, damaged or not there, or the Hub cannot be reached.
        OutputError: The disk is full, or the like.
    """
    wanted = list(names)
    for number, name in enumerate(wanted, 1):
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise HubError(
                f"{name!r} leads out of the folder", where=repo.url, hint="do not use this dataset"
            )
        target = folder / name
        with writing(target):
            if not (target.is_file() and repo.files[name].same_as(target)):
                target.unlink(missing_ok=True)
                with asking(f"{repo.url}/blob/{repo.commit}/{name}"):
                    client().hf_hub_download(
                        repo.repo_id, name, repo_type="dataset", revision=repo.commit, local_dir=folder
                    )
                if not repo.files[name].same_as(target):
                    raise HubError(
                        "a file has other bytes than the Hub says",
                        where=str(target),
                        hint="run the same again",
                    )
        if progress:
            progress(number, len(wanted))
    shutil.rmtree(folder / _CACHE, ignore_errors=True)


def _blob_sha1(path: Path) -> str:
    """Return git's name for a file's content: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
