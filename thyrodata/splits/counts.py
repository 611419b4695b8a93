"""What each part of a split holds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from thyrodata.splits.clusters import Cluster, find_clusters, group_grades
from thyrodata.splits.items import EXCLUDED, Assignment, Link, SplitItem, items_by_id, rows_by_id
from thyrodata.splits.model import Balance, GradeShare, PartBalance

__all__ = ["balance", "count_parts"]


def balance(
    items: Iterable[SplitItem],
    assignments: Iterable[Assignment],
    *,
    links: Sequence[Link] = (),
    parts: Sequence[str] = (),
) -> Balance:
    """Count what each part holds.

    Args:
        items: One per image; those without an assignment are not counted.
        assignments: The split.
        links: Further images that belong together, for the number of clusters.
        parts: Parts to list first, even if empty; others follow by name, fold2 before fold10, `excluded`
            last.

    Returns:
        The counts per part and for all parts together.

    Raises:
        SplitError: An image is given or assigned twice, or a link names an unknown image.
    """
    part_of = {image_id: row.part for image_id, row in rows_by_id(assignments).items()}
    return count_parts(find_clusters(items_by_id(items).values(), links), part_of, parts)


def count_parts(clusters: Iterable[Cluster], part_of: Mapping[str, str], parts: Sequence[str]) -> Balance:
    """Count what each part holds of the clusters, as `balance` does."""
    inside: defaultdict[str, list[SplitItem]] = defaultdict(list)
    touched: Counter[str] = Counter()
    in_use = 0
    for cluster in clusters:
        assigned = [item for item in cluster.members if item.image_id in part_of]
        for item in assigned:
            inside[part_of[item.image_id]].append(item)
        parts_of = {part_of[item.image_id] for item in assigned}
        for part in parts_of:
            touched[part] += 1
        in_use += bool(parts_of - {EXCLUDED})
    whole = [item for part, found in inside.items() if part != EXCLUDED for item in found]
    others = inside.keys() - {*parts}
    listed = [*parts, *sorted(others, key=lambda part: (part == EXCLUDED, len(part), part))]
    scale = sorted({item.grade for found in inside.values() for item in found if item.grade is not None})
    return Balance(
        parts=tuple(_part_balance(part, inside[part], touched[part], scale) for part in listed),
        whole=_part_balance("whole", whole, in_use, scale),
    )


def _part_balance(
    part: str, members: Collection[SplitItem], clusters: int, scale: Sequence[int]
) -> PartBalance:
    grades = group_grades(members)
    per_grade = Counter(grade for grade in grades.values() if grade is not None)
    labelled = per_grade.total()
    shares = []
    at_least = labelled
    for grade in scale:
        share = at_least / labelled if labelled else None
        shares.append(GradeShare(grade=grade, groups=per_grade[grade], at_least=share))
        at_least -= per_grade[grade]
    return PartBalance(
        part=part,
        images=len(members),
        groups=len(grades),
        clusters=clusters,
        labelled_groups=labelled,
        grades=tuple(shares),
    )
