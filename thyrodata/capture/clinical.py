"""A site's clinical table, joined to the images by the original id before the ids are dropped.

Only what its mapping file names leaves, and of that only terms of closed vocabularies and numbers: sexes,
ages, labels, nodules named by a number or letter, and days from exam to biopsy in the place of dates. The
table is the user's own: errors name its lines, and quote nothing of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from thyrodata.capture.ages import agreed_age
from thyrodata.capture.attributes import exam_date_of, remark
from thyrodata.capture.clinicalmap import ClinicalMap, read_clinical_map
from thyrodata.capture.clinicalrows import ClinicalRow, PatientKey, agreed, rows_by_patient
from thyrodata.capture.pseudonyms import is_placeholder, normalise_id
from thyrodata.errors import RawLayoutError, UsageError
from thyrodata.io.dicomheader import DicomHeader
from thyrodata.io.raw import named_file
from thyrodata.io.tables import read_table
from thyrodata.schema.record import Label, Nodule, Patient, Remark, SourceField
from thyrodata.schema.vocab import Scope

__all__ = ["DAYS_TO_BIOPSY", "ClinicalCounts", "ClinicalFacts", "ClinicalTable", "Exam", "read_clinical"]

DAYS_TO_BIOPSY = "DaysFromExamToBiopsy"
"""The source field of a case or nodule in the place of two dates; negative if the biopsy was first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exam:
    """What a study is joined by. Nothing of it leaves."""

    patient_id: str | None
    issuer: str | None
    study_uid: str | None
    accession_number: str | None
    day: date | None

    @classmethod
    def of(cls, header: DicomHeader) -> Exam:
        """Return the exam that a file is of."""
        return cls(
            patient_id=header.patient_id,
            issuer=header.issuer,
            study_uid=header.study_uid,
            accession_number=header.accession_number,
            day=exam_date_of(header),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClinicalFacts:
    """What the table says of an exam, fit to leave."""

    patient: Patient
    case_labels: tuple[Label, ...]
    nodules: tuple[Nodule, ...]
    """One nodule id of a patient is one nodule, whichever exams it is said of."""
    source_fields: tuple[SourceField, ...]
    remarks: tuple[Remark, ...]

    def over(self, patient: Patient) -> tuple[Patient, tuple[Remark, ...]]:
        """Return what table and header come to, and remarks where they disagree: then nothing is known.

        A sex that differs tells that the row may be another person's.
        """
        sex = self.patient.sex or patient.sex
        sexes_differ = bool(patient.sex) and sex is not patient.sex
        age, ages_differ = agreed_age(self.patient.age, patient.age)
        codes = ["sex-disagrees"] * sexes_differ + ["age-disagrees"] * ages_differ
        return Patient(sex=None if sexes_differ else sex, age=age), tuple(map(remark, codes))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClinicalCounts:
    """How far table and images met."""

    rows: int
    unmatched_rows: int
    """Rows that no exam has."""
    patients: int
    """Patients of the images whose id is one."""
    patients_without_row: int

    def notes(self) -> Iterator[str]:
        """Yield what a person should look into."""
        if self.unmatched_rows:
            yield f"note: {self.unmatched_rows} of {self.rows} rows of the clinical table are of no image"
        if self.patients_without_row:
            missing = f"{self.patients_without_row} of {self.patients}"
            yield f"note: {missing} patients are not in the clinical table"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClinicalTable:
    """A clinical table."""

    columns: ClinicalMap
    rows: Mapping[PatientKey, tuple[ClinicalRow, ...]]

    def of(self, exam: Exam) -> ClinicalFacts | None:
        """Return what the table says of an exam; ``None`` if that has no row.

        Raises:
            CaseError: It has rows by its accession number and by its UID that contradict each other.
        """
        rows = self._rows(exam)
        return self._facts(rows, exam.day) if rows else None

    def counts(self, exams: Iterable[Exam]) -> ClinicalCounts:
        """Return how far the table and all exams of a run meet. Call it before anything is joined.

        Raises:
            UsageError: One id is of two issuers, and no column of the table tells which of them a row means.
        """
        matched: set[str] = set()
        with_row: dict[tuple[str, str], PatientKey] = {}
        patients: set[tuple[str, str]] = set()
        for exam in exams:
            if is_placeholder(exam.patient_id):
                continue
            who = (normalise_id(exam.issuer), normalise_id(exam.patient_id))
            patients.add(who)
            if rows := self._rows(exam):
                with_row[who] = rows[0].patient
                matched.update(row.where for row in rows)
        if len(set(with_row.values())) < len(with_row):
            raise UsageError(
                "an id of the clinical table is that of two patients, of two issuers",
                where=self.columns.patient.where,
                hint="give the table a column with IssuerOfPatientID, and map it: 'issuer: NAME'",
            )
        rows_in_all = sum(map(len, self.rows.values()))
        return ClinicalCounts(
            rows=rows_in_all,
            unmatched_rows=rows_in_all - len(matched),
            patients=len(patients),
            patients_without_row=len(patients) - len(with_row),
        )

    def check(self) -> None:
        """Look at all rows that an exam may have together.

        Raises:
            CaseError: Two of them contradict each other.
        """
        for rows in self.rows.values():
            for study in {row.study for row in rows}:
                self._facts([row for row in rows if row.study in {"", study}], None)

    def _rows(self, exam: Exam) -> list[ClinicalRow]:
        if is_placeholder(exam.patient_id):
            return []
        issuer = normalise_id(exam.issuer) if self.columns.issuer else ""
        studies = {"", normalise_id(exam.study_uid), normalise_id(exam.accession_number)}
        rows = self.rows.get((issuer, normalise_id(exam.patient_id)), ())
        return [row for row in rows if row.study in studies]

    def _facts(self, rows: Sequence[ClinicalRow], day: date | None) -> ClinicalFacts:
        everything = self.rows[rows[0].patient]
        age, _ = agreed_age(agreed(rows, lambda row: row.age, "the age"), None)
        by_nodule: dict[str | None, list[ClinicalRow]] = {}
        for row in rows:
            by_nodule.setdefault(row.nodule, []).append(row)
        days = {
            nodule: _days(agreed(about, lambda row: row.biopsy, "the biopsy's date"), day)
            for nodule, about in by_nodule.items()
        }
        return ClinicalFacts(
            patient=Patient(sex=agreed(everything, lambda row: row.sex, "the sex"), age=age),
            case_labels=self._labels(Scope.CASE, rows),
            nodules=tuple(
                Nodule(
                    nodule_id=nodule, labels=self._labels(Scope.NODULE, about), source_fields=days[nodule][0]
                )
                for nodule, about in by_nodule.items()
                if nodule is not None
            ),
            source_fields=days[None][0] if None in days else (),
            remarks=tuple(dict.fromkeys(remark for _, remarks in days.values() for remark in remarks)),
        )

    def _labels(self, scope: Scope, rows: Sequence[ClinicalRow]) -> tuple[Label, ...]:
        said = []
        for number, label in enumerate(self.columns.labels):
            if label.scope is scope:
                said.append(agreed(rows, lambda row: row.labels[number], repr(label.column.name)))  # noqa: B023 -- called at once
        return tuple(label for label in said if label is not None)


def _days(biopsy: date | None, exam: date | None) -> tuple[tuple[SourceField, ...], tuple[Remark, ...]]:
    if biopsy is None:
        return (), ()
    if exam is None:
        return (), (remark("biopsy-needs-exam-date"),)
    return (SourceField(name=DAYS_TO_BIOPSY, text=str((biopsy - exam).days)),), ()


def read_clinical(table: Path, mapping: Path) -> ClinicalTable:
    """Read a clinical table (CSV with a header, UTF-8) by its mapping file.

    Raises:
        UsageError: A file is not there.
        CaseError: A file cannot be read, a row is short, repeats or contradicts another one, or names no
            patient, or a cell is not understood; ``where`` is the line.
        RawLayoutError: The table or the mapping file is broken, or the two do not fit.
    """
    columns = read_clinical_map(named_file(mapping))
    source = read_table(named_file(table), (), ends=False)
    for column in columns.columns():
        if column.name not in source.columns:  # what is there is not listed: it may be a row of a patient
            raise RawLayoutError(
                f"the table has no column {column.name!r}",
                where=column.where,
                hint="the table's first line names its columns, with commas between them",
            )
    made = ClinicalTable(columns=columns, rows=rows_by_patient(source, columns))
    made.check()
    return made
