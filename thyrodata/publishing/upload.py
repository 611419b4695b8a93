"""A tree of files as one commit to a dataset on the Hugging Face Hub: all of it, or nothing.

Files are sent before the commit, and nobody sees them; the commit alone moves the branch, and only from the
commit that was read before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from thyrodata.errors import OutputError
from thyrodata.io.hashes import list_files
from thyrodata.io.hub import HubRepo, find_repo, open_repo, page
from thyrodata.io.hubcommit import HubCommit, commit_files, create_branch, create_repo, gate_repo, has_branch

__all__ = ["Difference", "Target", "Uploaded", "compare", "look_up", "upload"]

Progress = Callable[[int, int], None]

_OWN_FOLDERS = ("annotations/", "data/", "thyrodata/")
"""Below these every file is ours, and goes when the tree has it no more. What else people add stays."""

_NEW = {".gitattributes"}
"""What the Hub itself puts into a new dataset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a tree goes, and how it is to be seen there."""

    repo_id: str
    marker: str
    """The file that says that we made what is there: another's is never replaced."""
    public: bool = False
    gated: bool = False
    revision: str | None = None
    """The branch, which is made if there is none; or ``refs/pr/N``. ``None`` is the main branch."""
    create_pr: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a commit has to do so that a repository holds a tree."""

    sent: Mapping[str, int]
    """Files that the repository lacks or has otherwise: their sizes in bytes."""
    unchanged: tuple[str, ...]
    deleted: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """What was done."""

    repo: HubRepo
    """As it was before the commit."""
    created: bool
    difference: Difference
    commit: HubCommit | None
    """``None`` where nothing differed, and no commit was made."""


def look_up(target: Target) -> HubRepo | None:
    """Return what the main branch of the repository holds, if there is one, and refuse what is not for us.

    Raises:
        OutputError: It holds what thyrodata has not made, is seen by others than was asked for, or is not
            there for a pull request.
        HubError: The Hub cannot be reached, or refuses.
    """
    repo = find_repo(target.repo_id)
    if repo is None:
        if target.create_pr:
            raise OutputError(
                "there is no dataset to open a pull request on, or you may not see it",
                where=page(target.repo_id),
                hint="check its name; or leave --create-pr out, and it is made",
            )
        return None
    _check_audience(repo, target)
    _check_ours(repo, target)
    return repo


def upload(tree: Path, target: Target, message: str, progress: Progress | None = None) -> Uploaded:
    """Make a repository hold a tree of files, by one commit, or by none where it holds it already.

    Args:
        tree: The folder.
        target: Where it goes. A repository that is not there is made.
        message: Of the commit.
        progress: Called with the number of files sent and of all.

    Raises:
        OutputError: See :func:`look_up`.
        HubError: Somebody else has committed meanwhile, the token may not write, the Hub cannot be reached,
            or it refuses.
    """
    found = look_up(target)
    if found is None:
        create_repo(target.repo_id, private=not target.public)
    repo = found or open_repo(target.repo_id)
    if target.gated and not repo.gated:
        gate_repo(target.repo_id)  # before anything is there to be read
    if target.revision is not None:
        repo = _at_branch(repo, target.revision)
        _check_ours(repo, target)
    difference = compare(tree, repo)
    commit = None
    if difference.sent or difference.deleted:
        commit = commit_files(
            repo,
            {name: tree / name for name in difference.sent},
            deleted=difference.deleted,
            message=message,
            create_pr=target.create_pr,
            progress=progress,
        )
    return Uploaded(repo=repo, created=found is None, difference=difference, commit=commit)


def compare(tree: Path, repo: HubRepo | None) -> Difference:
    """Return what differs between a tree of files and what a repository holds, if it is there."""
    files = repo.files if repo else {}
    names = list_files(tree)
    unchanged = tuple(name for name in names if name in files and files[name].same_as(tree / name))
    sent = {name: (tree / name).stat().st_size for name in sorted(set(names) - set(unchanged))}
    deleted = tuple(name for name in sorted(set(files) - set(names)) if name.startswith(_OWN_FOLDERS))
    return Difference(sent=sent, unchanged=unchanged, deleted=deleted)


def _at_branch(repo: HubRepo, revision: str) -> HubRepo:
    if not has_branch(repo.repo_id, revision):
        create_branch(repo.repo_id, revision, commit=repo.commit)
    return open_repo(repo.repo_id, revision=revision)


def _check_audience(repo: HubRepo, target: Target) -> None:
    """Refuse to show people what they were not meant to see, or the other way round."""
    settings = f"{repo.url}/settings"
    if not repo.private and not target.public:
        raise OutputError(
            "the dataset is there and is public, and --public was not given",
            where=repo.url,
            hint=f"give --public if everybody may see what is pushed; or make it private: {settings}",
        )
    if repo.private and target.public:
        raise OutputError(
            "the dataset is there and is private: a push does not make it public",
            where=repo.url,
            hint=f"leave --public out; or make it public first: {settings}",
        )
    if repo.gated and not target.gated:
        raise OutputError(
            "the dataset is gated, and a push without its terms would take them off its card",
            where=repo.url,
            hint="give the text of the terms again: --gated FILE",
        )


def _check_ours(repo: HubRepo, target: Target) -> None:
    if target.marker not in repo.files and not set(repo.files) <= _NEW:
        raise OutputError(
            f"the name is taken by a dataset that thyrodata did not push: it has no {target.marker}",
            where=repo.url,
            hint="choose another name; or delete its files first",
        )
    if ".gitignore" in repo.files:
        raise OutputError(
            "the dataset has a .gitignore, by which the Hub leaves files out of a commit",
            where=f"{repo.url}/blob/{repo.commit}/.gitignore",
            hint="delete it there",
        )
