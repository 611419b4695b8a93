"""Stratified splits in which linked images never cross parts, their CSV files, and the audit of any split.

Images are linked by the identity that the source publishes, by equal bytes and by a file of further links.
That identity is the coarsest one published, which is a patient only where the source says so.
"""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from thyrodata.errors import SplitError, UsageError

__all__ = [
    "EXCLUDED",
    "Assignment",
    "Balance",
    "Conflict",
    "GradeShare",
    "Join",
    "Leak",
    "Link",
    "PartBalance",
    "Split",
    "SplitItem",
    "audit_split",
    "balance",
    "format_csv",
    "make_split",
    "read_links",
    "read_split_csv",
]

EXCLUDED = "excluded"
"""The reserved part of images that no part may use: their cluster was found to join two parts."""

_DEFAULT_RATIOS = {"train": 0.70, "val": 0.15, "test": 0.15}
_SPLIT_HEADER = ("image_id", "group_id", "part")
_LINKS_HEADER = ("image_id", "cluster")
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_PUBLISHED_PART = re.compile(r"[a-z0-9][a-z0-9-]*")  # a source may number its parts
_BARRED = r"\x00-\x1f\x7f\ud800-\udfff"
_CELL = re.compile(rf"[^\s{_BARRED}](?:[^{_BARRED}]*[^\s{_BARRED}])?")
_CSV_FIELD = r'"[^"]*(?:""[^"]*)*"|[^",]*'
_CSV_LINE = re.compile(rf"(?:{_CSV_FIELD})(?:,(?:{_CSV_FIELD}))*")
_CSV_CELL = re.compile(rf"(?:^|,)({_CSV_FIELD})")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_RATIO_TOLERANCE = 1e-6
_FEWEST_PARTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitItem:
    """One image as a split sees it.

    Raises:
        SplitError: An identifier does not fit in a CSV cell, the digest is not one, or the grade is negative.
    """

    image_id: str
    group_id: str
    """The identity that the source publishes: a patient, a case, or only the image."""
    sha256: str | None
    """Digest of the image file's bytes, lower-case hexadecimal; None where there is no file."""
    grade: int | None
    """Rank of the label stratified by, 0 = lowest; None = unlabelled, which is never taken for the lowest."""

    def __post_init__(self) -> None:
        _check_cell(self.image_id, "image_id")
        _check_cell(self.group_id, "group_id")
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise SplitError(f"{self.sha256!r} is not a SHA-256 digest", where=self.image_id)
        if self.grade is not None and self.grade < 0:
            raise SplitError(f"grade {self.grade} is below 0, the lowest rank", where=self.image_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """The part that one image is in: a row of a split's CSV file.

    Raises:
        SplitError: An identifier does not fit in a CSV cell, or the part's name is invalid.
    """

    image_id: str
    group_id: str
    part: str

    def __post_init__(self) -> None:
        _check_cell(self.image_id, "image_id")
        _check_cell(self.group_id, "group_id")
        if not _PUBLISHED_PART.fullmatch(self.part):
            raise SplitError(f"{self.part!r} is not the name of a part", where=self.image_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Images that a user knows to belong together, such as a cluster of near-duplicates."""

    cluster: str
    image_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """A link between images whose published identities differ."""

    why: str
    image_ids: tuple[str, ...]
    group_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A cluster that joins images which the extended split holds in different parts."""

    kept: str
    """The most protected of these parts; its images stay."""
    moved: tuple[Assignment, ...]
    """The images that left for `excluded`, as they were assigned before."""
    new: tuple[str, ...]
    """New images of the cluster, which go to `excluded` as well."""
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeShare:
    """How many groups have a grade, and which share has this one or a higher one."""

    grade: int
    groups: int
    at_least: float | None
    """Labelled groups of this grade or higher / labelled groups; None where no group is labelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartBalance:
    """What a part holds; the grade of a group is the highest among its images there."""

    part: str
    images: int
    groups: int
    clusters: int
    labelled_groups: int
    grades: tuple[GradeShare, ...]
    """Every grade of the split from the lowest up, also those that the part lacks."""

    def to_json(self) -> dict[str, Any]:
        """Return the counts as a plain dict."""
        return {
            "images": self.images,
            "groups": self.groups,
            "clusters": self.clusters,
            "labelled_groups": self.labelled_groups,
            "groups_per_grade": {str(share.grade): share.groups for share in self.grades},
            "share_at_least": {str(share.grade): share.at_least for share in self.grades},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What each part holds beside what all parts hold together, `excluded` left out of the whole."""

    parts: tuple[PartBalance, ...]
    whole: PartBalance

    def to_json(self) -> dict[str, Any]:
        """Return the counts as a plain dict."""
        return {
            "whole": self.whole.to_json(),
            "parts": {part.part: part.to_json() for part in self.parts},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A split and the account of how it was made."""

    name: str
    seed: int
    folds: int | None
    ratios: tuple[tuple[str, float], ...]
    """Name and share of each part, as listed when the split was made."""
    assignments: tuple[Assignment, ...]
    """One per image, sorted by image_id."""
    balance: Balance
    joins: tuple[Join, ...]
    """Every link between images whose published identities differ."""
    conflicts: tuple[Conflict, ...]
    """Clusters that join parts of the extended split."""
    gone: tuple[Assignment, ...]
    """Assignments of the extended split whose image is no longer there."""

    def to_json(self) -> dict[str, Any]:
        """Return how the split was made as a plain dict; the assignments stand in the CSV file."""
        return {
            "name": self.name,
            "seed": self.seed,
            "folds": self.folds,
            "ratios": dict(self.ratios),
            "balance": self.balance.to_json(),
            "joins": [
                {"why": join.why, "image_ids": [*join.image_ids], "group_ids": [*join.group_ids]}
                for join in self.joins
            ],
            "conflicts": [
                {
                    "kept": conflict.kept,
                    "moved": [_row_json(row) for row in conflict.moved],
                    "new": [*conflict.new],
                    "why": [*conflict.why],
                }
                for conflict in self.conflicts
            ],
            "gone": [_row_json(row) for row in self.gone],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A reason why a split cannot be trusted.

    `code` is `crosses-parts`, `unassigned` (images without a part) or `unknown-image` (rows without an
    image).
    """

    code: str
    message: str
    image_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tie:
    """Images that share a group, their bytes or a link."""

    why: str
    members: tuple[SplitItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cluster:
    """A connected component: images sorted by image_id, and the ties among them."""

    members: tuple[SplitItem, ...]
    ties: tuple[_Tie, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """A cluster that is still to be placed."""

    members: tuple[SplitItem, ...]
    stratum: int
    """The highest grade known in it; -1 = unlabelled."""
    weight: int
    """Labelled groups; in an unlabelled cluster, groups."""
    size_class: int
    """Images on a doubling scale (1, 2-3, 4-7 ...): exact sizes would leave the seed little to choose."""
    key: str


class _Placement:
    """Which part each image is in so far, and what each part holds."""

    def __init__(self, ratios: Mapping[str, float], seed: int) -> None:
        self.ratios = ratios
        self.order = sorted(ratios, key=lambda part: _key(seed, part))  # settles ties between parts
        self.part_of: dict[str, str] = {}
        self.images = dict.fromkeys(ratios, 0)
        self.groups = dict.fromkeys(ratios, 0)
        self.labelled = dict.fromkeys(ratios, 0)
        self.grades: dict[int, Counter[str]] = defaultdict(Counter)

    def put(self, members: Collection[SplitItem], part: str) -> None:
        self.part_of.update((item.image_id, part) for item in members)
        if part == EXCLUDED:
            return
        grades = _group_grades(members)
        self.images[part] += len(members)
        self.groups[part] += len(grades)
        for grade in grades.values():
            if grade is not None:
                self.labelled[part] += 1
                self.grades[grade][part] += 1

    def neediest(self, have: Mapping[str, int], amount: int, among: Iterable[str]) -> str:
        """Return the part that lacks most of its share once `amount` more has been given out."""
        total = sum(have.values()) + amount
        return max(among, key=lambda part: self.ratios[part] * total - have[part])


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
    _check_split_name(name)
    present = _by_id(items)
    if not present:
        raise SplitError("there are no images to split")
    old = _by_image(extend)
    gone = tuple(row for image_id, row in sorted(old.items()) if image_id not in present)
    absent = [
        SplitItem(image_id=row.image_id, group_id=row.group_id, sha256=None, grade=None) for row in gone
    ]
    clusters = _clusters([*present.values(), *absent], links)
    shares = _fold_shares(folds, ratios, len(clusters)) if folds is not None else _ratio_shares(ratios)
    _check_same_parts(old, shares)
    placement = _Placement(shares, seed)
    conflicts = _keep(placement, clusters, old, present)
    _place(placement, [cluster for cluster in clusters if not _is_known(cluster, old)], seed)
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
        balance=_balance(clusters, {row.image_id: row.part for row in assignments}, tuple(shares)),
        joins=_joins(clusters),
        conflicts=conflicts,
        gone=gone,
    )


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
    present = _by_id(items)
    part_of = {image_id: row.part for image_id, row in _by_image(assignments).items()}
    leaks = [
        Leak(
            code="crosses-parts",
            message=_crossing(cluster, part_of),
            image_ids=tuple(item.image_id for item in cluster.members),
        )
        for cluster in _clusters(list(present.values()), links)
        if len(_parts(cluster.members, part_of)) > 1
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
    part_of = {image_id: row.part for image_id, row in _by_image(assignments).items()}
    return _balance(_clusters(list(_by_id(items).values()), links), part_of, parts)


def format_csv(rows: Iterable[Assignment]) -> str:
    r"""Return the text of `splits/<name>.csv`: `image_id,group_id,part`, sorted, lines ending in \n."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_SPLIT_HEADER)
    writer.writerows(sorted((row.image_id, row.group_id, row.part) for row in rows))
    return out.getvalue()


def read_split_csv(text: str, where: str) -> tuple[Assignment, ...]:
    """Read the text of a split's CSV file.

    Args:
        text: The file's content.
        where: The file, as errors name it.

    Returns:
        The assignments sorted by image_id.

    Raises:
        SplitError: The text is not such a file, is empty or cut short, or assigns an image twice.
    """
    rows: dict[str, Assignment] = {}
    for place, (image_id, group_id, part) in _read_rows(text, where, _SPLIT_HEADER):
        if image_id in rows:
            raise SplitError(f"image {image_id!r} is assigned twice", where=place)
        if not _PUBLISHED_PART.fullmatch(part):
            raise SplitError(f"{part!r} is not the name of a part", where=place)
        rows[image_id] = Assignment(image_id=image_id, group_id=group_id, part=part)
    if not text.endswith("\n"):
        raise SplitError(
            "the last line does not end",
            where=where,
            hint="the file may be cut short; if it is whole, end its last line with a line feed",
        )
    return tuple(rows[image_id] for image_id in sorted(rows))


def read_links(text: str, where: str) -> tuple[Link, ...]:
    """Read a CSV file `image_id,cluster` of images that belong together.

    Args:
        text: The file's content.
        where: The file, as errors name it.

    Returns:
        One link per cluster, by name; its images sorted.

    Raises:
        SplitError: The text is not such a file, is empty, or names an image twice.
    """
    seen: set[str] = set()
    clusters: defaultdict[str, list[str]] = defaultdict(list)
    for place, (image_id, cluster) in _read_rows(text, where, _LINKS_HEADER):
        if image_id in seen:
            raise SplitError(
                f"image {image_id!r} stands twice",
                where=place,
                hint="give each image one row, in one cluster",
            )
        seen.add(image_id)
        clusters[cluster].append(image_id)
    return tuple(Link(cluster=name, image_ids=tuple(sorted(clusters[name]))) for name in sorted(clusters))


def _read_rows(text: str, where: str, header: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    """Yield the place and the cells of every row below the header."""
    lines = text.removesuffix("\n").split("\n")
    if lines[0].removesuffix("\r") != ",".join(header):
        raise SplitError(f"the header is not {','.join(header)}", where=f"{where}:1")
    if len(lines) == 1:
        raise SplitError("there are no rows below the header", where=f"{where}:2")
    for number, line in enumerate(lines[1:], start=2):
        place = f"{where}:{number}"
        row = _cells(line.removesuffix("\r"), place)
        if len(row) != len(header):
            raise SplitError(f"{len(row)} cells instead of {len(header)}", where=place)
        for column, cell in zip(header, row, strict=True):
            _check_cell(cell, column, place)
        yield place, row


def _cells(line: str, where: str) -> list[str]:
    """Return the cells of a CSV line (RFC 4180); here no cell goes on in the next line."""
    if not _CSV_LINE.fullmatch(line):
        raise SplitError(
            "quotes stand where CSV does not allow them",
            where=where,
            hint="put the whole cell in double quotes and double those inside it",
        )
    cells: list[str] = _CSV_CELL.findall(line)
    return [cell[1:-1].replace('""', '"') if cell.startswith('"') else cell for cell in cells]


def _check_cell(value: str, column: str, where: str = "") -> None:
    if not _CELL.fullmatch(value):
        raise SplitError(
            f"{column} {value!r} is empty, is not Unicode text, or holds outer spaces or control characters",
            where=where,
        )


def _check_split_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not a valid name for a split",
            hint="begin with a lower-case letter; go on with lower-case letters, digits and hyphens",
        )
    if name.startswith("official"):
        raise SplitError(
            f"the name {name!r} is kept for splits as their source publishes them",
            hint="choose a name that does not begin with 'official'",
        )


def _fold_shares(folds: int, ratios: Mapping[str, float] | None, clusters: int) -> dict[str, float]:
    if ratios is not None:
        raise UsageError("ratios and folds exclude each other", hint="give one of them")
    if folds < _FEWEST_PARTS:
        raise UsageError(f"{folds} folds are no split", hint=f"ask for at least {_FEWEST_PARTS}")
    if folds > clusters:
        raise SplitError(
            f"{clusters} clusters of images cannot fill {folds} folds", hint="ask for fewer folds"
        )
    return {f"fold{number}": 1 / folds for number in range(folds)}


def _ratio_shares(ratios: Mapping[str, float] | None) -> dict[str, float]:
    shares = dict(_DEFAULT_RATIOS if ratios is None else ratios)
    for part, ratio in shares.items():
        if not _NAME.fullmatch(part) or part == EXCLUDED:
            raise UsageError(
                f"{part!r} is not a valid name for a part",
                hint=f"use lower-case letters, digits and hyphens; {EXCLUDED!r} is reserved",
            )
        if not (math.isfinite(ratio) and ratio > 0):
            raise UsageError(f"the ratio of {part!r} is {ratio}", hint="give a number above 0")
    if len(shares) < _FEWEST_PARTS:
        raise UsageError(f"a split has at least {_FEWEST_PARTS} parts")
    total = math.fsum(shares.values())
    if abs(total - 1) > _RATIO_TOLERANCE:
        raise UsageError(f"the ratios sum to {total:g}, not to 1")
    return shares


def _by_id(items: Iterable[SplitItem]) -> dict[str, SplitItem]:
    """Key the items by image_id, in its order."""
    ordered = sorted(items, key=lambda item: item.image_id)
    for one, other in itertools.pairwise(ordered):
        if one.image_id == other.image_id:
            raise SplitError("the image is given twice", where=one.image_id)
    return {item.image_id: item for item in ordered}


def _by_image(assignments: Iterable[Assignment]) -> dict[str, Assignment]:
    rows: dict[str, Assignment] = {}
    for row in assignments:
        if row.image_id in rows:
            raise SplitError("the image is assigned twice", where=row.image_id)
        rows[row.image_id] = row
    return rows


def _check_same_parts(old: Mapping[str, Assignment], shares: Mapping[str, float]) -> None:
    foreign = {row.part for row in old.values()} - {*shares, EXCLUDED}
    if foreign:
        raise SplitError(
            f"the split to extend has other parts: {', '.join(sorted(foreign))}",
            hint=f"ask for the same parts; these were asked for: {', '.join(shares)}",
        )


def _clusters(items: Sequence[SplitItem], links: Sequence[Link]) -> list[_Cluster]:
    """Return the connected components over equal group, equal bytes and links, by their first image."""
    ordered = sorted(items, key=lambda item: item.image_id)
    position = {item.image_id: index for index, item in enumerate(ordered)}
    parent = list(range(len(ordered)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    ties = _ties(ordered, links)
    for tie in ties:
        first, *others = (position[item.image_id] for item in tie.members)
        for other in others:
            parent[root(other)] = root(first)
    members: dict[int, list[SplitItem]] = {}
    for index, item in enumerate(ordered):
        members.setdefault(root(index), []).append(item)
    ties_of: defaultdict[int, list[_Tie]] = defaultdict(list)
    for tie in ties:
        ties_of[root(position[tie.members[0].image_id])].append(tie)
    return [
        _Cluster(members=tuple(found), ties=tuple(ties_of.get(start, ()))) for start, found in members.items()
    ]


def _ties(ordered: Sequence[SplitItem], links: Sequence[Link]) -> list[_Tie]:
    groups: defaultdict[str, list[SplitItem]] = defaultdict(list)
    digests: defaultdict[str, list[SplitItem]] = defaultdict(list)
    for item in ordered:
        groups[item.group_id].append(item)
        if item.sha256 is not None:
            digests[item.sha256].append(item)
    known = {item.image_id: item for item in ordered} if links else {}
    linked: list[tuple[str, list[SplitItem]]] = []
    for link in sorted(links, key=lambda link: (link.cluster, link.image_ids)):
        unknown = sorted(set(link.image_ids) - known.keys())
        if unknown:
            raise SplitError(
                f"the link {link.cluster!r} names an image that is not there: {unknown[0]!r}",
                hint="correct the image_id or remove its row",
            )
        linked.append((link.cluster, [known[image_id] for image_id in sorted(set(link.image_ids))]))
    named = [
        *((f"same group {group_id}", found) for group_id, found in groups.items()),
        *((f"byte-identical, sha256 {digest}", found) for digest, found in digests.items()),
        *((f"link {cluster}", found) for cluster, found in linked),
    ]
    return [_Tie(why=why, members=tuple(found)) for why, found in named if len(found) > 1]


def _joins(clusters: Iterable[_Cluster]) -> tuple[Join, ...]:
    return tuple(
        Join(
            why=tie.why,
            image_ids=tuple(item.image_id for item in tie.members),
            group_ids=tuple(sorted({item.group_id for item in tie.members})),
        )
        for cluster in clusters
        for tie in cluster.ties
        if len({item.group_id for item in tie.members}) > 1
    )


def _parts(members: Iterable[SplitItem], part_of: Mapping[str, str]) -> set[str]:
    """Return the parts that the images are in, `excluded` and unassigned left out."""
    return {part_of[item.image_id] for item in members if item.image_id in part_of} - {EXCLUDED}


def _crossing_ties(cluster: _Cluster, part_of: Mapping[str, str]) -> tuple[str, ...]:
    """Return the ties that cross parts; all where parts meet only through images outside of them."""
    crossing = tuple(tie.why for tie in cluster.ties if len(_parts(tie.members, part_of)) > 1)
    return crossing or tuple(tie.why for tie in cluster.ties)


def _crossing(cluster: _Cluster, part_of: Mapping[str, str]) -> str:
    parts: defaultdict[str, list[str]] = defaultdict(list)
    for item in cluster.members:
        parts[part_of.get(item.image_id, EXCLUDED)].append(item.image_id)
    parts.pop(EXCLUDED, None)
    places = "; ".join(f"{part}: {', '.join(parts[part])}" for part in sorted(parts))
    return (
        f"linked images are in {len(parts)} parts ({places}): {'; '.join(_crossing_ties(cluster, part_of))}"
    )


def _keep(
    placement: _Placement,
    clusters: Iterable[_Cluster],
    old: Mapping[str, Assignment],
    present: Collection[str],
) -> tuple[Conflict, ...]:
    """Place the clusters that the earlier split knows, and report those that join its parts."""
    part_of = {image_id: row.part for image_id, row in old.items()}
    conflicts = []
    for cluster in clusters:
        if not _is_known(cluster, old):
            continue
        known = {part_of[item.image_id] for item in cluster.members if item.image_id in part_of}
        kept = _most_protected(known, list(placement.ratios))
        rest = kept if len(known) == 1 else EXCLUDED
        here = [item for item in cluster.members if item.image_id in present]
        placement.put([item for item in here if part_of.get(item.image_id, rest) == kept], kept)
        placement.put([item for item in here if part_of.get(item.image_id, rest) != kept], EXCLUDED)
        moved = tuple(
            old[item.image_id]
            for item in here
            if part_of.get(item.image_id, EXCLUDED) not in {kept, EXCLUDED}
        )
        new = tuple(item.image_id for item in here if item.image_id not in old)
        if moved or (new and len(known) > 1):
            conflicts.append(Conflict(kept=kept, moved=moved, new=new, why=_crossing_ties(cluster, part_of)))
    return tuple(conflicts)


def _is_known(cluster: _Cluster, old: Mapping[str, Assignment]) -> bool:
    return any(item.image_id in old for item in cluster.members)


def _most_protected(known: Collection[str], listed: Sequence[str]) -> str:
    """Return test before val before other names, the last listed first, before train before `excluded`."""
    rank = {"test": (0, 0), "val": (1, 0), "train": (3, 0), EXCLUDED: (4, 0)}
    return min(known, key=lambda part: rank[part] if part in rank else (2, -listed.index(part)))


def _place(placement: _Placement, clusters: Iterable[_Cluster], seed: int) -> None:
    """Place the clusters that have no part yet."""
    pieces = [_piece(cluster.members, seed) for cluster in clusters]
    pieces.sort(key=lambda piece: (-piece.stratum, -piece.size_class, piece.key))
    singles: defaultdict[int, list[_Piece]] = defaultdict(list)
    for piece in pieces:
        if piece.weight == 1:
            singles[piece.stratum].append(piece)
            continue
        have = placement.labelled if piece.stratum >= 0 else placement.groups
        placement.put(piece.members, placement.neediest(have, piece.weight, placement.order))
    unlabelled = singles.pop(-1, [])
    _place_labelled(placement, singles, reverse=_key(seed, "from the highest grade") < "8")
    slots = _apportion(placement, placement.groups, len(unlabelled))
    _fill(placement, unlabelled, slots - Counter(placement.groups))


def _piece(members: tuple[SplitItem, ...], seed: int) -> _Piece:
    grades = _group_grades(members)
    known = [grade for grade in grades.values() if grade is not None]
    return _Piece(
        members=members,
        stratum=max(known, default=-1),
        weight=len(known) or len(grades),
        size_class=len(members).bit_length(),
        key=_key(seed, members[0].image_id),
    )


def _place_labelled(placement: _Placement, singles: Mapping[int, Sequence[_Piece]], *, reverse: bool) -> None:
    """Place clusters of one labelled group each so that the parts are balanced at every grade threshold."""
    quota = _apportion(placement, placement.labelled, sum(map(len, singles.values())))
    held = {grade: Counter(placement.grades[grade]) for grade in [*placement.grades]}
    still = quota - Counter(placement.labelled)
    have: Counter[str] = Counter()
    for grade in sorted({*singles, *held}, reverse=reverse):
        have += held.get(grade, Counter())
        pieces = singles.get(grade, ())
        slots = _slots(quota, have, still, len(pieces), placement.order)
        have += slots
        still -= slots
        _fill(placement, pieces, slots)


def _apportion(placement: _Placement, have: Mapping[str, int], amount: int) -> Counter[str]:
    """Return what each part will have once `amount` more is given by largest remainders; none loses any."""
    quota = Counter(have)
    total = sum(have.values()) + amount
    for _ in range(amount):
        part = max(placement.order, key=lambda part: placement.ratios[part] * total - quota[part])
        quota[part] += 1
    return quota


def _slots(
    quota: Mapping[str, int],
    have: Mapping[str, int],
    still: Mapping[str, int],
    amount: int,
    order: Sequence[str],
) -> Counter[str]:
    """Give out the next places of the sequence by the quota method of Balinski and Young (1975).

    The next place goes to the part of greatest quota / (places + 1) among those below their share of the
    sequence so far. What a part held beforehand may put all of them above it; then all are asked.
    """
    total = sum(quota.values())
    places = Counter(have)
    slots: Counter[str] = Counter()
    for length in range(sum(have.values()) + 1, sum(have.values()) + amount + 1):
        able = [part for part in order if slots[part] < still.get(part, 0)]
        below = [part for part in able if places[part] * total < quota[part] * length]
        part = max(below or able, key=lambda part: quota[part] / (places[part] + 1))
        places[part] += 1
        slots[part] += 1
    return slots


def _fill(placement: _Placement, pieces: Iterable[_Piece], slots: Mapping[str, int]) -> None:
    """Hand clusters to the places of a stratum, each where most images are lacking."""
    left = dict(slots)
    for piece in pieces:
        able = [part for part in placement.order if left.get(part)]
        part = placement.neediest(placement.images, len(piece.members), able)
        left[part] -= 1
        placement.put(piece.members, part)


def _balance(clusters: Iterable[_Cluster], part_of: Mapping[str, str], parts: Sequence[str]) -> Balance:
    inside: defaultdict[str, list[SplitItem]] = defaultdict(list)
    touched: Counter[str] = Counter()
    whole: list[SplitItem] = []
    clusters_used = 0
    for cluster in clusters:
        found = {part_of[item.image_id] for item in cluster.members if item.image_id in part_of}
        touched.update(found)
        clusters_used += bool(found - {EXCLUDED})
        for item in cluster.members:
            part = part_of.get(item.image_id)
            if part is not None:
                inside[part].append(item)
                if part != EXCLUDED:
                    whole.append(item)
    others = inside.keys() - {*parts}
    listed = [*parts, *sorted(others, key=lambda part: (part == EXCLUDED, len(part), part))]
    scale = sorted({item.grade for found in inside.values() for item in found if item.grade is not None})
    return Balance(
        parts=tuple(_part_balance(part, inside[part], touched[part], scale) for part in listed),
        whole=_part_balance("whole", whole, clusters_used, scale),
    )


def _part_balance(
    part: str, members: Collection[SplitItem], clusters: int, scale: Sequence[int]
) -> PartBalance:
    grades = _group_grades(members)
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


def _group_grades(members: Iterable[SplitItem]) -> dict[str, int | None]:
    """Return the highest grade known in each group; None = unlabelled."""
    grades: dict[str, int | None] = {}
    for item in members:
        best = grades.get(item.group_id)
        if best is None or (item.grade is not None and item.grade > best):
            grades[item.group_id] = item.grade
    return grades


def _key(seed: int, text: str) -> str:
    """Return a sort key that looks random and depends on its arguments alone."""
    return hashlib.sha256(f"{seed}\n{text}".encode()).hexdigest()


def _row_json(row: Assignment) -> dict[str, str]:
    return {"image_id": row.image_id, "group_id": row.group_id, "part": row.part}
