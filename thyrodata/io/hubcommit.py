"""Writing to a dataset repository of the Hugging Face Hub: making one, gating it, and one commit to it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from thyrodata.io.extras import load_extra
from thyrodata.io.hub import HubRepo, client, page
from thyrodata.io.hubanswers import asking

__all__ = ["HubCommit", "commit_files", "create_branch", "create_repo", "gate_repo", "has_branch"]

Progress = Callable[[int, int], None]

_AT_ONCE = 16
"""Files whose content is sent from one report of progress to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubCommit:
    """A commit that was made."""

    commit: str
    url: str
    pull_request: str | None
    """The page of the pull request that it opened."""


def create_repo(repo_id: str, *, private: bool) -> None:
    """Make an empty dataset repository.

    Raises:
        HubError: It could not be made, such as where the name is taken by one that the token may not see.
    """
    with asking(page(repo_id)):
        client().create_repo(repo_id, repo_type="dataset", private=private)


def gate_repo(repo_id: str) -> None:
    """Have everybody who wants the files ask, and an owner agree to each.

    Raises:
        HubError: The Hub refuses.
    """
    with asking(page(repo_id)):
        client().update_repo_settings(repo_id, gated="manual", repo_type="dataset")


def has_branch(repo_id: str, name: str) -> bool:
    """Whether a repository has a branch, or ``refs/pr/N``.

    Raises:
        HubError: The Hub refuses.
    """
    with asking(page(repo_id)):
        refs = client().list_repo_refs(repo_id, repo_type="dataset", include_pull_requests=True)
    return any(name in {ref.name, ref.ref} for ref in (*refs.branches, *(refs.pull_requests or ())))


def create_branch(repo_id: str, name: str, *, commit: str) -> None:
    """Make a branch that begins at a commit.

    Raises:
        HubError: The Hub refuses.
    """
    with asking(page(repo_id)):
        client().create_branch(repo_id, branch=name, revision=commit, repo_type="dataset")


def commit_files(
    repo: HubRepo,
    files: Mapping[str, Path],
    *,
    deleted: Collection[str] = (),
    message: str,
    create_pr: bool = False,
    progress: Progress | None = None,
) -> HubCommit:
    """Make one commit on top of what was read of a repository; until then nobody sees a change.

    The content of large files is sent first. What of it the Hub already has, such as from an attempt that
    was killed, is not sent again.

    Args:
        repo: The repository, as it was read.
        files: Files to add or replace, by their paths in the repository.
        deleted: Files to delete.
        message: Of the commit.
        create_pr: Open a pull request with it, and leave the branch alone.
        progress: Called with the number of files sent and of all.

    Raises:
        HubError: Somebody else has committed meanwhile, the card's metadata are wrong, the token may not
            write, the Hub cannot be reached, or it refuses.
    """
    hub = load_extra("huggingface_hub", "hub")
    place = {"repo_type": "dataset", "revision": repo.revision, "create_pr": create_pr}
    adds = [hub.CommitOperationAdd(path_in_repo=name, path_or_fileobj=path) for name, path in files.items()]
    deletes = [hub.CommitOperationDelete(path_in_repo=name, is_folder=False) for name in deleted]
    with asking(repo.url):
        for start in range(0, len(adds), _AT_ONCE):
            client().preupload_lfs_files(repo.repo_id, adds[start : start + _AT_ONCE], **place)
            if progress:
                progress(min(start + _AT_ONCE, len(adds)), len(adds))
        made = client().create_commit(
            repo.repo_id, [*adds, *deletes], commit_message=message, parent_commit=repo.commit, **place
        )
    return HubCommit(commit=made.oid, url=made.commit_url, pull_request=made.pr_url)
