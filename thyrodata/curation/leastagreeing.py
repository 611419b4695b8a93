"""The pairs of drawings that agree least, as pictures for the report on agreement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator

from thyrodata.agreement.consensus import contributed, read_image_of
from thyrodata.agreement.images import ReadImage
from thyrodata.agreement.model import Agreement
from thyrodata.curation.readers import Readings
from thyrodata.reports.agreementpage import WorstCase, worst_picture
from thyrodata.reports.sheet import Tile
from thyrodata.schema.record import ImageRecord, ImageRef
from thyrodata.schema.vocab import Modality

__all__ = ["least_agreeing"]


def least_agreeing(report: Agreement, readings: Readings, count: int) -> Iterator[WorstCase]:
    """Yield the pairs of least Dice of all, least first.

    Args:
        report: The figures of the readings.
        readings: What was compared.
        count: How many pairs, at most.

    Raises:
        DatasetError: The dataset is damaged.
        CaseError: An image cannot be read.
    """
    found = [
        (pair.columns.values["dice"][k], pair.columns.image_ids[k], number, k)
        for number, pair in enumerate(report.pairs)
        for k in pair.columns.worst(count)
    ]
    chosen = sorted(found)[: max(count, 0)]
    wanted: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for _, image_id, number, k in chosen:
        wanted[image_id].append((number, k))
    drawn = {place: case for case, place in _drawn(report, readings, wanted)}
    yield from (drawn[number, k] for _, _, number, k in chosen)


def _drawn(
    report: Agreement, readings: Readings, wanted: dict[str, list[tuple[int, int]]]
) -> Iterator[tuple[WorstCase, tuple[int, int]]]:
    for image, tile in _shown(readings, wanted):
        for number, k in wanted[image.image_id]:
            pair = report.pairs[number]
            findings = {each.finding_id: each for each in image.findings}
            one, other = (findings[name] for name in pair.columns.finding_ids[k])
            hausdorff = pair.columns.values["hausdorff"][k]
            case = WorstCase(
                image_id=image.image_id,
                readers=pair.readers,
                dice=pair.columns.values["dice"][k],
                hausdorff=None if hausdorff != hausdorff else hausdorff,  # noqa: PLR0124 -- nan
                picture=worst_picture(tile, (one, other)),
            )
            yield case, (number, k)


def _shown(readings: Readings, wanted: Collection[str]) -> Iterator[tuple[ReadImage, Tile]]:
    """Yield the images that are wanted, each with what is drawn on; of a file there is no picture."""
    dataset = readings.dataset
    if dataset is None:
        yield from ((image, _blank(image)) for image in readings if image.image_id in wanted)
    elif wanted:
        for record in dataset.records(only=wanted):
            image = contributed(read_image_of(record), readings.contributions(record.image_id))
            yield image, Tile(record=record, data=dataset.image_bytes(record))


def _blank(image: ReadImage) -> Tile:
    """Return an image of which a file tells the size alone."""
    record = ImageRecord(
        image_id=image.image_id,
        image=ImageRef(width=image.image.width, height=image.image.height),
        modality=Modality.ULTRASOUND,
        group_id=image.group_id,
        group_kind=image.group_kind,
        source=image.image_id,
    )
    return Tile(record=record, data=None)
