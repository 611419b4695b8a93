"""A parent of a merge: its records as a merge sees them, by their names in the merged dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from thyrodata.dataset import RECORDS_FILE, Dataset
from thyrodata.duplicates import Picture
from thyrodata.io.parquet import stream_as
from thyrodata.merging.change import Merge
from thyrodata.merging.glance import Glance
from thyrodata.merging.joining import Group, Member
from thyrodata.merging.naming import Naming, check_official_names, name_parents, namespace_of

__all__ = ["MergeParent", "read_parents"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeParent:
    """One of the datasets that are merged."""

    dataset: Dataset
    number: int
    """Its place among them, from 0."""
    images: tuple[Glance, ...]
    naming: Naming

    def members(self) -> Iterator[Member]:
        """Yield the images by their names in the merged dataset, in their own groups."""
        for image in self.images:
            yield Member(
                image_id=self.naming.id(image.image_id),
                parent=self.number,
                sha256=image.image.sha256,
                group=Group(group_id=self.naming.id(image.group_id), kind=image.group_kind),
            )

    def pictures(self) -> Iterator[Picture]:
        """Yield the images that are there."""
        for image in self.images:
            if image.image.path is not None:
                yield Picture(
                    image_id=self.naming.id(image.image_id),
                    place=str(self.dataset.path / image.image.path),
                    sha256=image.image.sha256,
                )

    def by_id(self) -> dict[str, Glance]:
        """Return the images by their names in the merged dataset."""
        return {self.naming.id(image.image_id): image for image in self.images}

    def made_splits(self) -> tuple[str, ...]:
        """Return the names of the splits that no source publishes.

        Raises:
            DatasetError: The account of a split is damaged.
        """
        dataset = self.dataset
        return tuple(name for name in dataset.splits if "seed" in dataset.split_report(name))


def read_parents(datasets: Sequence[Dataset], names: Sequence[str]) -> tuple[MergeParent, ...]:
    """Read the parents, and find names under which no two of them clash.

    Args:
        datasets: The parents.
        names: The namespace that each gets; see :func:`thyrodata.merging.naming.name_parents`.

    Raises:
        UsageError: Names would clash, or those that are given cannot be used.
        DatasetError: A parent is damaged.
    """
    read = [tuple(stream_as(dataset.path / RECORDS_FILE, Glance)) for dataset in datasets]
    found = [
        {namespace_of(name) for image in images for name in (image.image_id, image.group_id)}
        for images in read
    ]
    merged = [any(step.name == Merge.name for step in dataset.manifest.operations) for dataset in datasets]
    namings = name_parents(found, names, merged, [str(dataset.path) for dataset in datasets])
    parents = tuple(
        MergeParent(dataset=dataset, number=number, images=images, naming=naming)
        for number, (dataset, images, naming) in enumerate(zip(datasets, read, namings, strict=True))
    )
    check_official_names(
        (
            parent.naming.official(split, image.image_id).name,
            parent.naming.place(namespace_of(image.image_id)),
        )
        for parent in parents
        for image in parent.images
        for split in image.official_splits
    )
    return parents
