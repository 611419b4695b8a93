"""Restore: a dataset that was published on the Hugging Face Hub, or exported for it, as it was before."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from thyrodata.dataset import MANIFEST, Dataset
from thyrodata.engine import Progress
from thyrodata.errors import DatasetError
from thyrodata.io.hashes import list_files
from thyrodata.io.hub import check_repo_id, download_files, open_repo
from thyrodata.io.workspace import check_apart, check_out, opened_workspace
from thyrodata.publishing.restoring import needed, restore_tree
from thyrodata.schema.manifest import Manifest

__all__ = ["HubSettings", "Restored", "restore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSettings:
    """Which contents of a repository are read."""

    revision: str | None = field(
        default=None, metadata={"help": "a branch, tag, commit or refs/pr/N; by default the main branch"}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A dataset that was restored, or with ``dry_run`` would be."""

    source: str
    """The repository or the folder."""
    commit: str | None
    """What was read of a repository."""
    out: Path
    files: int
    """That are read."""
    bytes: int
    """Of these files."""
    manifest: Manifest | None
    """``None`` of a dry run."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "source": self.source,
            "commit": self.commit,
            "out": str(self.out),
            "files": self.files,
            "bytes": self.bytes,
            "name": self.manifest.name if self.manifest else None,
            "images": self.manifest.count("images") if self.manifest else None,
            "dry_run": self.manifest is None,
        }


def restore(
    source: str | Path,
    out: str | Path | None = None,
    *,
    settings: HubSettings | None = None,
    resume: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Restored:
    """Make the dataset that was published, with the bytes that every file of it had.

    Args:
        source: A folder that `export huggingface` wrote; or else ``OWNER/NAME``, a repository on the Hub.
        out: The folder to make; by default it is called as the source.
        settings: Which revision of a repository.
        resume: Go on with a download that was interrupted.
        overwrite: Replace the dataset that is at ``out``.
        dry_run: Say what would be read, and write nothing.
        progress: Called with the number of files downloaded and of all, and then with that of images written.

    Raises:
        DatasetError: The source holds no dataset of thyrodata, or one that is not whole.
        UsageError: The source is neither a folder nor the name of a repository.
        HubError: The Hub cannot be reached, or refuses.
        OutputError: Something is in the way of ``out``, or it cannot be written.
    """
    folder = Path(source)
    if folder.is_dir():
        repo, sizes = None, {path: (folder / path).stat().st_size for path in list_files(folder)}
    else:
        check_repo_id(str(source))
        repo = open_repo(str(source), revision=settings.revision if settings else None)
        sizes = {path: file.size for path, file in repo.files.items()}
    read = needed(sizes, repo.url if repo else str(folder))
    restored = Restored(
        source=str(source),
        commit=repo.commit if repo else None,
        out=Path(out or folder.name),
        files=len(read),
        bytes=sum(sizes[path] for path in read),
        manifest=None,
    )
    check_apart(folder, restored.out)
    if dry_run:
        check_out(restored.out, MANIFEST, resume=resume, overwrite=overwrite)
        return restored
    state = {"source": restored.source, "commit": restored.commit or ""}
    with opened_workspace(restored.out, state, MANIFEST, resume=resume, overwrite=overwrite) as space:
        if repo:
            folder = space.work / "tree"
            download_files(repo, read, folder, progress=progress)
        try:
            restore_tree(folder, space.dataset, progress)
        except DatasetError:  # what was published is not whole: to go on would not help
            space.abandon()
            raise
        space.publish()
    made = Dataset(restored.out)
    made.note(f"convert hub {restored.commit or ''}".rstrip())
    return replace(restored, manifest=made.manifest)
