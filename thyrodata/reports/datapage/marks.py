"""The section of a report on marks over the echo: how many images have them, and the surest of each kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from thyrodata.reports.agreementtables import safe
from thyrodata.reports.datapage.beside import Marked
from thyrodata.reports.datapage.html import note, pictures, sentence, side_by_side, table
from thyrodata.reports.datapage.marktally import MARK, CountedMarks, MarksByLabel, surest
from thyrodata.reports.datapage.pictures import Gallery
from thyrodata.reports.datapage.spread import share, tabled

__all__ = ["marks"]


def marks(found: Mapping[str, Marked] | None, counted: CountedMarks, gallery: Gallery) -> Iterator[str]:
    """Yield how many images have marks, in each part and by label, and the surest with the marks in orange.

    Args:
        found: The marks; ``None`` if nobody looked for them.
        counted: How many.
        gallery: The images of :func:`surest`.
    """
    if found is None:
        yield sentence(
            "Not looked for. `thyrodata qc markers` finds calipers, text and other marks on the echo."
        )
        return
    if counted.strangers:
        yield note(
            "The table of marks was made for other records: "
            f"the dataset does not have {counted.strangers:,} of its images. Run `thyrodata qc markers`."
        )
    yield sentence(
        "Not stated is what was not looked at: an image without a file, or one that could not be read. "
        "An image may have marks of several kinds, and one that was not found."
    )
    yield tabled(counted.by_part)
    for each in counted.by_label:
        yield f"<h3>Marks by {safe(each.scheme)}</h3>"
        yield _by_label(each)
    for kind, image_ids in surest(found).items():
        shown = [name for name in image_ids if name in gallery]
        if shown:
            yield f"<h3>{safe(kind)}</h3>"
            yield pictures(_pictured(name, found[name], gallery) for name in shown)


def _by_label(by: MarksByLabel) -> str:
    kinds = (MARK, *by.kinds)
    rows: list[Sequence[str | int]] = [
        (value, n, *(share(by.marked[value][kind], n) for kind in kinds)) for value, n in by.images.items()
    ]
    return table(f"Marks by {by.scheme}", (by.scheme, "images", *kinds), rows, numbers_from=1)


def _pictured(image_id: str, seen: Marked, gallery: Gallery) -> str:
    said = f"score {seen.score:.2f}: {', '.join(seen.kinds)}"
    masks = [seen.mask] if seen.mask else []
    return side_by_side(
        [gallery.draw(image_id, marks=masks).figure(said), gallery.draw(image_id, marks=()).figure()]
    )
