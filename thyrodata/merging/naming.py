"""The names that the records of a parent get in a merged dataset."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from thyrodata.errors import UsageError
from thyrodata.schema.record import CropLedger, ImageRecord, OfficialSplit

__all__ = ["KEEP", "Naming", "check_official_names", "name_parents", "namespace_of"]

KEEP = "-"
"""Stands for the namespaces that a parent has."""

_NAMESPACE = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_HASH = re.compile(r"[0-9a-f]{64}")


def namespace_of(name: str) -> str:
    """Return the namespace of an image or group id."""
    return name.partition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """How the names of one parent change.

    Image files and the names of published splits are prefixed by the namespace, so that those of two sources
    stay apart. So are the keys of frames, but for hashes: equal hashes are equal frames, whoever says so.
    """

    namespaces: tuple[str, ...]
    """Of its image and group ids, sorted."""
    name: str | None
    """The namespace that all get, or ``None`` to keep them."""
    merged: bool
    """Whether the parent was merged itself, so that its names have their prefix already."""

    @property
    def taken(self) -> frozenset[str]:
        """The namespaces that the parent has in the merged dataset."""
        return frozenset(self.namespaces if self.name is None else (self.name,))

    def place(self, namespace: str) -> str:
        """Return what stands for one of the parent's namespaces: NEW, or NEW/OLD where there are several."""
        if self.name is None:
            return namespace
        return self.name if len(self.namespaces) == 1 else f"{self.name}/{namespace}"

    def id(self, name: str) -> str:
        """Return the new name of an image or group."""
        namespace, _, rest = name.partition("/")
        return f"{self.place(namespace)}/{rest}"

    def path(self, path: str, image_id: str) -> str:
        """Return where an image file lies below ``images/``, from where it lay."""
        return self._prefixed(path, namespace_of(image_id))

    def frame_key(self, key: str, image_id: str) -> str:
        """Return the new key of a frame."""
        return key if _HASH.fullmatch(key) else self._prefixed(key, namespace_of(image_id))

    def _prefixed(self, text: str, namespace: str) -> str:
        if self.merged:
            text = text.removeprefix(f"{namespace}/")
        return f"{self.place(namespace)}/{text}"

    def official(self, split: OfficialSplit, image_id: str) -> OfficialSplit:
        """Return a published split by the name that tells whose it is."""
        namespace = namespace_of(image_id)
        own, name = _plain(namespace), split.name
        if self.merged and (name == own or name.startswith(f"{own}-")):
            name = name[len(own) + 1 :]
        prefix = _plain(self.place(namespace))
        return replace(split, name=f"{prefix}-{name}" if name else prefix)

    def record(self, record: ImageRecord) -> ImageRecord:
        """Return a record by its new names; the engine sets the path."""
        crop: CropLedger | None = record.image.crop
        if crop is not None:
            crop = replace(crop, frame_key=self.frame_key(crop.frame_key, record.image_id))
        return replace(
            record,
            image_id=self.id(record.image_id),
            group_id=self.id(record.group_id),
            image=replace(record.image, crop=crop),
            official_splits=tuple(self.official(split, record.image_id) for split in record.official_splits),
        )


def _plain(namespace: str) -> str:
    """Return a namespace in the letters, digits and hyphens that the name of a split may have."""
    return re.sub(r"[^a-z0-9]+", "-", namespace).strip("-")


def name_parents(
    found: Sequence[Collection[str]],
    names: Sequence[str],
    merged: Sequence[bool],
    places: Sequence[str],
) -> tuple[Naming, ...]:
    """Return how the names of each parent change.

    Args:
        found: The namespaces of each parent.
        names: The namespace that each gets, or :data:`KEEP`; empty to keep all.
        merged: Whether each was merged itself.
        places: The parents' folders, for errors.

    Raises:
        UsageError: The names are not one for each parent, one is no namespace, or two parents would share
            one.
    """
    if names and len(names) != len(found):
        raise UsageError(
            f"{len(names)} names are given for {len(found)} datasets",
            hint=f"give --name once for each, in their order; {KEEP} keeps what a dataset has",
        )
    for name in names:
        if name != KEEP and not _NAMESPACE.fullmatch(name):
            raise UsageError(
                f"{name!r} is no namespace", hint="use lower-case letters, digits, and _ . - after the first"
            )
    given = names or [KEEP] * len(found)
    namings = tuple(
        Naming(namespaces=tuple(sorted(old)), name=None if name == KEEP else name, merged=was)
        for old, name, was in zip(found, given, merged, strict=True)
    )
    owner: dict[str, int] = {}
    for number, naming in enumerate(namings):
        for namespace in sorted(naming.taken):
            first = owner.setdefault(namespace, number)
            if first != number:
                raise UsageError(
                    f"{places[first]} and {places[number]} both have ids of the form {namespace}/...",
                    where=places[number],
                    hint=_rename(number, len(found), namespace),
                )
    return namings


def _rename(number: int, parents: int, namespace: str) -> str:
    names = [f"--name {namespace}2" if i == number else f"--name {KEEP}" for i in range(parents)]
    return f"if they are of different images, rename one: {' '.join(names)}"


def check_official_names(names: Iterable[tuple[str, str]]) -> None:
    """Refuse published splits of two sources that would have one name.

    Args:
        names: Each new name with the namespace whose split it is.

    Raises:
        UsageError: Two namespaces have one.
    """
    owner: dict[str, str] = {}
    for name, namespace in names:
        if owner.setdefault(name, namespace) != namespace:
            raise UsageError(
                f"the published splits of {owner[name]} and {namespace} would both be called {name!r}",
                hint="give one of the datasets another namespace with --name",
            )
