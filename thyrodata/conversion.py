"""Converting a raw source into a dataset: records, images, the default split, COCO, card and checksums."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import Enum
from importlib.metadata import version
from pathlib import Path
from typing import Any

from thyrodata import __version__
from thyrodata.converters import load_converter
from thyrodata.dataset import MANIFEST, RECORDS_FILE, Dataset, seal, write_manifest
from thyrodata.engine import Destination, OnError, Plan, Progress, Run, plan_items, run_items
from thyrodata.errors import CaseError, InterruptedRunError, OutputError, SchemaError, UsageError
from thyrodata.io.cards import load_card
from thyrodata.io.collector import collector_paused
from thyrodata.io.files import write_file
from thyrodata.io.parquet import read_chunk, stream_as, write_records
from thyrodata.io.png import PngEncoder
from thyrodata.io.raw import Raw
from thyrodata.io.workspace import Workspace, check_apart, opened_workspace
from thyrodata.partition import SplitPlan, check_kind, parse_kind, plan_split, write_splits
from thyrodata.reports.card import dataset_card
from thyrodata.sample import Converter
from thyrodata.schema.manifest import SCHEMA_VERSION, Manifest, Setting, Skip, Source, Version
from thyrodata.schema.plain import from_plain, to_plain
from thyrodata.survey import Glance, Survey

__all__ = ["SKIPPED", "VERSIONED", "Conversion", "clear_unfinished", "convert", "settings_of", "write_skips"]

SKIPPED = "reports/skipped.jsonl"
VERSIONED = ("pyarrow", "pycocotools")
"""Packages beside thyrodata whose version may change the bytes of a dataset."""

MAX_SKIPPED = 0.01
"""Share of items that may be skipped before nothing is published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """What a conversion did, or with ``dry_run`` would do."""

    name: str
    out: Path
    items: int
    """What the source is made of: cases, rows or clips."""
    images: int
    image_bytes: int
    skips: tuple[Skip, ...]
    dataset: Dataset | None
    """What was made; ``None`` for a dry run."""


@collector_paused()
def convert(
    name: str,
    raw: str | Path,
    out: str | Path | None = None,
    *,
    settings: object | None = None,
    workers: int | None = None,
    on_error: str = "raise",
    max_skipped: float = MAX_SKIPPED,
    encoder: str = PngEncoder.ISAL.value,
    by: str | None = None,
    seed: int = 0,
    resume: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Conversion:
    """Convert a published dataset.

    The dataset appears at ``out`` whole, or not at all. What is built meanwhile lies beside it in
    ``OUT.partial``, and a build that was stopped, even killed, continues with ``resume``. For one source,
    the bytes written depend on the arguments ``settings``, ``encoder`` and ``seed`` alone.

    Args:
        name: The dataset's name, one of ``thyrodata list``.
        raw: The folder that holds the release.
        out: The folder to make; by default ``name`` in the working directory.
        settings: What to read, or what the files mean: an instance of the converter's ``Settings``.
        workers: Processes to read with; 1 is this process. By default one, or one per core for large sources.
        on_error: ``"raise"`` ends at the first item that cannot be read, ``"skip"`` leaves it out and
            lists it.
        max_skipped: Share of items, 0 to 1, that may be skipped; beyond it nothing is published.
        encoder: Of images that have to be encoded, ``"isal"`` or ``"zlib"``: the same pixels in other bytes.
            Files of a release that are images already are copied as they are.
        by: The identity that the default split keeps together. It is always the published one; naming
            another is refused, and writes nothing.
        seed: Of the default split.
        resume: Continue an unfinished build.
        overwrite: Replace a dataset that is at ``out``, and throw away an unfinished build of it.
        dry_run: Read everything and write nothing.
        progress: Called with the number of items done and of all.

    Returns:
        What was done.

    Raises:
        UsageError: The name, or another argument, is not one of those that there are.
        RawLayoutError: The folder is not laid out as the dataset is published.
        CaseError: An item cannot be read, and ``on_error`` is ``"raise"``.
        SplitError: The split cannot be made as asked.
        OutputError: ``out`` is in the way or cannot be written, or too much was skipped.
        InterruptedRunError: The user stopped it; it can be resumed.
    """
    converter = load_converter(name, settings)
    policy = _policy(on_error, max_skipped)
    if workers is not None and workers < 1:
        raise UsageError(f"{workers} workers cannot read", hint="ask for one or more")
    target = Path(name if out is None else out)
    identity = load_card(name).card.identity
    check_kind(parse_kind(by), [identity] if identity else [])
    check_apart(Path(raw), target)
    job = _Job(
        converter,
        Path(raw),
        SplitPlan(seed=seed, by=parse_kind(by)),
        policy=policy,
        max_skipped=max_skipped,
        encoder=_encoder(encoder),
    )
    if identity is None:
        job.check_kind()
    if dry_run:
        return job.report(job.read(None, workers, progress), None, target)
    with opened_workspace(target, job.state, MANIFEST, resume=resume, overwrite=overwrite) as space:
        return job.build(space, workers, progress)


def _policy(on_error: str, max_skipped: float) -> OnError:
    if on_error not in {policy.value for policy in OnError}:
        raise UsageError(f"there is no error policy {on_error!r}", hint="there are: raise, skip")
    if not 0 <= max_skipped <= 1:
        raise UsageError(f"max_skipped is {max_skipped}", hint="it is a share of the items, from 0 to 1")
    return OnError(on_error)


def _encoder(name: str) -> PngEncoder:
    if name not in set(PngEncoder):
        raise UsageError(f"there is no encoder {name!r}", hint=f"there are: {', '.join(PngEncoder)}")
    return PngEncoder(name)


class _Job:
    """One conversion: what to read, and what to make of it."""

    def __init__(
        self,
        converter: Converter[Any],
        raw: Path,
        split: SplitPlan,
        *,
        policy: OnError,
        max_skipped: float,
        encoder: PngEncoder,
    ) -> None:
        plan = plan_items(converter, Raw(raw))
        plan.unclaimed_skips(policy)
        self.state = {
            "converter": converter.name,
            "thyrodata version": __version__,
            "encoder": encoder.value,
            "source": plan.listing_sha256(),
            **{f"setting {setting.name}": setting.value for setting in settings_of(converter, shown=False)},
        }
        self._converter = converter
        self._plan: Plan | None = plan
        self._split = split
        self._policy = policy
        self._max_skipped = max_skipped
        self._encoder = encoder

    def check_kind(self) -> None:
        """Refuse, before anything is written, to split by another identity than the first item publishes.

        Raises:
            SplitError: The source does not name that identity, or names a coarser one.
        """
        if self._split.by is None or self._plan is None:
            return
        try:
            kinds = {sample.record.group_kind for sample in self._converter.samples(self._plan.items[0])}
        except (CaseError, SchemaError):
            return  # what is wrong with it is said when it is read
        check_kind(self._split.by, kinds)

    def read(self, destination: Destination | None, workers: int | None, progress: Progress | None) -> Run:
        """Read all items, once; with a destination, write images and chunks."""
        plan, self._plan = self._plan, None  # large for a large source, and not needed again
        if plan is None:
            raise RuntimeError("a job reads its items once")
        run = run_items(
            self._converter,
            plan,
            destination,
            workers=workers,
            on_error=self._policy,
            encoder=self._encoder,
            progress=progress,
        )
        for source in (plan.raw, *plan.beside):
            source.forget()
        return run

    def build(self, space: Workspace, workers: int | None, progress: Progress | None) -> Conversion:
        """Build the dataset in a workspace and publish it."""
        if space.published:  # by a process that was killed while it cleaned up
            space.publish()
            return self._report_published(Dataset(space.out))
        try:
            run = self.read(Destination(dataset=space.dataset, work=space.work), workers, progress)
            self._check_skips(run, space.dataset)
            self._assemble(run, space.dataset)
            space.publish()
        except KeyboardInterrupt:
            raise InterruptedRunError(
                "stopped; what was done is kept", where=str(space.partial), hint="continue with --resume"
            ) from None
        except CaseError as error:
            hint = f"{error.hint}; or skip what cannot be read: --resume --on-error skip"
            raise CaseError(error.message, where=error.where, hint=hint) from None
        return self.report(run, Dataset(space.out), space.out)

    def report(self, run: Run, dataset: Dataset | None, out: Path) -> Conversion:
        """Say what was done, or would be."""
        return Conversion(
            name=self._converter.name,
            out=out,
            items=run.items,
            images=run.records,
            image_bytes=run.image_bytes,
            skips=run.skips,
            dataset=dataset,
        )

    def _report_published(self, dataset: Dataset) -> Conversion:
        """Say what an earlier process did, as its dataset tells."""
        paths = [member.path for member in dataset.survey().members]
        skips = (dataset.path / SKIPPED).read_text("utf-8").split("\n")[:-1]
        return Conversion(
            name=self._converter.name,
            out=dataset.path,
            items=len(self._plan.items) if self._plan else 0,
            images=len(paths),
            image_bytes=sum((dataset.path / path).stat().st_size for path in paths if path),
            skips=tuple(from_plain(Skip, json.loads(skip)) for skip in skips),
            dataset=dataset,
        )

    def _check_skips(self, run: Run, folder: Path) -> None:
        write_skips(folder, run.skips)
        total = run.items + run.stray
        if len(run.skips) > self._max_skipped * total:
            raise OutputError(
                f"{len(run.skips)} of {total} items cannot be read, which is more than --max-skipped "
                f"{self._max_skipped:g} allows: nothing is published",
                where=str(folder / SKIPPED),
                hint="mend the source, or allow more: --resume --on-error skip --max-skipped SHARE",
            )
        if not run.records:
            raise OutputError(
                "no image could be read: nothing is published",
                where=str(folder / SKIPPED),
                hint="the file says what is wrong with each item: mend the source",
            )

    def _assemble(self, run: Run, folder: Path) -> None:
        """Write everything but the images, from the chunks; whatever an earlier attempt left is replaced."""
        clear_unfinished(folder)
        write_skips(folder, run.skips)
        write_records(
            folder / RECORDS_FILE, (batch for file in run.chunk_files for batch in read_chunk(file))
        )
        survey = Survey(stream_as(folder / RECORDS_FILE, Glance))
        write_manifest(folder, self._manifest(run, survey))
        dataset = Dataset(folder)
        write_splits(dataset, survey, folder, [plan_split(survey, self._split)])
        write_file(folder / "README.md", dataset_card(dataset).encode())
        dataset.note(f"convert {self._converter.name}")
        seal(folder, {m.path: m.sha256 for m in survey.members if m.path and m.sha256})

    def _manifest(self, run: Run, survey: Survey) -> Manifest:
        card = load_card(self._converter.name).card
        return Manifest(
            schema_version=SCHEMA_VERSION,
            name=card.name,
            sources=(
                Source(
                    card=card.name,
                    licence=card.licence,
                    converter=self._converter.name,
                    settings=settings_of(self._converter),
                    raw_sha256=run.raw_sha256,
                    raw_files_read=run.files_read,
                    raw_files_skipped=run.files_skipped,
                    raw_files_ignored=run.files_ignored,
                ),
            ),
            versions=(
                Version(package="thyrodata", version=__version__),
                *(Version(package=name, version=version(name)) for name in VERSIONED),
            ),
            encoder=self._encoder.describe() if run.encoded else None,
            pixel_sha256=run.pixel_sha256,
            counts=survey.counts,
            skips=len(run.skips),
        )


def settings_of(converter: Converter[Any], *, shown: bool = True) -> tuple[Setting, ...]:
    """Return the settings of a converter that are not the defaults.

    Where they are to be shown, of a folder no more is said than that it was given: its place is the machine's
    own, and what was read there is in the source's hash.
    """
    settings = getattr(converter, "settings", None)
    if settings is None:
        return ()
    changed = (field.name for field in fields(settings) if getattr(settings, field.name) != field.default)
    return tuple(
        Setting(name=name, value="given" if shown and isinstance(value, Path) else _text(value))
        for name, value in ((name, getattr(settings, name)) for name in changed)
    )


def _text(value: object) -> str:
    match value:
        case Enum():
            return str(value.value)
        case tuple():
            return ", ".join(map(_text, value))
    return str(value)


def clear_unfinished(folder: Path) -> None:
    """Remove all but the images of a dataset in the making: an earlier attempt may have left it."""
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != "images":
            shutil.rmtree(entry)
        elif entry.is_file():
            entry.unlink()


def write_skips(folder: Path, skips: Sequence[Skip]) -> None:
    """Write the list of what could not be read, which is there even if it is empty."""
    (folder / SKIPPED).parent.mkdir(exist_ok=True)
    lines = (json.dumps(to_plain(skip), ensure_ascii=False) + "\n" for skip in skips)
    write_file(folder / SKIPPED, "".join(lines).encode())
