"""The extension of an earlier split: what it assigned is kept, unless a cluster joins its parts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from thyrodata.splits.clusters import Cluster, crossing_ties
from thyrodata.splits.items import EXCLUDED, Assignment
from thyrodata.splits.model import Conflict
from thyrodata.splits.placement import Placement

__all__ = ["is_known", "keep"]


def is_known(cluster: Cluster, old: Mapping[str, Assignment]) -> bool:
    """Tell whether the earlier split assigned any image of a cluster."""
    return bool(old) and any(item.image_id in old for item in cluster.members)


def keep(
    placement: Placement,
    clusters: Iterable[Cluster],
    old: Mapping[str, Assignment],
    present: Collection[str],
) -> tuple[Conflict, ...]:
    """Place the clusters that the earlier split knows, and report those that join its parts.

    Args:
        placement: Where to place them.
        clusters: All clusters, images that are gone among them.
        old: The earlier split, by image_id.
        present: The image_id of each image that is still there, which alone are placed.
    """
    part_of = {image_id: row.part for image_id, row in old.items()}
    conflicts = []
    for cluster in clusters:
        if not is_known(cluster, old):
            continue
        known = {part_of[item.image_id] for item in cluster.members if item.image_id in part_of}
        kept = _most_protected(known, list(placement.ratios))
        joins_new = kept if len(known) == 1 else EXCLUDED
        here = [item for item in cluster.members if item.image_id in present]
        staying = [item for item in here if part_of.get(item.image_id, joins_new) == kept]
        leaving = [item for item in here if part_of.get(item.image_id, joins_new) != kept]
        placement.put(staying, kept)
        placement.put(leaving, EXCLUDED)
        assigned = [old[item.image_id] for item in leaving if item.image_id in old]
        moved = tuple(row for row in assigned if row.part != EXCLUDED)
        new = tuple(item.image_id for item in leaving if item.image_id not in old)
        if moved or new:
            conflicts.append(Conflict(kept=kept, moved=moved, new=new, why=crossing_ties(cluster, part_of)))
    return tuple(conflicts)


def _most_protected(known: Collection[str], listed: Sequence[str]) -> str:
    """Return test before val before other names, the last listed first, before train before `excluded`."""
    rank = {"test": (0, 0), "val": (1, 0), "train": (3, 0), EXCLUDED: (4, 0)}
    return min(known, key=lambda part: rank[part] if part in rank else (2, -listed.index(part)))
