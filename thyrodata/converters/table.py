"""Your own table of images: paths, labels, clinical fields and boxes in a CSV or Parquet file.

What its columns mean, a file beside it says (``columns.yaml``, see :mod:`thyrodata.io.columnmap`). A column
of which nothing is said there is kept as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from thyrodata.converters._own import OwnSettings, outside_image
from thyrodata.converters._rows import ImageRows
from thyrodata.errors import CaseError, RawLayoutError, UsageError
from thyrodata.io.columnmap import ColumnMap, read_column_map
from thyrodata.io.parquettable import read_parquet_table
from thyrodata.io.raw import Raw, RawFile, show_path
from thyrodata.io.tables import Row, Table, read_table
from thyrodata.sample import FileBytes, Sample
from thyrodata.schema.record import Finding, ImageRecord, Remark
from thyrodata.schema.vocab import Scope

__all__ = ["TableImage", "TableReader", "TableSettings"]

_SUFFIXES = {".csv": ",", ".tsv": "\t", ".parquet": ""}
"""What is read as a table, and what stands between two of its cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSettings(OwnSettings):
    """What the user says of the table.

    Raises:
        UsageError: ``category`` is given: a table's labels are mapped in its column-mapping file.
    """

    table: str | None = field(
        default=None, metadata={"help": "the table's path in the folder, if there are several at its top"}
    )
    columns: str | None = field(
        default=None,
        metadata={"help": "the path of the file that says what the columns mean; columns.yaml by the table"},
    )
    images: str = field(
        default="", metadata={"help": "the folder in which the table's image paths begin; the source itself"}
    )

    def __post_init__(self) -> None:
        OwnSettings.__post_init__(self)
        if self.category:
            raise UsageError(
                "a table has no --category", hint="say what its labels mean in columns.yaml, under labels"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TableImage:
    """An image and the rows that name it."""

    path: str
    """As the table names it; the place of the row where it names none."""
    image: RawFile | None
    """``None`` where the folder has no such file."""
    rows: tuple[Row, ...]
    columns: ColumnMap
    """What the rows' columns mean; one object for all items."""
    files: tuple[RawFile, ...]

    def __str__(self) -> str:
        """Return the image's path."""
        return show_path(self.path)


class TableReader:
    """Reads a table of images."""

    name: ClassVar[str] = "table"
    ignores: ClassVar[Mapping[str, str]] = {}
    Settings: ClassVar = TableSettings

    def __init__(self, settings: TableSettings | None = None) -> None:
        self.settings = settings or TableSettings()

    def items(self, raw: Raw) -> Iterator[TableImage]:
        """List the images in the order in which the table first names them.

        Raises:
            RawLayoutError: There is no one table, nothing says what its columns mean, or the two do not fit.
            UsageError: The settings and the column-mapping file contradict each other.
        """
        files = {file.path: file for file in raw.files}
        file = self._table(raw, files)
        beside = file.path[: -len(file.name)] + "columns.yaml"
        mapping = files.get(self.settings.columns or beside)
        if mapping is None:
            raise RawLayoutError(
                f"nothing says what the columns mean: there is no {self.settings.columns or beside}",
                where=str(raw.root),
                hint="write it: `thyrodata card table` shows an example to begin with",
            )
        table, columns = _read_rows(file), read_column_map(mapping)
        self._check(table, columns, mapping)
        index = table.columns.index(columns.image.name)
        folder = self.settings.images.strip("/")
        rows: dict[str, list[Row]] = {}
        for row in table.rows:
            named = row.cells[index].strip() if index < len(row.cells) else ""
            path = f"{folder}/{named}" if folder else named
            rows.setdefault(path if named else row.where, []).append(row)
        for path, named_by in rows.items():
            image = files.get(path)
            shared = (file, mapping) if image is None else (image, file, mapping)
            yield TableImage(
                path=path,
                image=image,
                rows=tuple(named_by),
                columns=columns,
                files=shared,
            )

    def _table(self, raw: Raw, files: Mapping[str, RawFile]) -> RawFile:
        if self.settings.table is not None:
            found = [file for path, file in files.items() if path == self.settings.table]
        else:
            found = [file for path, file in files.items() if "/" not in path and file.suffix in _SUFFIXES]
        if len(found) == 1 and found[0].suffix in _SUFFIXES:
            return found[0]
        names = ", ".join(map(str, found)) or self.settings.table or "none"
        raise RawLayoutError(
            f"there is not one table in the folder: {names}",
            where=str(raw.root),
            hint=f"give the folder with one {' or '.join(_SUFFIXES)} file, or name it with --table",
        )

    def _check(self, table: Table, columns: ColumnMap, mapping: RawFile) -> None:
        for column in columns.columns():
            if column.name not in table.columns:
                raise RawLayoutError(
                    f"the table has no column {column.name!r}",
                    where=column.where,
                    hint=f"it has: {', '.join(table.columns)}",
                )
        if self.settings.complete and columns.box is None:
            raise UsageError(
                "no box is mapped, so no image can be said to have been outlined completely",
                where=str(mapping),
                hint="leave --complete away",
            )
        if self.settings.group and (columns.patient or columns.case or columns.nodule):
            raise UsageError(
                "both --group and a column say what an image belongs to",
                where=str(mapping),
                hint="leave one of them away",
            )

    def samples(self, item: TableImage) -> Iterator[Sample]:
        """Read an image and its rows.

        Raises:
            CaseError: The image is missing or broken, a row is short, a box is none, or two rows of the
                image contradict each other.
        """
        columns, first = item.columns, item.rows[0]
        if item.image is None:
            named = first[columns.image.name]
            raise CaseError(
                f"the image {named!r} is not in the folder" if named.strip() else "the row names no image",
                where=first.where,
                hint="paths are as in the folder, with / and in upper and lower case; see --images",
            )
        image = item.image.image()
        image_id = f"table/{item.image.path[: len(item.image.path) - len(item.image.suffix)]}"
        said = ImageRows(columns, item.rows)
        own_id = self.settings.group_id(item.image, image_id).partition("/")[2]
        kind, group = said.group() or (self.settings.group_kind, own_id)
        findings = said.findings(self.settings.structure)
        width, height = image.header.width, image.header.height
        record = ImageRecord(
            image_id=image_id,
            image=replace(image.ref(), spacing_mm=said.spacing_mm()),
            modality=self.settings.modality,
            group_id=f"table/{group}",
            group_kind=kind,
            patient=said.patient(),
            nodules=said.nodules(),
            case_labels=said.labels(Scope.CASE),
            image_labels=said.labels(Scope.IMAGE),
            readings=(self.settings.reading(findings),),
            findings=findings,
            official_splits=said.splits(),
            source_fields=said.source_fields(),
            remarks=(*_outside(findings, width, height), *said.remarks(), *_open_end(item)),
            source=first.where,
        )
        yield Sample(record=record, pixels=FileBytes(image=image))


def _read_rows(file: RawFile) -> Table:
    if file.suffix == ".parquet":
        return read_parquet_table(file)
    return read_table(file, (), ends=False, delimiter=_SUFFIXES[file.suffix])


def _outside(findings: Iterable[Finding], width: int, height: int) -> Iterator[Remark]:
    for finding in findings:
        remark = outside_image(finding.finding_id, finding.geometries, width, height)
        if remark:
            yield remark


def _open_end(item: TableImage) -> Iterator[Remark]:
    if not item.rows[-1].ended:
        text = f"{item.rows[-1].where} is the table's last line and has no line end: it may be cut"
        yield Remark(code="no-line-end", text=text)
