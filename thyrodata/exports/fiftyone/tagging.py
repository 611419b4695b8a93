"""Tags that a person has set in FiftyOne's App: thyrodata itself sets none on what is browsed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from thyrodata.errors import UsageError
from thyrodata.exports.fiftyone.connection import MADE_BY, datasets_called
from thyrodata.exports.fiftyone.labels import Document
from thyrodata.exports.fiftyone.layout import LISTS, labels_of

__all__ = ["ImageTag", "LabelTag", "Tags", "made_here", "read_tags", "tag_setter"]


class ImageTag(NamedTuple):
    """A tag of an image."""

    image_id: str
    tag: str


class LabelTag(NamedTuple):
    """A tag of something that is drawn in an image or said of it."""

    image_id: str
    finding_id: str
    """Empty for what is not a finding's: a grade of the case, an issue of the image."""
    field: str
    """Of the sample: ``outlines``, ``qc``."""
    label: str
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """The tags of a dataset."""

    images: tuple[ImageTag, ...] = ()
    """In the order of the samples; those of one sample sorted."""
    labels: tuple[LabelTag, ...] = ()
    """Sorted."""


def tag_setter(tags: Tags) -> Callable[[Document], None]:
    """Return a function that sets these tags of a sample and of its labels."""
    of_images: dict[str, list[str]] = {}
    of_labels: dict[tuple[str, ...], list[str]] = {}
    for image_id, tag in tags.images:
        of_images.setdefault(image_id, []).append(tag)
    for *place, tag in tags.labels:
        of_labels.setdefault(tuple(place), []).append(tag)

    def put(sample: Document) -> None:
        image_id = sample["image_id"]
        sample["tags"] = of_images.get(image_id, [])
        for name, value in sample.items() if of_labels else ():
            for label in labels_of(value):
                place = (image_id, label.get("finding_id", ""), name, label["label"])
                label["tags"] = [*of_labels.get(place, [])]

    return put


def made_here(fiftyone: Any, name: str) -> Any:
    """Return the FiftyOne dataset of a name that thyrodata made; ``None`` if there is none of this name.

    Raises:
        UsageError: FiftyOne takes no such name, or the dataset is another's.
    """
    for each in datasets_called(fiftyone, name):
        found = fiftyone.load_dataset(each)
        if MADE_BY not in found.info:
            raise UsageError(
                f"FiftyOne has a dataset {each} that thyrodata did not make", hint="choose another name"
            )
        return found
    return None


def read_tags(fiftyone: Any, made: Any, known: Iterable[str]) -> tuple[Tags, tuple[str, ...]]:
    """Return the tags of a FiftyOne dataset, and the samples of images that are not known, by their files.

    Args:
        fiftyone: The library.
        made: The FiftyOne dataset.
        known: Ids of the images of the dataset that it shows.
    """
    ids = frozenset(known)
    places, image_ids, tags = made.values(["filepath", "image_id", "tags"])
    unknown = tuple(path for path, image_id in zip(places, image_ids, strict=True) if image_id not in ids)
    images = tuple(
        ImageTag(image_id, tag)
        for image_id, said in zip(image_ids, tags, strict=True)
        if image_id in ids
        for tag in sorted(set(said or ()))
    )
    labels = sorted({each for each in _label_tags(fiftyone, made) if each.image_id in ids})
    return Tags(images=images, labels=tuple(labels)), unknown


def _label_tags(fiftyone: Any, made: Any) -> Iterator[LabelTag]:
    for name, field in made.get_field_schema(embedded_doc_type=fiftyone.Label).items():
        kind = field.document_type.__name__
        if kind not in LISTS and kind != "Classification":  # a person's own: thyrodata makes no other
            continue
        path = f"{name}.{LISTS[kind][0]}" if kind in LISTS else name
        columns = ["label", "tags", *(["finding_id"] if made.has_field(f"{path}.finding_id") else [])]
        values = made.exists(name).values(["image_id", *(f"{path}.{each}" for each in columns)])
        for image_id, *rows in zip(*values, strict=True):
            labels = rows if kind in LISTS else [[each] for each in rows]
            for label, tags, *finding in zip(*labels, strict=True):
                finding_id = (finding[0] if finding else None) or ""
                yield from (LabelTag(image_id, finding_id, name, label or "", tag) for tag in tags or ())
