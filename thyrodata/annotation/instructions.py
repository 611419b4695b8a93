"""What a reader is told. It names no dataset and no other reader."""

from __future__ import annotations

from collections.abc import Iterable

from thyrodata.annotation.assignment import Mark, Task, Tool
from thyrodata.io.cvattasks import cvat_labels, cvat_task
from thyrodata.io.drawn import GivenImage
from thyrodata.io.labelstudiotasks import label_studio_config, label_studio_tasks

__all__ = ["batch_file", "instructions", "setup_file"]

_MARKS = [mark.value for mark in Mark]

_TEXT = """\
Work list
=========

Draw every {structures} that you see in each image: an outline (polygon, mask or brush) or a box.
Then mark the image, whether you have drawn something or not:

  {all}: every one that there is has been drawn
  {nothing}: you looked, and there is none
  {some}: there are more than you have drawn

An image without a mark says nothing of what is not drawn. An image without a drawing and without a mark
counts as not looked at. Do the batches in their order, and the images of a batch in the order of their names.
"""
_SETUP = {
    Tool.CVAT: """
CVAT: make a task of each batch from the files of its folder "images", sorted by name, with the content of
labels.json as raw labels. The marks are tags. Export each task as "CVAT for images 1.1".
""",
    Tool.LABEL_STUDIO: """
Label Studio: start it with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true and with this folder as
LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT. Give a project label_config.xml as its labeling interface, add the
folder "images" of each batch as local storage without syncing it, and import tasks.json of each batch.
Export the project as "JSON".
""",
}


def instructions(task: Task) -> bytes:
    """Return the text that a reader is given."""
    names = " and ".join(structure.value for structure in task.structures)
    marks = {mark.name.lower(): mark.value for mark in Mark}
    return (_TEXT.format(structures=names, **marks) + _SETUP[task.tool]).encode()


def setup_file(task: Task) -> tuple[str, bytes]:
    """Return the name and content of the file that sets the tool up for all batches."""
    structures = [structure.value for structure in task.structures]
    if task.tool is Tool.CVAT:
        return "labels.json", cvat_labels(structures, _MARKS)
    return "label_config.xml", label_studio_config(structures, _MARKS)


def batch_file(task: Task, images: Iterable[GivenImage]) -> tuple[str, bytes]:
    """Return the name and content of the tool's file for one batch."""
    if task.tool is Tool.CVAT:
        labels = [*(structure.value for structure in task.structures), *_MARKS]
        return "annotations.xml", cvat_task(tuple(images), labels)
    return "tasks.json", label_studio_tasks(images)
