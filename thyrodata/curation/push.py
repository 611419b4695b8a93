"""Push: a dataset as a repository of the Hugging Face Hub, with its card, its splits and its provenance."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thyrodata import __version__
from thyrodata.dataset import Dataset
from thyrodata.errors import OutputError, UsageError
from thyrodata.exports.huggingface import HuggingfaceSettings
from thyrodata.exports.ledger import LOSSES
from thyrodata.exports.run import MARKER, export
from thyrodata.io.files import read_text
from thyrodata.io.hub import check_repo_id, check_token, page
from thyrodata.publishing.guard import check, objections
from thyrodata.publishing.upload import Difference, Target, Uploaded, compare, look_up, upload
from thyrodata.revision import opened

__all__ = ["Pushed", "push"]

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What was pushed, or with ``dry_run`` would be to a repository that holds nothing yet."""

    repo_id: str
    url: str
    """The page of the commit or of the pull request; of the dataset where there is neither."""
    revision: str | None
    """The branch that was asked for; ``None`` is the main branch."""
    commit: str | None
    """The last of the branch, or of the pull request; ``None`` in a dry run, which asks nobody."""
    created: bool
    """The repository was made."""
    private: bool
    gated: bool
    difference: Difference
    dry_run: bool

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "repo_id": self.repo_id,
            "url": self.url,
            "revision": self.revision,
            "commit": self.commit,
            "created": self.created,
            "private": self.private,
            "gated": self.gated,
            "sent": dict(self.difference.sent),
            "bytes": sum(self.difference.sent.values()),
            "unchanged": [*self.difference.unchanged],
            "deleted": [*self.difference.deleted],
            "dry_run": self.dry_run,
        }


def push(
    dataset: Dataset | str | Path,
    repo: str,
    *,
    split: str = "default",
    reader: str | None = None,
    accept: Collection[str] = (),
    public: bool = False,
    gated: str | Path | None = None,
    create_pr: bool = False,
    revision: str | None = None,
    workers: int = 1,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Pushed:
    """Push a dataset to the Hugging Face Hub: one commit, or none where nothing has changed.

    What stands against publishing is looked for first, before anything is built and anybody is asked. The
    files are those of the export ``huggingface``, built in a temporary folder. Only what differs from the
    repository's is sent; a push that was interrupted sends no large file again that had arrived whole.

    Args:
        dataset: The dataset, or its folder.
        repo: The repository's name, ``owner/name``. One that is not there is made.
        split: The split by whose parts images are shown.
        reader: Whose findings are shown; needed only where there are several readers and no consensus.
        accept: Names of what may stand against publishing, and of losses and changes of the export.
        public: Everybody may see it; otherwise it is private. A repository that is there has to be so
            already.
        gated: A text file of the terms to which people agree before they may read the files.
        create_pr: Open a pull request instead of committing to the branch.
        revision: The branch, made if need be, or ``refs/pr/N``; by default the main branch.
        workers: Processes that look for copies of images across the parts; 1 is this process.
        dry_run: Send nothing and ask nobody; say what there would be.
        progress: Called with the number of images compared, then of those written, then of files sent, and
            of all.

    Returns:
        What was done.

    Raises:
        UsageError: The name of the repository, of the reader or what is accepted is none.
        DatasetError: The dataset is not whole, or has no such split.
        OutputError: Something stands against publishing that is not accepted; or the repository is another's,
            or is seen by others than was asked for; or the disk is full.
        HubError: There is no token, or it may not write; somebody else has committed meanwhile; the Hub
            cannot be reached, or it refuses. Nothing was published.
    """
    check_repo_id(repo)
    source = opened(dataset)
    terms = None if gated is None else _terms(Path(gated))
    found = objections(source, split=split, workers=workers, progress=progress)
    check(found, set(accept) - LOSSES.keys())
    target = Target(
        repo_id=repo,
        marker=MARKER,
        public=public,
        gated=terms is not None,
        revision=revision,
        create_pr=create_pr,
    )
    if not dry_run:
        check_token()
        look_up(target)  # what is refused is refused before the long work
    with tempfile.TemporaryDirectory(prefix="thyrodata-") as scratch:
        tree = Path(scratch) / "tree"
        export(
            "huggingface",
            source,
            tree,
            split=split,
            reader=reader,
            accept=LOSSES.keys() & set(accept),
            settings=HuggingfaceSettings(
                gated_terms=terms, answered_for=tuple(f"{each.code}: {each.text}" for each in found)
            ),
            progress=progress,
        )
        if dry_run:
            return _planned(target, compare(tree, None))
        done = upload(tree, target, _message(source), progress)
    with suppress(OutputError):  # a dataset that may only be read has no history of its pushes
        source.note(f"push {repo}, split {split}")
    return _pushed(target, done)


def _terms(file: Path) -> str:
    text = read_text(file).strip()
    if not text:
        raise UsageError("the terms are empty", where=str(file), hint="write what people are to agree to")
    return text


def _message(dataset: Dataset) -> str:
    images = dataset.manifest.count("images")
    return f"{dataset.manifest.name}: {images} images, by thyrodata {__version__}"


def _planned(target: Target, difference: Difference) -> Pushed:
    return Pushed(
        repo_id=target.repo_id,
        url=page(target.repo_id),
        revision=target.revision,
        commit=None,
        created=False,
        private=not target.public,
        gated=target.gated,
        difference=difference,
        dry_run=True,
    )


def _pushed(target: Target, done: Uploaded) -> Pushed:
    made = done.commit
    return Pushed(
        repo_id=target.repo_id,
        url=made.pull_request or made.url if made else done.repo.url,
        revision=target.revision,
        commit=made.commit if made else done.repo.commit,
        created=done.created,
        private=done.repo.private,
        gated=target.gated,
        difference=done.difference,
        dry_run=False,
    )
