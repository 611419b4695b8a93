"""DeepLesion: CT slices with the lesions that radiologists had measured on them.

Yan et al., J Med Imaging 5:036501 (2018). ``DL_info.csv`` has a row per lesion. The slices are 16-bit PNG,
``Images_png/<p_s_r>/<slice>.png``; only key slices have rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from thyrodata.errors import RawLayoutError, UsageError
from thyrodata.io.lesiontable import (
    LesionSlice,
    neighbour_paths,
    read_lesion,
    read_lesion_slice,
    read_lesion_table,
    read_slice_image,
    rows_by_slice,
    slice_path,
)
from thyrodata.io.lesiontags import TABLE_ROWS, LesionTags, read_lesion_tags
from thyrodata.io.raw import Raw, RawFile
from thyrodata.io.tables import Row, Table
from thyrodata.sample import Absent, FileBytes, Sample
from thyrodata.schema.record import (
    Acquisition,
    Finding,
    ImageRecord,
    ImageRef,
    Label,
    OfficialSplit,
    Patient,
    Reading,
    Remark,
    SourceField,
)
from thyrodata.schema.vocab import Coverage, DeepLesionSite, GroupKind, Modality, Structure

__all__ = ["DeepLesion", "DeepLesionSettings", "DeepLesionSlice"]

TABLE = "DL_info.csv"
TAGS = "text_mined_labels_171_and_split.json"
_D = "[0-9]"
_SITES = {str(number): Label(value=site) for number, site in enumerate(DeepLesionSite, 1)}
_UNLABELLED = "-1"  # said of lesions of the training part only
_TOLERANCE_PX = 0.1  # of the release's rows none is off by more than 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepLesionSettings:
    """What of the release is read.

    Raises:
        UsageError: The number of neighbours is negative.
    """

    annotations_only: bool = field(
        default=False, metadata={"help": "keep rows whose image is absent: what they say, without the image"}
    )
    context: int = field(
        default=0, metadata={"help": "read so many neighbours on each side of a key slice as well"}
    )
    tags: bool = field(
        default=False,
        metadata={"help": f"read the tags of {TAGS}; needs the whole table of {TABLE_ROWS:,} rows"},
    )

    def __post_init__(self) -> None:
        if self.context < 0:
            raise UsageError(f"{self.context} is no number of neighbours", hint="give 0 or more")


_DEFAULT = DeepLesionSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepLesionSlice:
    """A key slice and its rows, or a neighbour and the first row of the key slice beside it."""

    place: str
    rows: tuple[int, ...]
    """0-based, in the table."""
    files: tuple[RawFile, ...]
    """The table, and the tags and the image if they are read."""
    is_key: bool = True

    def __str__(self) -> str:
        """Return the line of the first row, or the neighbour's image."""
        return self.place


class DeepLesion:
    """Reads DeepLesion."""

    name: ClassVar[str] = "deeplesion"
    Settings: ClassVar[type[DeepLesionSettings]] = DeepLesionSettings
    ignores: ClassVar[Mapping[str, str]] = {
        f"Images_png/{6 * _D}_{2 * _D}_{2 * _D}/{3 * _D}.png": "no row is of it; --context reads neighbours",
        TAGS: "tags that were mined from reports; read with --tags",
        "lesion_ontology_181022.xlsx": "how the tags hang together; it speaks of no image",
    }

    def __init__(self, settings: DeepLesionSettings = _DEFAULT) -> None:
        self.settings = settings

    def items(self, raw: Raw) -> Iterator[DeepLesionSlice]:
        """List the key slices in the order of the table, each followed by the neighbours asked for.

        Raises:
            RawLayoutError: The table or the tags are missing or broken, or images are absent.
        """
        files = {file.path: file for file in raw.files}
        if TABLE not in files:
            raise RawLayoutError(
                f"{TABLE} is not in the folder",
                where=str(raw.root),
                hint=f"give the folder of the release that holds {TABLE} beside Images_png",
            )
        table = files[TABLE].once(read_lesion_table)
        shared = (files[TABLE], *((_tags_file(raw, files, table),) if self.settings.tags else ()))
        slices = rows_by_slice(table)
        paths = {name: slice_path(name) for name in slices}
        absent = [name for name, path in paths.items() if path and path not in files]
        if absent and not self.settings.annotations_only:
            rows = sum(len(slices[name]) for name in absent)
            raise RawLayoutError(
                f"the images of {rows:,} rows, on {len(absent):,} slices, are absent; "
                f"the first is {paths[absent[0]]}",
                where=table.rows[slices[absent[0]][0]].where,
                hint="copy them from the release, or keep the rows without them: --annotations-only",
            )
        taken = set(paths.values())
        for name, numbers in slices.items():
            first, image = table.rows[numbers[0]], files.get(paths[name])
            claimed = (*shared, image) if image else shared
            yield DeepLesionSlice(place=first.where, rows=tuple(numbers), files=claimed)
            for path in neighbour_paths(first, paths[name], self.settings.context):
                if path in files and path not in taken:
                    taken.add(path)
                    yield DeepLesionSlice(
                        place=path, rows=(numbers[0],), files=(files[TABLE], files[path]), is_key=False
                    )

    def samples(self, item: DeepLesionSlice) -> Iterator[Sample]:
        """Read the rows of a slice, and its image.

        Raises:
            CaseError: A row is broken, two contradict each other, or the image is broken or another.
        """
        table = item.files[0].once(read_lesion_table)
        rows = [table.rows[index] for index in item.rows]
        of = read_lesion_slice(rows)
        file = next((file for file in item.files if file.suffix == ".png"), None)
        image = read_slice_image(file, of) if file else None
        ref = image.ref() if image else ImageRef(width=of.width, height=of.height)
        read = []
        if item.is_key:
            tags = next((file.once(read_lesion_tags) for file in item.files if file.name == TAGS), {})
            read = [_finding(i, row, of, tags.get(i)) for i, row in zip(item.rows, rows, strict=True)]
        patient = Patient(sex=of.sex, age=of.age)
        texts = {name: rows[0][name] for name in ("Key_slice_index", "Slice_range", *of.not_understood)}
        remarks = [_not_understood(rows[0], column) for column in of.not_understood]
        remarks += [Remark(code="row-repeated", text=text) for text in of.repeats]
        if not of.ended:
            remarks.append(Remark(code="no-line-end", text="rows of the table may be missing after this one"))
        # The window is the key slice's own; all else that a row says of its slice holds for the series.
        window = of.window_hu if item.is_key else None
        record = ImageRecord(
            image_id=f"deeplesion/{of.series}_{file.stem if file else of.number}",
            image=replace(ref, spacing_mm=(of.spacing_mm[1], of.spacing_mm[0])),
            modality=Modality.CT,
            acquisition=Acquisition(window_hu=window, slice_spacing_mm=of.spacing_mm[2]),
            group_id=f"deeplesion/{of.patient_index}",
            group_kind=GroupKind.PATIENT,
            patient=None if patient == Patient() else patient,
            study_id=str(of.study_index),
            series_id=str(of.series_index),
            # There are lesions that nobody measured. Of a neighbour nobody says that it was read at all.
            readings=(Reading(coverage=Coverage.PARTIAL),) if item.is_key else (),
            findings=tuple(finding for finding, _ in read),
            official_splits=(OfficialSplit(part=of.part),) if of.part else (),
            source_fields=_verbatim(texts),
            remarks=(*remarks, *(remark for _, found in read for remark in found)),
            source=rows[0].where,
        )
        yield Sample(record=record, pixels=FileBytes(image=image) if image else Absent())


def _tags_file(raw: Raw, files: Mapping[str, RawFile], table: Table) -> RawFile:
    """Return the file of the tags if they fit the table: they know a lesion by its row in the whole one."""
    if len(table.rows) != TABLE_ROWS:
        raise RawLayoutError(
            f"the tags go by the row in the table of {TABLE_ROWS:,} rows; this one has {len(table.rows):,}",
            where=TABLE,
            hint="give the whole table, or leave --tags out",
        )
    if TAGS not in files:
        raise RawLayoutError(f"{TAGS} is not there", where=str(raw.root), hint=f"put it beside {TABLE}")
    files[TAGS].once(read_lesion_tags)
    return files[TAGS]


def _finding(index: int, row: Row, of: LesionSlice, tags: LesionTags | None) -> tuple[Finding, list[Remark]]:
    """Return a lesion, and what is odd about it."""
    lesion = read_lesion(row)
    remarks = []
    for drawn in (lesion.box, lesion.calipers):
        x, y, width, height = drawn.bbox_xywh_px
        if x < 0 or y < 0 or x + width > of.width or y + height > of.height:
            span = f"x {x:.6g} to {x + width:.6g}, y {y:.6g} to {y + height:.6g}"
            what = type(drawn).__name__.lower()
            text = f"{what} {index} spans {span} in an image of {of.width} x {of.height} px"
            remarks.append(Remark(code="outside-image", text=text))
    if lesion.apart_px > _TOLERANCE_PX:
        text = f"box {index} is {lesion.apart_px:.6g} px off the place that its calipers give it"
        remarks.append(Remark(code="box-off-calipers", text=text))
    texts = {name: row[name] for name in ("Lesion_diameters_Pixel_", "Normalized_lesion_location")}
    site = _SITES.get(row["Coarse_lesion_type"])
    if not site:
        texts["Coarse_lesion_type"] = row["Coarse_lesion_type"]
        if row["Coarse_lesion_type"] != _UNLABELLED:
            remarks.append(_not_understood(row, "Coarse_lesion_type"))
    texts["Possibly_noisy"] = row["Possibly_noisy"]
    if tags:
        texts["tag_split"] = tags.part
        texts["relevant_tag"] = ", ".join(tags.relevant)
        texts["uncertain_tag"] = ", ".join(tags.uncertain)
        texts["irrelevant_tag"] = ", ".join(tags.irrelevant)
    finding = Finding(
        finding_id=str(index),
        structure=Structure.LESION,
        geometries=(lesion.box, lesion.calipers),
        labels=(site,) if site else (),
        source_fields=_verbatim(texts),
    )
    return finding, remarks


def _verbatim(texts: Mapping[str, str]) -> tuple[SourceField, ...]:
    return tuple(SourceField(name=name, text=text) for name, text in texts.items() if text)


def _not_understood(row: Row, column: str) -> Remark:
    return Remark(code="value-not-understood", text=f"{column} {row[column]!r} is not of its scale")
