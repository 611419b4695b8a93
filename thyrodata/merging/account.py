"""The account of a merge: what each source is, what was found to be the same, and where sources differ."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from thyrodata.duplicates import Same
from thyrodata.io.cards import load_card
from thyrodata.merging.conflicts import Difference
from thyrodata.merging.glance import Glance
from thyrodata.merging.joining import Joined
from thyrodata.merging.naming import Naming
from thyrodata.merging.schemes import Brought, Clash, schemes_of
from thyrodata.schema.card import Redistribution
from thyrodata.schema.manifest import Manifest

__all__ = ["Account", "ParentAccount", "Terms", "describe_parent", "format_clusters"]

_HEADER = ("image_id", "cluster")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the card of a source says."""

    card: str
    licence: str
    redistribution: str
    coverage: str
    """What an image without an outline means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentAccount:
    """What a parent brings."""

    name: str
    namespaces: tuple[str, ...]
    """Of its ids in the merged dataset."""
    images: int
    without_file: int
    """Images that are not there: they take no part in the search for same pictures."""
    groups: tuple[tuple[str, int], ...]
    """How many of each kind."""
    modalities: tuple[tuple[str, int], ...]
    """How many images of each."""
    schemes: Brought
    terms: tuple[Terms, ...]
    splits: tuple[str, ...]
    """Made in it, and not carried: they would leak across the joined groups."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        schemes = {scope: {name: [*e] for name, e in said.items()} for scope, said in self.schemes.items()}
        return {
            "name": self.name,
            "namespaces": [*self.namespaces],
            "images": self.images,
            "without_file": self.without_file,
            "groups": dict(self.groups),
            "modalities": dict(self.modalities),
            "schemes": schemes,
            "terms": [asdict(terms) for terms in self.terms],
            "splits_not_carried": [*self.splits],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a merge found."""

    parents: tuple[ParentAccount, ...]
    same: tuple[Same, ...]
    joined: tuple[Joined, ...]
    regrouped: int
    """Images whose group is not the one that their source publishes; each has a remark."""
    conflicts: tuple[Difference, ...]
    not_comparable: tuple[Difference, ...]
    clashes: tuple[Clash, ...]
    """Scales that stand side by side, which was accepted."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values, every list whole."""
        return {
            "sources": [parent.to_json() for parent in self.parents],
            "same_pictures": [_same(same) for same in self.same],
            "joined_groups": [_joined(joined) for joined in self.joined],
            "regrouped_images": self.regrouped,
            "conflicts": [each.to_json() for each in self.conflicts],
            "not_comparable": [each.to_json() for each in self.not_comparable],
            "mixed_scales": [{"scope": scope, "schemes": [*names]} for scope, names in self.clashes],
            "notes": [*self.notes()],
        }

    def notes(self) -> Iterator[str]:
        """Yield what should be known of the merged dataset."""
        kinds = sorted({kind for parent in self.parents for kind, _ in parent.groups})
        if kinds != ["patient"]:
            names = " and ".join(f"{kind}s" for kind in kinds)
            yield f"the groups are {names}, not all patients: one patient may be in several parts of a split"
        for terms in self._terms():
            if terms.redistribution == Redistribution.FORBIDDEN.value:
                yield f"the terms of {terms.card} forbid passing it on: so do those of the merged dataset"
        coverages = {terms.coverage for terms in self._terms()}
        if len(coverages) > 1:
            said = ", ".join(f"{terms.card}: {terms.coverage}" for terms in self._terms())
            yield f"an image without an outline does not mean the same in all sources ({said})"
        if len({kind for parent in self.parents for kind, _ in parent.modalities}) > 1:
            yield "the images are of several modalities"
        for parent in self.parents:
            if parent.without_file:
                none = f"{parent.without_file} images of {parent.name} have no file"
                yield f"{none}: whether they show the same as others was not looked at"
            if parent.splits:
                names = ", ".join(parent.splits)
                yield f"splits made in {parent.name} are not carried, as they could leak here: {names}"
        yield from (f"labels of the {scope} mix {' and '.join(names)}" for scope, names in self.clashes)

    def _terms(self) -> tuple[Terms, ...]:
        return tuple(dict.fromkeys(terms for parent in self.parents for terms in parent.terms))


def describe_parent(
    manifest: Manifest, images: Sequence[Glance], naming: Naming, splits: Iterable[str]
) -> ParentAccount:
    """Return what a parent brings.

    Args:
        manifest: The parent's.
        images: Its records.
        naming: Of its records in the merged dataset.
        splits: The names of those that were made in it.
    """
    kinds = {image.group_id: image.group_kind.value for image in images}
    return ParentAccount(
        name=manifest.name,
        namespaces=tuple(sorted(naming.taken)),
        images=len(images),
        without_file=sum(image.image.path is None for image in images),
        groups=tuple(sorted(Counter(kinds.values()).items())),
        modalities=tuple(sorted(Counter(image.modality.value for image in images).items())),
        schemes=schemes_of(images),
        terms=tuple(dict.fromkeys(_terms_of(source.card, source.licence) for source in manifest.sources)),
        splits=tuple(splits),
    )


def _terms_of(name: str, licence: str) -> Terms:
    card = load_card(name).card
    return Terms(
        card=name,
        licence=licence,
        redistribution=card.redistribution.value,
        coverage=card.coverage.value if card.coverage else "not stated",
    )


def _same(same: Same) -> dict[str, Any]:
    return {
        "image_ids": [*same.image_ids],
        "how": same.how.value,
        "offset_px": [*same.offset_px],
        "overlap": same.overlap,
        "mean_difference": same.mean_difference,
        "max_difference": same.max_difference,
    }


def _joined(joined: Joined) -> dict[str, Any]:
    into = joined.into
    return {
        "group_id": into.group_id,
        "group_kind": into.kind.value,
        "joined": [{"group_id": each.group_id, "group_kind": each.kind.value} for each in joined.groups],
    }


def format_clusters(clusters: Iterable[Sequence[str]]) -> str:
    """Return the text of a CSV file of links: each image that shows a picture of others, and their cluster.

    A cluster is named by its first image.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_HEADER)
    writer.writerows((image_id, images[0]) for images in clusters for image_id in images)
    return out.getvalue()
