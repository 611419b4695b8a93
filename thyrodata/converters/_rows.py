"""What the rows of a table that name one image say of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from thyrodata.errors import CaseError
from thyrodata.io.columnmap import BoxColumns, Column, ColumnMap
from thyrodata.io.tables import Row
from thyrodata.schema.geometry import Box
from thyrodata.schema.record import Finding, Label, Nodule, OfficialSplit, Patient, Remark, SourceField
from thyrodata.schema.vocab import GroupKind, Scope, Structure

__all__ = ["ImageRows"]

T = TypeVar("T")

_AGAIN = "correct the table"


class ImageRows:
    """The rows of one image, which may be one for each of several findings.

    A text that is not understood is kept verbatim, and remarked. What is said of the image must not differ
    from row to row. A column without a meaning is kept with the image if all rows say the same, and else with
    the finding or the nodule that the row is about.

    Args:
        columns: What the table's columns mean.
        rows: One or more.

    Raises:
        CaseError: A row is short, or its box is none.
    """

    def __init__(self, columns: ColumnMap, rows: Sequence[Row]) -> None:
        self._columns = columns
        self._rows = rows
        self._homeless: dict[SourceField, None] = {}  # in order, each once
        self._remarks: dict[Remark, None] = {}
        self._boxes = [_box(columns.box, row) if columns.box else None for row in rows]
        self._nodules = [self._stated(columns.nodule, row) if columns.nodule else None for row in rows]
        self._notes: list[list[SourceField]] = [[] for _ in rows]
        self._keep_what_has_no_meaning()
        self._keep_labels_of_nothing()

    def group(self) -> tuple[GroupKind, str] | None:
        """Return the coarsest identity that a column names, and its kind; ``None`` if no column does.

        Raises:
            CaseError: The rows leave it out, or differ.
        """
        columns = self._columns
        for kind, column in (
            (GroupKind.PATIENT, columns.patient),
            (GroupKind.CASE, columns.case),
            (GroupKind.NODULE, columns.nodule),
        ):
            if column:
                name = self._agreed(column)
                if name is None:
                    raise CaseError(
                        f"the image's {kind.value} is not stated, so that no split could keep it together",
                        where=self._rows[0].where,
                        hint=f"fill in the column {column.name!r}",
                    )
                return kind, name
        return None

    def patient(self) -> Patient | None:
        """Return sex and age, if either is stated."""
        sex, age = self._agreed(self._columns.sex), self._agreed(self._columns.age)
        return None if sex is None and age is None else Patient(sex=sex, age=age)

    def spacing_mm(self) -> tuple[float, float] | None:
        """Return the distances between pixel centres (y, x) in mm, if both are stated."""
        if self._columns.spacing_mm is None:
            return None
        down, along = map(self._agreed, self._columns.spacing_mm)
        return None if down is None or along is None else (down, along)

    def splits(self) -> tuple[OfficialSplit, ...]:
        """Return the part that the table gives the image."""
        part = self._agreed(self._columns.split)
        return () if part is None else (OfficialSplit(part=part),)

    def labels(self, scope: Scope) -> tuple[Label, ...]:
        """Return what is said of the image, or of its case."""
        return self._labels(scope, self._rows)

    def findings(self, structure: Structure) -> tuple[Finding, ...]:
        """Return a finding for each row that has a box, numbered from 1."""
        boxed = [(index, box) for index, box in enumerate(self._boxes) if box]
        return tuple(
            Finding(
                finding_id=str(number),
                structure=structure,
                geometries=(box,),
                labels=self._labels(Scope.FINDING, self._rows[index : index + 1]),
                nodule_id=self._nodules[index],
                source_fields=tuple(self._notes[index]),
            )
            for number, (index, box) in enumerate(boxed, 1)
        )

    def nodules(self) -> tuple[Nodule, ...]:
        """Return the nodules that the rows name, in the order of the rows."""
        named: dict[str, list[int]] = {}
        for index, nodule in enumerate(self._nodules):
            if nodule is not None:
                named.setdefault(nodule, []).append(index)
        return tuple(
            Nodule(
                nodule_id=nodule,
                labels=self._labels(Scope.NODULE, [self._rows[index] for index in indexes]),
                source_fields=tuple(
                    note for index in indexes if not self._boxes[index] for note in self._notes[index]
                ),
            )
            for nodule, indexes in named.items()
        )

    def source_fields(self) -> tuple[SourceField, ...]:
        """Return the texts that have no better home. Call it after all that may not understand a text."""
        return tuple(self._homeless)

    def remarks(self) -> tuple[Remark, ...]:
        """Return what was not understood. Call it after all that may not understand a text."""
        return tuple(self._remarks)

    def _keep_what_has_no_meaning(self) -> None:
        columns = self._columns
        known = {column.name for column in columns.columns()}
        if columns.patient and columns.case:  # the record has one group; what is nearer to the patient is it
            known.discard(columns.case.name)
        for name in self._rows[0]:
            if name in known:
                continue
            texts = [row[name] for row in self._rows]
            same = len(set(texts)) == 1
            for index, text in enumerate(texts):
                if text.strip():
                    self._keep(SourceField(name=name, text=text), None if same else index)

    def _keep(self, note: SourceField, index: int | None) -> None:
        """Keep a text with what the row is about, or with the image."""
        if index is not None and (self._boxes[index] or self._nodules[index] is not None):
            self._notes[index].append(note)
        else:
            self._homeless[note] = None

    def _keep_labels_of_nothing(self) -> None:
        for label in self._columns.labels:
            owners: Sequence[object] = ()
            if label.scope in {Scope.FINDING, Scope.NODULE}:
                owners = self._boxes if label.scope is Scope.FINDING else self._nodules
            for index, row in enumerate(self._rows):
                text = row[label.column.name]
                if owners and owners[index] is None and text.strip():
                    self._keep(SourceField(name=label.column.name, text=text), index)
                    said = (
                        f"{label.column.name} {text!r} is of a {label.scope.value} that the row does not have"
                    )
                    self._remarks[Remark(code="label-of-nothing", text=f"{row.where}: {said}")] = None

    def _labels(self, scope: Scope, rows: Sequence[Row]) -> tuple[Label, ...]:
        columns = [label.column for label in self._columns.labels if label.scope is scope]
        labels = (self._agreed(column, rows) for column in columns)
        return tuple(label for label in labels if label is not None)

    def _agreed(self, column: Column[T] | None, rows: Sequence[Row] | None = None) -> T | None:
        """Return what the rows state in a column, or those of them that state anything."""
        found: T | None = None
        if column is None:
            return None
        for row in rows or self._rows:
            value = self._stated(column, row)
            if found is not None and value is not None and value != found:
                raise CaseError(
                    f"rows of the image contradict each other: {column.name} is {row[column.name]!r} here",
                    where=row.where,
                    hint=f"compare it with {self._rows[0].where}, and {_AGAIN}",
                )
            found = value if found is None else found
        return found

    def _stated(self, column: Column[T], row: Row) -> T | None:
        text = row[column.name]
        if not text.strip():
            return None
        value = column.parse(text.strip())
        if value is None:
            self._homeless[SourceField(name=column.name, text=text)] = None
            said = f"{column.name} {text!r} is not one of its values"
            self._remarks[Remark(code="value-not-understood", text=said)] = None
        return value


def _box(columns: BoxColumns, row: Row) -> Box | None:
    """Return a row's box; ``None`` where all four of its cells are empty."""
    if not any(row[column.name].strip() for column in columns.corners):
        return None
    numbers = []
    for column in columns.corners:
        number = column.parse(row[column.name].strip())
        if number is None:
            raise CaseError(
                f"{column.name} {row[column.name]!r} of a box is not a number", where=row.where, hint=_AGAIN
            )
        numbers.append(number - columns.one_based)
    x1, y1, x2, y2 = numbers
    width, height = x2 - x1 + columns.inclusive, y2 - y1 + columns.inclusive
    if width < 0 or height < 0:
        raise CaseError(
            "the second corner of a box is left of or above the first", where=row.where, hint=_AGAIN
        )
    return Box(x=x1, y=y1, width=width, height=height)
