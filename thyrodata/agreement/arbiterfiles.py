"""The files that an arbiter gets beside the images, and what they say to do."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from thyrodata.agreement.queue import Sheet
from thyrodata.annotation.assignment import Mark, Tool
from thyrodata.io.cvattasks import cvat_labels, cvat_task
from thyrodata.io.drawncoco import coco_task
from thyrodata.io.labelstudiotasks import label_studio_config, label_studio_tasks

__all__ = ["READINGS", "arbiter_files", "format_readings"]

READINGS = "readings.csv"
"""Whose reading each number is. It stays with the coordinator, like the key."""

_MARKS = [mark.value for mark in Mark]

_TEXT = """\
Images to decide
================

Readers do not agree on these images. What they have drawn is shown:

  reading 1: ...   a reader's, and "reading 2: ..." another's; the numbers are dealt anew for each image
  agreed: ...      what is settled already

conflicts.csv says why an image is here. Decide what is right: draw it and label it plainly (nodule), or give
a reading that is right a plain label. Shapes that keep the label "reading ..." are no part of your decision;
you need not remove them. What is agreed need not be drawn again; remove it where you think it wrong.
"""
_MARKED = """
Then mark the image, whether you have drawn something or not. The mark is of the image, not of the conflict:

  {all}: every one that there is has a plain label, or is agreed
  {nothing}: you looked, and there is none; what was agreed is removed
  {some}: there are more

An image without a mark and without a plain label counts as not decided. Without a mark, nobody can tell what
you think of that which has no plain label.
"""
_SETUP = {
    Tool.CVAT: """
CVAT: make a task from the files of the folder "images", sorted by name, with the content of labels.json as
raw labels; then upload annotations.xml to it as "CVAT 1.1". The marks are tags. Export the task as "CVAT for
images 1.1".
""",
    Tool.LABEL_STUDIO: """
Label Studio: start it with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true and with this folder as
LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT. Give a project label_config.xml as its labeling interface, add the
folder "images" as local storage without syncing it, import tasks.json, and have the project use predictions
to prelabel tasks: then the shapes can be changed. Export the project as "JSON".
""",
    Tool.COCO: """
COCO: instances.json has the readings as annotations. Give an annotation a plain category, or add one. Then
set "coverage" of the image, whether you have drawn something or not; it is of the image, not of the conflict:

  "complete": every one that there is has a plain category, or is agreed; or there is none
  "partial": there are more

An image without coverage and without a plain category counts as not decided.
""",
}


def arbiter_files(tool: Tool, sheets: Sequence[Sheet], offered: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of each file beside the images.

    Args:
        tool: Whose format they are in.
        sheets: The images, in the order of their names.
        offered: The plain labels.
    """
    images = [sheet.given for sheet in sheets]
    shapes = [*dict.fromkeys((*offered, *sorted({s.label for image in images for s in image.shapes})))]
    match tool:
        case Tool.CVAT:
            yield "labels.json", cvat_labels(shapes, _MARKS)
            yield "annotations.xml", cvat_task(images, [*shapes, *_MARKS])
        case Tool.LABEL_STUDIO:
            yield "label_config.xml", label_studio_config(shapes, _MARKS)
            yield "tasks.json", label_studio_tasks(images)
        case Tool.COCO:
            yield "instances.json", coco_task(images, shapes)
    marks = {mark.name.lower(): mark.value for mark in Mark}
    marked = "" if tool is Tool.COCO else _MARKED.format(**marks)
    yield "README.txt", f"{_TEXT}{marked}{_SETUP[tool]}".encode()
    rows = ((sheet.given.file, "; ".join(sheet.why)) for sheet in sheets)
    yield "conflicts.csv", _table(("file", "why"), rows)


def format_readings(sheets: Sequence[Sheet]) -> bytes:
    """Return the table that says whose reading each number is."""
    rows = (
        (sheet.given.file, sheet.image_id, str(number), reader)
        for sheet in sheets
        for number, reader in enumerate(sheet.readers, 1)
    )
    return _table(("file", "image_id", "reading", "reader"), rows)


def _table(header: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue().encode()
