"""Whose file is whose, and in which order: pseudonyms and ordinals in the place of ids, UIDs and dates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from thyrodata.capture.attributes import Attributes, attributes_of
from thyrodata.capture.clinical import ClinicalCounts, ClinicalTable, Exam
from thyrodata.capture.pseudonyms import Pseudonym, Pseudonyms
from thyrodata.capture.verdict import Verdict
from thyrodata.collection.model import Drawn, FileDone, FileJob, Scanned, Subject
from thyrodata.io.dicomheader import DicomHeader
from thyrodata.schema.record import SourceField

__all__ = ["Ordered", "order"]

Numbers = tuple[int, int, int]
"""Of a study among its patient's, of a series in the study, of a file in the series; each from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """What is to be processed, and what is decided without a look at pixels."""

    jobs: tuple[FileJob, ...]
    decided: tuple[FileDone, ...]
    clinical: ClinicalCounts | None
    """How far the clinical table and the files met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """A file whose patient, study and series are named."""

    scanned: Scanned
    header: DicomHeader
    group: Pseudonym
    tokens: tuple[str, str, str]

    @property
    def study(self) -> tuple[str, str]:
        return (self.group.text, self.tokens[1])

    @property
    def series(self) -> tuple[str, str, str]:
        return (*self.study, self.tokens[2])

    @property
    def place(self) -> tuple[object, ...]:
        """Sorts the files of a patient by what the scanner says of their order, then by their bytes."""
        header = self.header
        return (
            header.study_date or "",
            header.study_time or "",
            header.study_uid or "",
            _number(header.series_number),
            header.series_uid or "",
            _number(header.instance_number),
            header.sop_uid or "",
            self.scanned.sha256,
        )


def order(
    scanned: Iterable[Scanned],
    pseudonyms: Pseudonyms,
    *,
    prefix: str,
    clinical: ClinicalTable | None,
    drawn: Mapping[str, Drawn],
    earlier: Sequence[FileDone],
) -> Ordered:
    """Name and number the files of an export.

    Studies are numbered within a patient by date, series within a study and files within a series by the
    scanner's own numbers. What an earlier delivery has numbered keeps its number; new studies and files of a
    patient get the numbers after those.

    Args:
        scanned: The files.
        pseudonyms: Names patients and recognises studies and files.
        prefix: What a record's source begins with: empty, or which delivery it is.
        clinical: What a table says of patients.
        drawn: What is drawn on each file, by its path.
        earlier: Files of the collection that is continued.

    Raises:
        CaseError: Rows of the table that one exam has contradict each other.
        UsageError: The table does not tell two patients of one id apart.
    """
    named, decided = _named(scanned, pseudonyms, earlier)
    counts = clinical.counts(Exam.of(each.header) for each in named) if clinical else None
    numbers = _Numbers(earlier)
    jobs = [
        FileJob(
            file=each.scanned.file,
            source=f"{prefix}{each.scanned.file.where}",
            subject=_subject(each, numbers.next(each), clinical),
            drawn={} if each.scanned.file.member is not None else drawn.get(each.scanned.file.path, {}),
        )
        for each in sorted(named, key=lambda each: each.place)
    ]
    jobs.sort(key=lambda job: (job.subject.group, *job.subject.numbers))
    return Ordered(jobs=tuple(jobs), decided=tuple(decided), clinical=counts)


def _subject(named: _Named, numbers: Numbers, clinical: ClinicalTable | None) -> Subject:
    """Return all that leaves of a header, with what the table says of its exam."""
    said = attributes_of(named.header)
    facts = clinical.of(Exam.of(named.header)) if clinical else None
    patient, differences = facts.over(said.patient) if facts else (said.patient, ())
    return Subject(
        group=named.group.text,
        group_kind=named.group.kind,
        numbers=numbers,
        tokens=named.tokens,
        patient=patient,
        acquisition=said.acquisition,
        case_labels=facts.case_labels if facts else (),
        nodules=facts.nodules if facts else (),
        source_fields=(*_fields(said), *(facts.source_fields if facts else ())),
        remarks=(*said.remarks, *differences, *(facts.remarks if facts else ())),
    )


def _fields(said: Attributes) -> Iterator[SourceField]:
    if said.body_part:
        yield SourceField(name="BodyPartExamined", text=said.body_part)


def _named(
    scanned: Iterable[Scanned], pseudonyms: Pseudonyms, earlier: Sequence[FileDone]
) -> tuple[list[_Named], list[FileDone]]:
    """Name each file that holds a picture; the first of those with the same bytes."""
    seen = {done.tokens[0] for done in earlier if done.verdict == Verdict.EXPORTED.code}
    named, decided = [], []
    for each in scanned:
        header, verdict = each.header, each.verdict
        token = pseudonyms.token(each.sha256) if each.sha256 else ""
        if header is not None and verdict is None and token in seen:
            verdict = Verdict.REPEATED
        if header is None or verdict is not None:
            decided.append(
                FileDone(
                    file=each.file.ordinal,
                    verdict=(verdict or Verdict.BROKEN).code,
                    detail=each.detail,
                    tokens=(token,) if token else (),
                )
            )
            continue
        seen.add(token)
        group = pseudonyms.group(
            patient_id=header.patient_id,
            issuer=header.issuer,
            study_uid=header.study_uid,
            file_sha256=each.sha256,
        )
        study = pseudonyms.token(header.study_uid) if header.study_uid else token
        series = pseudonyms.token(header.series_uid) if header.series_uid else study
        named.append(_Named(scanned=each, header=header, group=group, tokens=(token, study, series)))
    return named, decided


class _Numbers:
    """Numbers of studies, series and files, continuing those of earlier deliveries."""

    def __init__(self, earlier: Iterable[FileDone]) -> None:
        self._studies: dict[tuple[str, str], int] = {}
        self._series: dict[tuple[str, str, str], int] = {}
        self._last: defaultdict[tuple[str, ...], int] = defaultdict(int)
        for done in earlier:
            if done.numbers:
                study = (done.group, done.tokens[1])
                series = (*study, done.tokens[2])
                self._studies[study], self._series[series], _ = done.numbers
                for key, number in zip((study[:1], study, series), done.numbers, strict=True):
                    self._last[key] = max(self._last[key], number)

    def next(self, named: _Named) -> Numbers:
        """Return the numbers of the next file."""
        if named.study not in self._studies:
            self._studies[named.study] = self._count(named.study[:1])
        if named.series not in self._series:
            self._series[named.series] = self._count(named.study)
        return self._studies[named.study], self._series[named.series], self._count(named.series)

    def _count(self, key: tuple[str, ...]) -> int:
        self._last[key] += 1
        return self._last[key]


def _number(number: int | None) -> tuple[bool, int]:
    """Sort what has no number last."""
    return (number is None, number or 0)
