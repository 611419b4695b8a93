"""The making of a split: every image gets a part, and no cluster crosses parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from thyrodata.errors import SplitError
from thyrodata.splits.clusters import find_clusters, joins
from thyrodata.splits.counts import count_parts
from thyrodata.splits.extension import is_known, keep
from thyrodata.splits.items import Assignment, Link, SplitItem, items_by_id, rows_by_id
from thyrodata.splits.model import Split
from thyrodata.splits.parts import check_same_parts, check_split_name, fold_shares, ratio_shares
from thyrodata.splits.placement import Placement, place

__all__ = ["make_split"]


def make_split(
    items: Iterable[SplitItem],
    *,
    name: str,
    ratios: Mapping[str, float] | None = None,
    seed: int = 0,
    links: Sequence[Link] = (),
    folds: int | None = None,
    extend: Sequence[Assignment] = (),
) -> Split:
    """Assign every image to a part so that no cluster crosses parts and every part looks like the whole.

    A cluster is a connected component over equal group_id, equal bytes and `links`. Its stratum is the
    highest grade known in it; unlabelled clusters are a stratum of their own. Parts first get a whole
    number of labelled groups. Clusters of several groups are placed before the others, each where most is
    lacking. The others are laid out by grade and given out by the quota method, which keeps each part
    within one group of its share in every prefix, hence at every threshold "this grade or higher". Within a
    stratum, the part that lacks most images takes the next of the larger clusters. The seed orders clusters
    of like size, settles ties, and decides from which end the grades are read, so that no part always gets
    the first of the rarest grade.

    The result depends on the items, the seed and the settings, never on the order of the items. A part may
    stay empty when there are few clusters; the balance shows it.

    With `extend`, every earlier assignment is kept, a new image goes where its cluster already is, and
    shares count what the parts hold already. Where a cluster joins several parts, the most protected one
    keeps its images (test, then val, then other names from the last listed to the first, train last); the
    other members, old and new, go to `excluded`, for good. An earlier image that is gone still links what
    it linked.

    Args:
        items: One per image.
        name: Name of the split: lower-case letters, digits and hyphens.
        ratios: Share of each part, two or more, that sum to 1; train 0.70, val 0.15 and test 0.15 unless
            given.
        seed: Any integer.
        links: Further images that belong together.
        folds: Number of equal parts `fold0`, `fold1` ... instead of `ratios`; at least 2.
        extend: Assignments of an earlier split with the same parts.

    Returns:
        The split with the account of how it was made.

    Raises:
        UsageError: A name, the ratios or the folds are invalid.
        SplitError: The name is that of an official split, there are no images or fewer clusters than folds,
            an image is given twice, a link names an unknown image, or the earlier split has other parts.

    References:
        Balinski and Young, "The quota method of apportionment", American Mathematical Monthly 82 (1975),
        701-730.
    """
    check_split_name(name)
    present = items_by_id(items)
    if not present:
        raise SplitError("there are no images to split")
    old = rows_by_id(extend)
    gone = tuple(row for image_id, row in sorted(old.items()) if image_id not in present)
    absent = [
        SplitItem(image_id=row.image_id, group_id=row.group_id, sha256=None, grade=None) for row in gone
    ]
    clusters = find_clusters([*present.values(), *absent], links)
    shares = fold_shares(folds, ratios, len(clusters)) if folds is not None else ratio_shares(ratios)
    check_same_parts(old.values(), shares)
    placement = Placement(shares, seed)
    conflicts = keep(placement, clusters, old, present)
    place(placement, (cluster for cluster in clusters if not is_known(cluster, old)), seed)
    assignments = tuple(
        Assignment(image_id=item.image_id, group_id=item.group_id, part=placement.part_of[item.image_id])
        for item in present.values()
    )
    return Split(
        name=name,
        seed=seed,
        folds=folds,
        ratios=tuple(shares.items()),
        assignments=assignments,
        balance=count_parts(clusters, placement.part_of, tuple(shares)),
        joins=joins(clusters),
        conflicts=conflicts,
        gone=gone,
    )
