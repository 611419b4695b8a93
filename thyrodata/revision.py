"""Making a new dataset from others: changed records, kept images, splits, COCO, card and checksums.

What an operation does stands in its :class:`thyrodata.change.Change`; here is how it becomes a dataset, at
once or not at all. The parents are only read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from thyrodata import __version__
from thyrodata.change import Change, ChangedRecords, sums_sha256
from thyrodata.conversion import SKIPPED, VERSIONED, clear_unfinished, write_skips
from thyrodata.dataset import MANIFEST, RECORDS_FILE, Dataset, seal, write_manifest
from thyrodata.engine import Destination, Made, Progress, make_records
from thyrodata.errors import (
    CaseError,
    DatasetError,
    InterruptedRunError,
    SchemaError,
    SplitError,
    UsageError,
)
from thyrodata.inheritance import extended_splits, kept_splits
from thyrodata.io.collector import collector_paused
from thyrodata.io.files import write_file, writing
from thyrodata.io.parquet import read_chunk, stream_as, write_records
from thyrodata.io.png import PngEncoder
from thyrodata.io.workspace import Workspace, check_apart, opened_workspace
from thyrodata.partition import MadeSplit, SplitPlan, plan_split, write_splits
from thyrodata.reports.card import dataset_card
from thyrodata.schema.manifest import SCHEMA_VERSION, Manifest, Operation, Parent, Skip, Version
from thyrodata.schema.plain import from_plain
from thyrodata.survey import Glance, Survey

__all__ = ["Revision", "Splits", "opened", "revise"]

ENCODER = PngEncoder.ISAL
"""Of images whose pixels change."""


class Splits(Enum):
    """What becomes of the splits that were made in the parent; published ones follow the records."""

    KEEP = "keep"
    """Every image that is left keeps its part."""
    EXTEND = "extend"
    """New images are assigned too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What an operation made, or with ``dry_run`` would make."""

    operation: str
    out: Path
    images: int
    image_bytes: int
    """Of a dry run, of the images as they are, unless their pixels change."""
    parents: tuple[Parent, ...]
    dataset: Dataset | None
    """What was made; ``None`` for a dry run."""


def opened(dataset: Dataset | str | Path) -> Dataset:
    """Return the dataset, or the one that lies in a folder.

    Raises:
        DatasetError: The folder is no dataset.
    """
    return dataset if isinstance(dataset, Dataset) else Dataset(dataset)


def revise(
    change: Change,
    parents: Sequence[Dataset],
    out: str | Path,
    *,
    splits: Splits | SplitPlan = Splits.KEEP,
    hands_down: Callable[[Skip], bool] = bool,
    link: bool = False,
    workers: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Revision:
    """Make a new dataset.

    It appears at ``out`` whole, or not at all. What is built meanwhile lies beside it in ``OUT.partial``,
    and a build that was stopped, even killed, continues with ``resume``. The bytes depend on the parents and
    the change alone.

    Args:
        change: Which records are taken, and what becomes of each.
        parents: The datasets that its rows name, the first of which hands down its splits.
        out: The folder to make.
        splits: What becomes of the splits made in the first parent, or the one split that is made instead.
        hands_down: Whether the new dataset still lists what the parents' conversion could not read.
        link: Make hard links to images that stay as they are, instead of copies.
        workers: Processes; 1 is this process. By default one, or one per core for large datasets.
        resume: Continue an unfinished build.
        overwrite: Replace a dataset that is at ``out``, and throw away an unfinished build of it.
        dry_run: Read everything and write nothing.
        progress: Called with the number of records done and of all.

    Raises:
        UsageError: There are fewer workers than one.
        DatasetError: A parent is damaged, or no record would be left.
        CaseError: The change cannot be made to an image.
        SplitError: The split cannot be made.
        OutputError: ``out`` is in the way or cannot be written.
        InterruptedRunError: The user stopped it; it can be resumed.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"{workers} workers cannot read", hint="ask for one or more")
    if not change.rows:
        raise DatasetError(
            f"{change.name} leaves no image", where=str(parents[0].path), hint="nothing was written"
        )
    job = _Job(change, parents, splits, hands_down, link=link)
    target = Path(out)
    for parent in parents:
        check_apart(parent.path, target)
    if dry_run:
        return job.report(job.read(None, workers, progress), target, None)
    with (
        opened_workspace(target, job.state, MANIFEST, resume=resume, overwrite=overwrite) as space,
        collector_paused(),
    ):
        return job.build(space, workers, progress)


class _Job:
    """One revision: the change, its parents, and what becomes of their splits."""

    def __init__(
        self,
        change: Change,
        parents: Sequence[Dataset],
        splits: Splits | SplitPlan,
        hands_down: Callable[[Skip], bool],
        *,
        link: bool,
    ) -> None:
        self._change = change
        self._parents = tuple(parents)
        self._splits = splits
        self._hands_down = hands_down
        self._link = link
        self._named = tuple(
            Parent(name=parent.manifest.name, sha256=sums_sha256(parent)) for parent in parents
        )
        settings = {f"setting {setting.name}": setting.value for setting in change.settings()}
        rows = "".join(f"{row.parent} {row.index}\n" for row in change.rows)
        self.state = {
            "operation": change.name,
            "thyrodata version": __version__,
            "parents": "+".join(parent.sha256 for parent in self._named),
            "records": sha256(rows.encode()).hexdigest(),
            "link": str(link),
            **settings,
        }

    def read(self, destination: Destination | None, workers: int | None, progress: Progress | None) -> Made:
        """Change all records; with a destination, write images and chunks."""
        contents = tuple((p.path, n.sha256) for p, n in zip(self._parents, self._named, strict=True))
        reader = ChangedRecords(change=self._change, parents=contents, link=self._link)
        return make_records(
            reader,
            self._change.rows,
            destination,
            workers=workers,
            encoder=ENCODER,
            progress=progress,
        )

    def build(self, space: Workspace, workers: int | None, progress: Progress | None) -> Revision:
        """Build the dataset in a workspace and publish it."""
        if space.published:  # by a process that was killed while it cleaned up
            space.publish()
            return self._report_published(Dataset(space.out))
        try:
            made = self.read(Destination(dataset=space.dataset, work=space.work), workers, progress)
            self._assemble(made, space.dataset)
            space.publish()
        except KeyboardInterrupt:
            raise InterruptedRunError(
                "stopped; what was done is kept", where=str(space.partial), hint="continue with --resume"
            ) from None
        except (CaseError, DatasetError, SchemaError, SplitError):
            space.abandon()  # what is wrong with the parents will be wrong again
            raise
        return self.report(made, space.out, Dataset(space.out))

    def report(self, made: Made, out: Path, dataset: Dataset | None) -> Revision:
        """Say what was done, or would be."""
        return Revision(
            operation=self._change.name,
            out=out,
            images=made.records,
            image_bytes=made.image_bytes,
            parents=self._named,
            dataset=dataset,
        )

    def _report_published(self, dataset: Dataset) -> Revision:
        """Say what an earlier process did, as its dataset tells."""
        paths = [member.path for member in dataset.survey().members]
        return Revision(
            operation=self._change.name,
            out=dataset.path,
            images=len(paths),
            image_bytes=sum((dataset.path / path).stat().st_size for path in paths if path),
            parents=self._named,
            dataset=dataset,
        )

    def _assemble(self, made: Made, folder: Path) -> None:
        """Write everything but the images, from the chunks; whatever an earlier attempt left is replaced."""
        clear_unfinished(folder)
        handed = (skip for parent in self._parents for skip in _skips(parent) if self._hands_down(skip))
        skips = list(dict.fromkeys(handed))
        write_skips(folder, skips)
        batches = (batch for file in made.chunk_files for batch in read_chunk(file))
        write_records(folder / RECORDS_FILE, batches)
        survey = Survey(stream_as(folder / RECORDS_FILE, Glance))
        write_manifest(folder, self._manifest(made, survey, len(skips)))
        dataset = Dataset(folder)
        write_splits(dataset, survey, folder, self._planned(survey))
        for path, data in self._change.files().items():
            with writing(folder / path):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
            write_file(folder / path, data)
        write_file(folder / "README.md", dataset_card(dataset).encode())
        dataset.note(self._change.name)
        seal(folder, {m.path: m.sha256 for m in survey.members if m.path and m.sha256})

    def _planned(self, survey: Survey) -> list[MadeSplit]:
        match self._splits:
            case Splits.KEEP:
                return kept_splits(survey, self._parents[0])
            case Splits.EXTEND:
                return extended_splits(survey, self._parents[0])
            case SplitPlan() as plan:
                return [plan_split(survey, plan)]

    def _manifest(self, made: Made, survey: Survey, skips: int) -> Manifest:
        manifests = [parent.manifest for parent in self._parents]
        earlier = [operation for manifest in manifests for operation in manifest.operations]
        encoders = [manifest.encoder for manifest in manifests if manifest.encoder]
        if made.encoded:
            encoders.append(ENCODER.describe())
        step = Operation(name=self._change.name, settings=self._change.settings(), parents=self._named)
        return Manifest(
            schema_version=SCHEMA_VERSION,
            name="+".join(dict.fromkeys(manifest.name for manifest in manifests)),
            sources=tuple(dict.fromkeys(source for manifest in manifests for source in manifest.sources)),
            versions=(
                Version(package="thyrodata", version=__version__),
                *(Version(package=name, version=version(name)) for name in VERSIONED),
            ),
            encoder="; ".join(dict.fromkeys(encoders)) or None,
            pixel_sha256=made.pixel_sha256,
            counts=survey.counts,
            skips=skips,
            operations=(*dict.fromkeys(earlier), step),
        )


def _skips(parent: Dataset) -> list[Skip]:
    """Return what the conversion of a parent could not read."""
    place = parent.path / SKIPPED
    if not parent.manifest.skips:
        return []
    try:
        lines = place.read_text("utf-8").split("\n")[:-1]
        return [from_plain(Skip, json.loads(line)) for line in lines]
    except (OSError, ValueError, SchemaError) as error:
        raise DatasetError(
            f"the list of what was skipped cannot be read: {error}",
            where=str(place),
            hint="run `thyrodata verify` on the dataset",
        ) from None
