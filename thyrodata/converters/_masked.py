"""What datasets with a mask and a label beside each image share: how the two are read, and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from thyrodata.errors import CaseError
from thyrodata.io.masks import encode_mask, read_mask
from thyrodata.io.raw import RawFile, RawImage
from thyrodata.io.tables import Row
from thyrodata.schema.record import Finding, Label, Reading, Remark, SourceField
from thyrodata.schema.vocab import Coverage, Malignancy, Structure

__all__ = ["ABOVE", "Drawn", "Said", "present", "read_drawn", "read_label"]

ABOVE = 127
"""Grey values above it are foreground: halfway between 0 and 255, which JPEG blurs."""

_LABELS = {"0": Label(value=Malignancy.BENIGN), "1": Label(value=Malignancy.MALIGNANT)}  # of no stated basis
_AGAIN = "copy it again from the release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What a mask says of its image."""

    findings: tuple[Finding, ...]
    readings: tuple[Reading, ...]
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a row of a table of labels says of its image."""

    labels: tuple[Label, ...] = ()
    source_fields: tuple[SourceField, ...] = ()
    remarks: tuple[Remark, ...] = ()


def present(file: RawFile | None, path: str, item: object) -> RawFile:
    """Return a file that an item needs.

    Raises:
        CaseError: It is not there.
    """
    if file is None:
        raise CaseError(f"{path} is missing", where=str(item), hint=_AGAIN)
    return file


def read_drawn(mask: RawFile, image: RawImage, structure: Structure) -> Drawn:
    """Read a mask: one drawing, of however many parts, by a reader whom nobody names.

    An outline says nothing of what else the image shows, so the coverage is not stated then. A mask without
    a foreground pixel outlines nothing, and does not say that there is nothing: the coverage is none.

    Raises:
        CaseError: The mask is broken, or not of the image's size.
    """
    foreground = read_mask(mask, above=ABOVE)
    width, height = image.header.width, image.header.height
    if foreground.shape != (height, width):
        size = f"{foreground.shape[1]} x {foreground.shape[0]}"
        raise CaseError(
            f"the mask is {size} px, and its image {width} x {height} px", where=str(mask), hint=_AGAIN
        )
    if not foreground.any():
        remark = Remark(code="mask-empty", text=f"no pixel of {mask} is above {ABOVE}: nothing is outlined")
        return Drawn(findings=(), readings=(Reading(coverage=Coverage.NONE),), remarks=(remark,))
    finding = Finding(finding_id="1", structure=structure, geometries=(encode_mask(foreground),))
    return Drawn(findings=(finding,), readings=(Reading(),), remarks=())


def read_label(rows: Sequence[Row], column: str, table: str, item: object) -> Said:
    """Read the label of an image, 0 for benign and 1 for malignant; any other text is kept as it is.

    Args:
        rows: Of the image.
        column: Of the label.
        table: The table's path.
        item: The image.

    Raises:
        CaseError: There is no row, or more than one, or it is broken or without a label.
    """
    if not rows:
        raise CaseError(f"{table} has no row of the image", where=str(item), hint=_AGAIN)
    if len(rows) > 1:
        raise CaseError(
            f"{table} has {len(rows)} rows of {item}",
            where=rows[1].where,
            hint="compare the table with the release",
        )
    text = rows[0][column]
    if not text:
        raise CaseError(f"the row of {item} has no label", where=rows[0].where, hint=_AGAIN)
    if text in _LABELS:
        return Said(labels=(_LABELS[text],))
    why = f"{column} {text!r} is neither 0 (benign) nor 1 (malignant)"
    return Said(
        source_fields=(SourceField(name=column, text=text),),
        remarks=(Remark(code="value-not-understood", text=why),),
    )
