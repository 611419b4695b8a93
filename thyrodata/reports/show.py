"""The contact sheet of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from thyrodata.dataset import Dataset
from thyrodata.errors import UsageError
from thyrodata.io.files import write_file
from thyrodata.reports.sheet import Tile, contact_sheet

__all__ = ["Sheet", "show"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A contact sheet that was written."""

    path: Path
    image_ids: tuple[str, ...]
    """What it shows, row by row."""


def show(
    dataset: Dataset,
    out: str | Path,
    *,
    count: int = 24,
    columns: int = 6,
    split: str = "default",
    part: str | None = None,
    ids: Sequence[str] = (),
) -> Sheet:
    """Draw images of a dataset with their outlines, labels and remarks, as one PNG.

    Args:
        dataset: The dataset.
        out: The PNG file to write; one that is there is replaced.
        count: How many images, taken at even steps through the dataset.
        columns: Images in a row.
        split: The split that ``part`` is of.
        part: Take images of this part only.
        ids: Show these images instead.

    Raises:
        UsageError: There is no such part or image, or nothing to show.
        DatasetError: An image or the records cannot be read.
        OutputError: The file could not be written.
    """
    wanted = _wanted(dataset, count, split, part, ids)
    tiles = {
        record.image_id: Tile(record=record, data=dataset.image_bytes(record))
        for record in dataset.records(only=wanted)
    }
    missing = [image_id for image_id in wanted if image_id not in tiles]
    if missing:
        raise UsageError(f"there is no image {missing[0]!r}", hint="image ids look like `ddti/1_1`")
    title = dataset.manifest.name + (f", part {part} of split {split}" if part else "")
    data = contact_sheet([tiles[image_id] for image_id in wanted], columns=columns, title=title)
    write_file(Path(out), data)
    return Sheet(path=Path(out), image_ids=tuple(wanted))


def _wanted(dataset: Dataset, count: int, split: str, part: str | None, ids: Sequence[str]) -> list[str]:
    if ids:
        return list(dict.fromkeys(ids))
    if count < 1:
        raise UsageError(f"{count} images cannot be shown", hint="give a --count of one or more")
    if part is None:
        every = [member.image_id for member in dataset.survey().members]
    else:
        parts = dataset.split(split)
        if part not in parts:
            raise UsageError(f"split {split!r} has no part {part!r}", hint=f"it has: {', '.join(parts)}")
        every = list(parts[part])
    step = max(1.0, len(every) / count)
    return [every[int(i * step)] for i in range(min(count, len(every)))]
