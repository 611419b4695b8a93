"""The audit of a split: clusters that cross parts, images without a part, rows without an image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from thyrodata.splits.clusters import Cluster, crossing_ties, find_clusters, parts_met
from thyrodata.splits.items import Assignment, Link, SplitItem, items_by_id, rows_by_id
from thyrodata.splits.model import Leak

__all__ = ["audit_split"]


def audit_split(
    items: Iterable[SplitItem], assignments: Iterable[Assignment], links: Sequence[Link] = ()
) -> tuple[Leak, ...]:
    """Find every cluster that crosses parts, every image without a part and every row without an image.

    Args:
        items: One per image.
        assignments: The split; `excluded` does not count as a part.
        links: Further images that belong together.

    Returns:
        One leak per crossing cluster, by its first image, then at most one of each other kind.

    Raises:
        SplitError: An image is given or assigned twice, or a link names an unknown image.
    """
    present = items_by_id(items)
    part_of = {image_id: row.part for image_id, row in rows_by_id(assignments).items()}
    leaks = [
        Leak(
            code="crosses-parts",
            message=_crossing(cluster, part_of),
            image_ids=tuple(item.image_id for item in cluster.members),
        )
        for cluster in find_clusters(present.values(), links)
        if len(parts_met(cluster.members, part_of)) > 1
    ]
    unassigned = tuple(image_id for image_id in present if image_id not in part_of)
    if unassigned:
        message = f"{len(unassigned)} images have no part"
        leaks.append(Leak(code="unassigned", message=message, image_ids=unassigned))
    unknown = tuple(sorted(image_id for image_id in part_of if image_id not in present))
    if unknown:
        message = f"{len(unknown)} rows name an image that is not there"
        leaks.append(Leak(code="unknown-image", message=message, image_ids=unknown))
    return tuple(leaks)


def _crossing(cluster: Cluster, part_of: Mapping[str, str]) -> str:
    parts = sorted(parts_met(cluster.members, part_of))
    image_ids = [item.image_id for item in cluster.members]
    places = "; ".join(
        f"{part}: {', '.join(image_id for image_id in image_ids if part_of.get(image_id) == part)}"
        for part in parts
    )
    ties = "; ".join(crossing_ties(cluster, part_of))
    return f"linked images are in {len(parts)} parts ({places}): {ties}"
