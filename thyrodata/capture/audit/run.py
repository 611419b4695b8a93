"""Looks at a captured dataset as a stranger would, who happens to know the originals."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from thyrodata.capture.audit.identifiers import name_identifiers
from thyrodata.capture.audit.kept import keep_audit
from thyrodata.capture.audit.legible import Legible
from thyrodata.capture.audit.model import Audit, Check, Finding, Severity
from thyrodata.capture.audit.originals import (
    Examined,
    Picture,
    examine,
    list_originals,
    pictures_by_original,
)
from thyrodata.capture.audit.output import (
    OutputFile,
    Passage,
    faults_of,
    log_passages,
    output_files,
    passages_of,
)
from thyrodata.capture.audit.readable import views_of
from thyrodata.capture.audit.search import Hit, Index
from thyrodata.capture.audit.words import own_words
from thyrodata.capture.source import SourceFile
from thyrodata.capture.text import TextDetector
from thyrodata.dataset import Dataset
from thyrodata.errors import CaseError, DatasetError, RawLayoutError
from thyrodata.sandbox import Fault, Limits, Lost, Sandbox

__all__ = ["audit_capture"]

Progress = Callable[[int, int], None]
"""Called with the number of steps done and of all."""

LIMITS = Limits(memory_bytes=2**31, silent_seconds=120)
"""Of a worker that reads originals, which may be made to harm."""


def audit_capture(
    raw: str | Path,
    data: str | Path,
    *,
    logs: Sequence[Path] = (),
    ocr: bool = True,
    workers: int = 1,
    write: bool = True,
    progress: Progress | None = None,
) -> Audit:
    """Look for what the originals of a captured dataset tell of people, in everything that the dataset holds.

    Args:
        raw: The folder that the dataset was captured from, unchanged.
        data: The dataset.
        logs: Further files that leave with it, as the run's own output.
        ocr: Whether pictures are read. It takes most of the time.
        workers: Processes that read originals.
        write: Add the account of the audit to the dataset, in place of an earlier one:
            :data:`~thyrodata.capture.audit.kept.AUDIT`.
        progress: Called after each original, and after each file of the dataset.

    Raises:
        DatasetError: ``data`` is no dataset, or its manifest is damaged, or to ``write`` its checksums.
        OutputError: The account could not be written.
        RawLayoutError: ``raw`` is no folder, or is empty.
        MissingExtraError: pydicom, or with ``ocr`` the text reader, is not installed.
    """
    dataset = Dataset(data)
    look = _Look(own_words(dataset.manifest.name))
    files = output_files(dataset.path)
    with tempfile.TemporaryDirectory() as work:
        originals = tuple(list_originals(Path(raw), Path(work)))
        steps = _Steps(progress, len(originals) + len(files))
        pictures = _pictures(dataset, {original.ordinal for original in originals}, look)
        detector = TextDetector() if ocr else None
        tasks = ((original, pictures.get(original.ordinal, ()), Path(work)) for original in originals)
        with Sandbox(workers, LIMITS) as sandbox:
            for original, result in zip(originals, sandbox.results(examine, tasks), strict=True):
                look.at_original(original, pictures.get(original.ordinal, ()), result, detector)
                steps.done()
    for file in files:
        look.at_file(file)
        steps.done()
    for number, log in enumerate(logs, 1):
        look.search(log_passages(number, log))
    found = look.audit(len(originals))
    if write:
        keep_audit(dataset, found)
    return found


def _pictures(dataset: Dataset, ordinals: AbstractSet[str], look: _Look) -> Mapping[str, Sequence[Picture]]:
    """Return the pictures of each original, and find those that cannot be traced to one."""
    try:
        pictures = pictures_by_original(dataset.path, dataset.records())
    except DatasetError:
        look.find(Check.UNREAD, "records.parquet", "the records cannot be read")
        return {}
    for check, where, what in pictures.faults:
        look.find(check, where, what)
    if pictures.elsewhere:
        what = f"{pictures.elsewhere} pictures are of an earlier delivery: audit the dataset that it made"
        look.find(Check.UNREAD, "records.parquet", what, Severity.NOTE)
    for ordinal in sorted(pictures.by_ordinal.keys() - ordinals):
        what = "the source has no such file: is it the one captured from?"
        look.find(Check.UNREAD, f"file {ordinal}", what)
    return pictures.by_ordinal


class _Look:
    """What has been found so far."""

    def __init__(self, own: frozenset[str]) -> None:
        self._own = own
        self._index = Index(own)
        self._findings: dict[Finding, None] = {}
        self._noted: set[Hit] = set()
        self._texts = self._unparsed = self._compared = self._read = self._with_text = 0

    def find(self, check: Check, where: str, what: str, severity: Severity = Severity.LEAK) -> None:
        self._findings.setdefault(Finding(check=check, severity=severity, where=where, what=what))

    def search(self, passages: Iterable[Passage]) -> None:
        for passage in passages:
            self._texts += 1
            for hit in self._index.find(passage.text, passage.least):
                what = f"{hit.tag} of file {hit.ordinal} stands here"
                if hit.severity is Severity.LEAK:
                    self.find(Check.IDENTIFIER, passage.where, what)
                elif hit not in self._noted:  # a model stands in every row: one place to look at is enough
                    self._noted.add(hit)
                    self.find(Check.IDENTIFIER, passage.where, what, Severity.NOTE)

    def at_original(
        self,
        original: SourceFile,
        pictures: Sequence[Picture],
        result: Examined | Lost | Fault,
        detector: TextDetector | None,
    ) -> None:
        if isinstance(result, Lost | Fault):
            self._unparsed += 1
            self._index.add(original.ordinal, name_identifiers(original.path))
            severity = Severity.LEAK if pictures else Severity.NOTE
            self.find(Check.UNREAD, original.where, "its header could not be read", severity)
            return
        self._index.add(original.ordinal, result.identifiers)
        self._unparsed += not result.parsed
        self._compared += result.compared
        for check, where, what in result.faults:
            self.find(check, where, what)
        if detector and pictures:
            self._read_pictures(original, pictures, Legible(result.identifiers, self._own), detector)

    def _read_pictures(
        self, original: SourceFile, pictures: Sequence[Picture], legible: Legible, detector: TextDetector
    ) -> None:
        try:
            for picture, pixels in views_of(pictures):
                self._read += 1
                texts = [read.text for read in detector.read(pixels)]
                identifier = legible.match(texts)
                if identifier:
                    what = f"{identifier.tag} of {original.where} can be read in it"
                    self.find(Check.READABLE, picture.where, what)
                else:
                    self._with_text += bool(texts)
        except CaseError as error:
            self.find(Check.UNREAD, error.where, "the picture cannot be decoded")

    def at_file(self, file: OutputFile) -> None:
        if not file.expected:
            self.find(Check.FILE, file.where, "a captured dataset has no such file")
        try:
            for what in faults_of(file):
                self.find(Check.PNG, file.where, what)
            self.search(passages_of(file))
        except (DatasetError, RawLayoutError, OSError):
            self.find(Check.UNREAD, file.where, "the file cannot be read")

    def audit(self, originals: int) -> Audit:
        return Audit(
            findings=tuple(self._findings),
            originals=originals,
            unparsed=self._unparsed,
            identifiers=self._index.identifiers,
            sequences=self._index.sequences,
            not_searched=self._index.not_searched,
            texts=self._texts,
            pictures_compared=self._compared,
            pictures_read=self._read,
            pictures_with_text=self._with_text,
        )


class _Steps:
    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._done = 0
        self._total = total

    def done(self) -> None:
        self._done += 1
        if self._progress:
            self._progress(self._done, self._total)
