"""What the readers of a user's own data share: the settings by which the user says what the files do not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from thyrodata.errors import CaseError, UsageError
from thyrodata.io.raw import RawFile
from thyrodata.schema.category import Category, parse_categories
from thyrodata.schema.geometry import Geometry, Mask
from thyrodata.schema.record import Finding, Reading, Remark
from thyrodata.schema.vocab import Coverage, GroupKind, Modality, Structure

__all__ = ["OwnSettings", "outside_image"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSettings:
    """What the user says of files in a format that does not say it.

    Raises:
        UsageError: The pattern of groups is none with one capturing group, or only one of ``group`` and
            ``group_kind`` is given.
    """

    category: tuple[str, ...] = field(
        default=(),
        metadata={"help": "NAME=CATEGORY for a category whose name is no structure and no scheme/value"},
    )
    structure: Structure = field(
        default=Structure.NODULE,
        metadata={"help": "what a finding is a drawing of, if its category is a label"},
    )
    group: str | None = field(
        default=None,
        metadata={
            "help": "a regular expression searched in the image's path; its one group (...) is the identity"
        },
    )
    group_kind: GroupKind = field(
        default=GroupKind.IMAGE, metadata={"help": "what the identity that --group finds is of"}
    )
    modality: Modality = field(default=Modality.ULTRASOUND, metadata={"help": "how the images were acquired"})
    complete: bool = field(
        default=False,
        metadata={"help": "every image was read completely: one without an annotation is a negative"},
    )

    def __post_init__(self) -> None:
        if self.group is None:
            if self.group_kind is not GroupKind.IMAGE:
                raise UsageError(
                    f"nothing says which {self.group_kind.value} an image is of",
                    hint="give --group as well: a regular expression that finds it in the image's path",
                )
            return
        try:
            groups = re.compile(self.group).groups
        except (re.error, OverflowError, RecursionError) as error:
            raise UsageError(
                f"{self.group!r} is no regular expression: {error}", hint="quote it: --group '^([^_]+)_'"
            ) from None
        if groups != 1:
            raise UsageError(
                f"{self.group!r} has {groups} capturing groups, and needs one",
                hint="put brackets round the identity alone: --group '^([^_]+)_'; (?:...) captures nothing",
            )
        if self.group_kind is GroupKind.IMAGE:
            raise UsageError(
                "what the groups are is not said", hint="give --group-kind: patient, case, nodule or clip"
            )

    def categories(self, names: Iterable[str], where: str) -> Mapping[str, Category]:
        """Return what each category of the source says.

        Args:
            names: All categories of the source.
            where: The place of the source that names them.

        Raises:
            UsageError: A category is not understood, or ``category`` is malformed or names one that is not
                there.
        """
        names = tuple(names)
        found = parse_categories(self.category, names, self.structure, where)
        for text in self.category:
            name = text.rpartition("=")[0]
            if name not in found:
                raise UsageError(
                    f"the source has no category {name!r}",
                    where=where,
                    hint=f"it has: {', '.join(names) or 'none'}",
                )
        return found

    def category_of(self, name: str, where: str) -> Category:
        """Return what one of the categories says that :meth:`categories` has found to be understood.

        Args:
            name: The category.
            where: The place of the source that names it.

        Raises:
            UsageError: It is not understood.
        """
        return parse_categories(self.category, [name], self.structure, where)[name]

    def group_id(self, image: RawFile, image_id: str) -> str:
        """Return the group of an image: what ``group`` finds in its path, or else the image itself.

        Args:
            image: The image's file.
            image_id: ``namespace/name``; the group's id is of the same namespace.

        Raises:
            CaseError: The path holds no group, or what is found is no name.
        """
        if self.group is None:
            return image_id
        found = re.search(self.group, image.path)
        name = found[1] if found else None
        if not name or not name.isprintable() or name != name.strip():
            raise CaseError(
                f"--group {self.group!r} finds no name in the image's path",
                where=str(image),
                hint="the expression must find one in the path of every image",
            )
        return f"{image_id.partition('/')[0]}/{name}"

    def reading(self, findings: Iterable[Finding]) -> Reading:
        """Return the reading of an image by a reader whom the files do not name.

        Its coverage is complete where the user says so. Else it is not stated if something is outlined, and
        none if nothing is: an unmarked image is no negative.
        """
        if self.complete:
            return Reading(coverage=Coverage.COMPLETE)
        outlined = any(finding.structure is not Structure.MARKER for finding in findings)
        return Reading(coverage=None if outlined else Coverage.NONE)


def outside_image(finding_id: str, geometries: Iterable[Geometry], width: int, height: int) -> Remark | None:
    """Return a remark if a finding leaves its image; ``None`` if not.

    Args:
        finding_id: As the remark names it.
        geometries: Of the finding.
        width: Of the image, in pixels.
        height: Of the image, in pixels.
    """
    for geometry in geometries:
        if isinstance(geometry, Mask):  # it is of the image's size
            continue
        x, y, w, h = geometry.bbox_xywh_px
        if x < 0 or y < 0 or x + w > width or y + h > height:
            shape = type(geometry).__name__.lower()
            text = f"the {shape} of finding {finding_id} leaves the {width} x {height} px image"
            return Remark(code="outside-image", text=text)
    return None
