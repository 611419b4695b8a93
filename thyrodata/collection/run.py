"""Capture: a scanner's export becomes a de-identified dataset, at once or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from thyrodata import __version__
from thyrodata.capture.clinical import ClinicalCounts, ClinicalTable, read_clinical
from thyrodata.capture.crosswalk import RandomTokens
from thyrodata.capture.frames import parse_choice
from thyrodata.capture.key import load_key
from thyrodata.capture.pseudonyms import Keyed, Pseudonyms
from thyrodata.capture.source import list_source
from thyrodata.capture.verdict import Verdict, verdict_of_loss
from thyrodata.change import sums_sha256
from thyrodata.collection.account import put_aside, read_account, read_clinical_counts, tally
from thyrodata.collection.annotations import read_drawn
from thyrodata.collection.assembly import FINGERPRINT, Assembly
from thyrodata.collection.model import RULES, FileDone, FileJob, Scanned, TextPolicy, Treatment
from thyrodata.collection.ordering import Ordered, order
from thyrodata.collection.process import PREVIEWS, Process, begun, image_folder
from thyrodata.collection.quarantine import Quarantine, write_source_map
from thyrodata.collection.scan import Scan
from thyrodata.dataset import MANIFEST, Dataset
from thyrodata.engine import Progress
from thyrodata.errors import DatasetError, InterruptedRunError, OutputError, UsageError
from thyrodata.io.collector import collector_paused
from thyrodata.io.extras import require_extra
from thyrodata.io.journal import append, entries, repair
from thyrodata.io.png import PngEncoder
from thyrodata.io.secretfile import check_place
from thyrodata.io.workspace import Workspace, check_apart, opened_workspace
from thyrodata.sandbox import Fault, Limits, Lost, Sandbox
from thyrodata.schema.manifest import Setting
from thyrodata.schema.plain import from_plain, to_plain

__all__ = ["Captured", "run_capture"]

JOURNAL = "journal.jsonl"

LIMITS = Limits(memory_bytes=2 * 2**30, silent_seconds=120)
"""Of one worker. What a still of 8192 x 8192 px or the networks that find text need is less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """What a capture did, or with ``dry_run`` would do."""

    out: Path
    files: tuple[FileDone, ...]
    """What became of each file of this export, in the order of the sorted listing."""
    clinical: ClinicalCounts | None
    """How the clinical table was joined, if one was given."""
    quarantine: Path | None
    """The private folder with previews of what was put aside; ``None`` if nothing was."""
    fingerprint: str
    """Of the key, or of the crosswalk. Whoever has that can tell who a pseudonym is."""
    dataset: Dataset | None
    """What was made; ``None`` for a dry run."""

    @property
    def put_aside(self) -> tuple[FileDone, ...]:
        """The files in quarantine."""
        return put_aside(self.files)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {
            "out": str(self.out),
            "dry_run": self.dataset is None,
            "fingerprint": self.fingerprint,
            "quarantine": None if self.quarantine is None else str(self.quarantine),
            "clinical": None if self.clinical is None else to_plain(self.clinical),
            "counts": {verdict.code: n for verdict, n in tally(self.files).items()},
            "files": [to_plain(done) for done in self.files],
        }


def run_capture(
    raw: str | Path,
    out: str | Path,
    *,
    key: str | Path | None = None,
    crosswalk: str | Path | None = None,
    frames: str = "all",
    text: str = TextPolicy.BLANK.value,
    clinical: str | Path | None = None,
    clinical_map: str | Path | None = None,
    annotations: str | Path | None = None,
    categories: Sequence[str] = (),
    append_to: str | Path | None = None,
    source_map: str | Path | None = None,
    encoder: str = PngEncoder.ISAL.value,
    seed: int = 0,
    workers: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Captured:
    """Make a de-identified dataset of a scanner's export of ultrasound DICOM files.

    The dataset appears at ``out`` whole, or not at all; a build that was stopped, even killed, continues with
    ``resume``. It holds pictures, pseudonyms, ordinals and values from closed lists, and nothing else of the
    files. A file that is in doubt is put aside: its preview, which shows a person's data, lies in the private
    folder ``OUT.quarantine``, and never in the dataset. For one export and key the bytes depend on the
    arguments ``frames``, ``text``, ``encoder``, ``seed``, the tables and the versions of packages alone.

    Args:
        raw: The export: a folder of DICOM files, in subfolders and ZIP archives too.
        out: The folder to make.
        key: The site's key, from which pseudonyms are made.
        crosswalk: Instead of a key, a private file of random tokens, which is made or continued.
        frames: Of clips: ``"all"``, ``"every N"`` or ``"sharpest K"``; the last two thin near-identical ones.
        text: What is done with text in a picture: ``"blank"`` or ``"quarantine"``.
        clinical: A CSV table of what is known of patients, by their original ids.
        clinical_map: What its columns mean.
        annotations: A COCO file of outlines on whole frames, by the files' paths; they move with the crops.
        categories: ``NAME=CATEGORY`` for its categories that do not speak for themselves.
        append_to: A captured dataset that the new one continues: all of it, then what the export adds.
        source_map: A private file that is written: which file of the export has which ordinal.
        encoder: ``"isal"`` or ``"zlib"``: the same pixels in other bytes.
        seed: Of the default split.
        workers: Processes; by default one for each core.
        resume: Continue an unfinished build.
        overwrite: Replace a dataset at ``out``, and its quarantine, and throw away an unfinished build.
        dry_run: Do all work and write nothing.
        progress: Called with the number of files done and of all, first of headers, then of pixels.

    Raises:
        UsageError: The arguments contradict each other, or the key lies in ``out`` or in a git work tree.
        CaseError: The key, a table or the annotations cannot be read.
        RawLayoutError: ``raw`` is no folder or is empty, or the annotations name a file that is not there.
        DatasetError: What is to be continued was not captured with this key.
        OutputError: ``out`` is in the way or cannot be written, or no file could be exported.
        MissingExtraError: The extras ``dicom`` and ``ocr`` are needed, or a decoder is missing.
        InterruptedRunError: The user stopped it; it can be resumed.
    """
    target = Path(out)
    if workers is not None and workers < 1:
        raise UsageError(f"{workers} workers cannot read", hint="ask for one or more")
    check_apart(Path(raw), target)
    for module, extra in (("pydicom", "dicom"), ("rapidocr", "ocr"), ("onnxruntime", "ocr")):
        require_extra(module, extra)
    run = _Run(
        raw=Path(raw),
        out=target,
        names=_names(key, crosswalk, target),
        treatment=_treatment(frames, text, encoder),
        clinical=_clinical(clinical, clinical_map),
        annotations=None if annotations is None else Path(annotations),
        categories=tuple(categories),
        append_to=None if append_to is None else Path(append_to),
        source_map=None if source_map is None else Path(source_map),
        seed=seed,
        workers=workers or os.cpu_count() or 1,
        progress=progress,
    )
    if dry_run:
        return run.try_out()
    return run.build(resume=resume, overwrite=overwrite)


def _names(key: str | Path | None, crosswalk: str | Path | None, out: Path) -> Pseudonyms:
    if (key is None) == (crosswalk is None):
        raise UsageError(
            "a capture needs a key or a crosswalk, and not both",
            hint="make a key with: thyrodata key new FILE",
        )
    if key is not None:
        return Keyed(load_key(Path(key), out=out))
    return RandomTokens(Path(str(crosswalk)), out=out)


def _treatment(frames: str, text: str, encoder: str) -> Treatment:
    for what, given, known in (("text policy", text, TextPolicy), ("encoder", encoder, PngEncoder)):
        if given not in set(known):
            raise UsageError(f"there is no {what} {given!r}", hint=f"there are: {', '.join(known)}")
    return Treatment(frames=parse_choice(frames), text=TextPolicy(text), encoder=PngEncoder(encoder))


def _clinical(table: str | Path | None, mapping: str | Path | None) -> ClinicalTable | None:
    if (table is None) != (mapping is None):
        raise UsageError(
            "a clinical table and the file that says what its columns mean belong together",
            hint="give both --clinical and --clinical-map",
        )
    if table is None or mapping is None:
        return None
    return read_clinical(Path(table), Path(mapping))


class _Run:
    """One capture: what it is given, and the steps from an export to a dataset."""

    def __init__(
        self,
        *,
        raw: Path,
        out: Path,
        names: Pseudonyms,
        treatment: Treatment,
        clinical: ClinicalTable | None,
        annotations: Path | None,
        categories: tuple[str, ...],
        append_to: Path | None,
        source_map: Path | None,
        seed: int,
        workers: int,
        progress: Progress | None,
    ) -> None:
        self._out = out
        self._files = list_source(raw)
        self._names = names
        self._treatment = treatment
        self._clinical = clinical
        self._drawn = read_drawn(annotations, self._files, categories) if annotations else {}
        self._parent = _continued(append_to, names)
        self._earlier = read_account(self._parent.path) if self._parent else ()
        self._delivery = 1 + max((done.delivery for done in self._earlier), default=0)
        self._source_map = source_map
        self._seed = seed
        self._workers = workers
        self._progress = progress
        if source_map:
            check_place(source_map, out)
        if self._parent:
            check_apart(self._parent.path, out)

    def try_out(self) -> Captured:
        """Do all work and write nothing."""
        with tempfile.TemporaryDirectory() as folder, Sandbox(self._workers, LIMITS) as sandbox:
            _, ordered = self._ordered(sandbox, Path(folder))
            done = self._processed(sandbox, ordered, None, Path(folder))
        return self._captured(self._account(ordered, done), ordered.clinical, None, None)

    def build(self, *, resume: bool, overwrite: bool) -> Captured:
        """Build the dataset in a workspace and publish it."""
        quarantine = Quarantine.beside(self._out)
        quarantine.check(overwrite=overwrite or resume)
        self._names.keep()
        with (
            opened_workspace(self._out, self._state(), MANIFEST, resume=resume, overwrite=overwrite) as space,
            collector_paused(),
        ):
            if space.published:  # by a process that was killed while it cleaned up
                space.publish()
                return self._published(quarantine)
            try:
                return self._built(space, quarantine)
            except KeyboardInterrupt:
                raise InterruptedRunError(
                    "stopped; what was done is kept", where=str(space.partial), hint="continue with --resume"
                ) from None

    def _built(self, space: Workspace, quarantine: Quarantine) -> Captured:
        space.partial.chmod(0o700)  # previews of what is put aside lie below it
        with Sandbox(self._workers, LIMITS) as sandbox:
            scanned, ordered = self._ordered(sandbox, space.work)
            self._names.keep()
            done = self._processed(sandbox, ordered, space.dataset, space.work)
        files = self._account(ordered, done)
        aside = quarantine.write(put_aside(files), space.work / PREVIEWS)
        exported = [n for n in sorted(done) if done[n].verdict == Verdict.EXPORTED.code]
        if not exported and not self._parent:
            raise OutputError(
                "no file could be exported: nothing is published",
                where=str(aside or self._out),
                hint="the list there says why each file was put aside",
            )
        _prune(space.dataset / "images")
        raw = "".join(f"{each.sha256}  {each.file.ordinal}\n" for each in scanned)
        Assembly(
            folder=space.dataset,
            work=space.work,
            treatment=self._treatment,
            settings=self._settings(),
            fingerprint=self._names.fingerprint,
            raw_hash=self._names.token(sha256(raw.encode()).hexdigest()),
            files=files,
            exported=exported,
            clinical=ordered.clinical,
            parent=self._parent,
            seed=self._seed,
        ).assemble()
        if self._source_map:
            write_source_map(self._source_map, [each.file for each in scanned])
        space.publish()
        return self._captured(files, ordered.clinical, aside, Dataset(self._out))

    def _published(self, quarantine: Quarantine) -> Captured:
        """Say what an earlier process did, as its dataset tells."""
        files = [done for done in read_account(self._out) if done.delivery == self._delivery]
        aside = quarantine.folder if quarantine.folder.exists() else None
        return self._captured(files, read_clinical_counts(self._out), aside, Dataset(self._out))

    def _captured(
        self,
        files: Sequence[FileDone],
        clinical: ClinicalCounts | None,
        aside: Path | None,
        dataset: Dataset | None,
    ) -> Captured:
        return Captured(
            out=self._out,
            files=tuple(files),
            clinical=clinical,
            quarantine=aside,
            fingerprint=self._names.fingerprint,
            dataset=dataset,
        )

    def _settings(self) -> tuple[Setting, ...]:
        """Return what the manifest says of how it was done; of tables no more than that they were given."""
        given = (("clinical", self._clinical), ("annotations", self._drawn))
        return (
            Setting(name="frames", value=str(self._treatment.frames)),
            Setting(name="text", value=self._treatment.text.value),
            *(Setting(name=name, value="given") for name, value in given if value),
        )

    def _state(self) -> dict[str, str]:
        listing = "".join(f"{file.path}\0{file.stamp}\n" for file in self._files)
        return {
            "operation": "capture",
            "thyrodata version": __version__,
            "rules": RULES,
            "key": self._names.fingerprint,
            "source": self._names.token(sha256(listing.encode("utf-8", "surrogateescape")).hexdigest()),
            "encoder": self._treatment.encoder.value,
            "collection that is continued": sums_sha256(self._parent) if self._parent else "",
            **{f"setting {setting.name}": setting.value for setting in self._settings()},
        }

    def _ordered(self, sandbox: Sandbox, work: Path) -> tuple[tuple[Scanned, ...], Ordered]:
        """Read all headers, and name and number what they are of."""
        scanned = tuple(self._scanned(sandbox, work))
        prefix = f"delivery {self._delivery} " if self._delivery > 1 else ""
        ordered = order(
            scanned,
            self._names,
            prefix=prefix,
            clinical=self._clinical,
            drawn=self._drawn,
            earlier=self._earlier,
        )
        return scanned, ordered

    def _scanned(self, sandbox: Sandbox, work: Path) -> Iterator[Scanned]:
        results = sandbox.results(Scan(work=work), ((file,) for file in self._files))
        for number, (file, result) in enumerate(zip(self._files, results, strict=True), 1):
            match result:
                case Lost():
                    yield Scanned(file=file, verdict=verdict_of_loss(result))
                case Fault(place=place):
                    yield Scanned(file=file, verdict=Verdict.FAULT, detail=place)
                case _:
                    yield from result
            self._advance(number / len(self._files) / 2)

    def _processed(
        self, sandbox: Sandbox, ordered: Ordered, dataset: Path | None, work: Path
    ) -> dict[int, FileDone]:
        """Process what the journal does not hold; return what every file came to, by its number."""
        journal = work / JOURNAL
        done = _journalled(journal)
        todo = [(number, job) for number, job in enumerate(ordered.jobs) if number not in done]
        process = Process(treatment=self._treatment, dataset=dataset, work=work)
        results = sandbox.results(process, todo)
        for (number, job), result in zip(todo, results, strict=True):
            if dataset and not isinstance(result, FileDone):
                shutil.rmtree(image_folder(dataset, job), ignore_errors=True)
            done[number] = _told(job, result)
            if dataset:
                append(journal, {"number": number, **to_plain(done[number])})
            self._advance((1 + len(done) / len(ordered.jobs)) / 2)
        return done

    def _advance(self, share: float) -> None:
        """Show progress, half of which is the headers."""
        if self._progress:
            self._progress(round(share * 2 * len(self._files)), 2 * len(self._files))

    def _account(self, ordered: Ordered, done: Mapping[int, FileDone]) -> list[FileDone]:
        """Return what every file came to, in the order of the listing."""
        files = [replace(each, delivery=self._delivery) for each in (*ordered.decided, *done.values())]
        return sorted(files, key=lambda each: [int(part) for part in each.file.split(".")])


def _continued(path: Path | None, names: Pseudonyms) -> Dataset | None:
    """Return the dataset that is continued.

    Raises:
        DatasetError: It is none, was not captured, or was captured with another key.
    """
    if path is None:
        return None
    dataset = Dataset(path)
    settings = [setting for source in dataset.manifest.sources for setting in source.settings]
    prints = {setting.value for setting in settings if setting.name == FINGERPRINT}
    if prints != {names.fingerprint}:
        raise DatasetError(
            "the dataset was not captured with this key" if prints else "the dataset was not captured",
            where=str(path),
            hint="one person would have two names: continue it with the key that it was begun with",
        )
    return dataset


def _journalled(journal: Path) -> dict[int, FileDone]:
    """Return what an earlier run finished."""
    repair(journal)
    done = {}
    for entry in entries(journal):
        number = entry.pop("number")
        done[number] = from_plain(FileDone, entry)
    return done


def _told(job: FileJob, result: FileDone | Lost | Fault) -> FileDone:
    """Return what a file came to, also where its worker could not say."""
    match result:
        case FileDone():
            return result
        case Lost():
            return begun(job, verdict_of_loss(result))
        case Fault(place=place):
            return begun(job, Verdict.FAULT, place)


def _prune(folder: Path) -> None:
    """Remove folders that hold nothing: of files that were put aside."""
    for place, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):  # it holds something
            Path(place).rmdir()
