"""What a selection has left at one moment: images, and the nodules and findings still in their records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from thyrodata.schema.record import readings_without
from thyrodata.schema.vocab import GroupKind, Structure
from thyrodata.selection.answers import Unit
from thyrodata.selection.clinical import Key
from thyrodata.selection.conditions import Level
from thyrodata.selection.glance import Glance, GlanceNodule

__all__ = ["Cohort", "Counts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many of each thing there are."""

    groups: tuple[tuple[GroupKind, int], ...]
    """By what the source says that a group is, the coarsest first."""
    nodules: int
    """Each once, in however many records it is described."""
    images: int
    findings: int
    """Markers too."""

    def minus(self, other: Counts) -> Counts:
        """Return the differences, of the same kinds of groups."""
        fewer = dict(other.groups)
        return Counts(
            groups=tuple((kind, n - fewer.get(kind, 0)) for kind, n in self.groups),
            nodules=self.nodules - other.nodules,
            images=self.images - other.images,
            findings=self.findings - other.findings,
        )

    def to_json(self) -> dict[str, object]:
        """Return the counts as plain values."""
        return {
            "groups": {kind.value: n for kind, n in self.groups},
            "nodules": self.nodules,
            "images": self.images,
            "findings": self.findings,
        }


class Cohort:
    """The images that are left, in the order of the dataset.

    Args:
        images: Without the nodules and findings that have been removed.
    """

    def __init__(self, images: Iterable[Glance]) -> None:
        self.images = tuple(images)

    @cached_property
    def counts(self) -> Counts:
        """How many there are."""
        kinds = {image.group_id: image.group_kind for image in self.images}
        groups = Counter(kinds.values())
        return Counts(
            groups=tuple((kind, groups[kind]) for kind in GroupKind if kind in groups),
            nodules=len({key for image in self.images for key in image.nodule_keys()}),
            images=len(self.images),
            findings=sum(len(image.findings) for image in self.images),
        )

    def units(self, level: Level) -> list[Unit]:
        """Return all that a criterion of a level asks, in the order of the images."""
        match level:
            case Level.PATIENT:
                return [_group(images) for images in self._groups().values()]
            case Level.NODULE:
                return [unit for images in self._groups().values() for unit in _nodules(images)]
            case Level.IMAGE:
                return [_image(image) for image in self.images]

    def _groups(self) -> dict[str, list[Glance]]:
        groups: dict[str, list[Glance]] = {}
        for image in self.images:
            groups.setdefault(image.group_id, []).append(image)
        return groups

    def without(self, level: Level, keys: Collection[Key]) -> Cohort:
        """Return what is left when groups, nodules or images are removed.

        With a nodule go the findings that name it, and the images that are then left with neither a nodule
        nor a finding that is no marker. An image that loses nothing stays.
        """
        match level:
            case Level.PATIENT:
                return Cohort(image for image in self.images if image.group_id not in keys)
            case Level.IMAGE:
                return Cohort(image for image in self.images if image.image_id not in keys)
            case Level.NODULE:
                reduced = ((image, _reduced(image, keys)) for image in self.images)
                return Cohort(new for old, new in reduced if new is old or new.nodules or _outlined(new))


def _outlined(image: Glance) -> bool:
    return any(finding.structure is not Structure.MARKER for finding in image.findings)


def _reduced(image: Glance, keys: Collection[Key]) -> Glance:
    gone = {nodule_id for group, nodule_id in image.nodule_keys() if (group, nodule_id) in keys}
    if not gone:
        return image
    lost = [finding for finding in image.findings if finding.nodule_id in gone]
    return replace(
        image,
        readings=readings_without(image.readings, lost),
        nodules=tuple(nodule for nodule in image.nodules if nodule.nodule_id not in gone),
        findings=tuple(finding for finding in image.findings if finding.nodule_id not in gone),
    )


def _group(images: list[Glance]) -> Unit:
    nodules = [nodule for image in images for nodule in image.nodules]
    return Unit(
        level=Level.PATIENT,
        key=images[0].group_id,
        images=tuple(images),
        nodules=tuple(sorted(nodules, key=lambda nodule: nodule.nodule_id)),
        findings=tuple(finding for image in images for finding in image.findings),
    )


def _nodules(images: list[Glance]) -> list[Unit]:
    mentions: dict[str, list[tuple[Glance, GlanceNodule]]] = {}
    for image in images:
        for nodule in image.nodules:
            mentions.setdefault(nodule.nodule_id, []).append((image, nodule))
    return [
        Unit(
            level=Level.NODULE,
            key=(images[0].group_id, name),
            images=tuple(image for image, _ in found),
            nodules=tuple(nodule for _, nodule in found),
            findings=tuple(
                finding for image, _ in found for finding in image.findings if finding.nodule_id == name
            ),
        )
        for name, found in mentions.items()
    ]


def _image(image: Glance) -> Unit:
    return Unit(level=Level.IMAGE, key=image.image_id, images=(image,), nodules=(), findings=image.findings)
