"""Making, writing and auditing the splits of a dataset, with the COCO files of their parts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from thyrodata.dataset import Dataset
from thyrodata.engine import Progress
from thyrodata.errors import SplitError, UsageError
from thyrodata.exports.coco import CocoTarget, write_coco
from thyrodata.exports.ledger import LossLedger
from thyrodata.exports.view import exported_readers, view
from thyrodata.io.files import read_text, write_file
from thyrodata.io.hashes import SUMS, read_sums
from thyrodata.schema.coco import CocoInfo
from thyrodata.schema.vocab import SCHEMES, GroupKind, Term
from thyrodata.splits import (
    EXCLUDED,
    Assignment,
    Leak,
    Split,
    SplitItem,
    audit_split,
    format_csv,
    make_split,
    read_links,
    read_split_csv,
)
from thyrodata.splits.pictures import picture_links
from thyrodata.survey import Member, Survey

__all__ = [
    "MadeSplit",
    "SplitPlan",
    "add_split",
    "assigned",
    "audit_dataset",
    "audit_splits",
    "check_kind",
    "group_kinds",
    "most_graded",
    "parse_kind",
    "parse_ratios",
    "plan_split",
    "split_items",
    "write_split",
    "write_splits",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitPlan:
    """How a split is to be made. See :func:`thyrodata.splits.make_split`."""

    name: str = "default"
    ratios: Mapping[str, float] | None = None
    folds: int | None = None
    seed: int = 0
    by: GroupKind | None = None
    """The identity to keep together: it must be the published one, so naming it is a check."""
    stratify: str | None = None
    """The graded scheme to balance; by default the one that grades the most groups."""
    links: Path | None = None
    """A CSV file ``image_id,cluster`` of images that belong together."""
    extend: Path | None = None
    """The CSV file of an earlier split whose assignments are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeSplit:
    """A split of a dataset, what was kept together and balanced, and what its COCO files leave out."""

    split: Split
    kinds: tuple[GroupKind, ...]
    """What the dataset's groups are; only where this is ``patient`` alone is the split patient-grouped."""
    scheme: str | None
    """The scheme that was balanced; ``None`` where nothing is graded."""
    ledgers: Mapping[str, LossLedger]
    """By reader."""
    kept: bool = False
    """Whether it was made in a parent dataset, and every image keeps its part."""

    def to_json(self) -> dict[str, Any]:
        """Return how the split was made as plain values, grades by their names on the scale."""
        grades = [str(term.value) for term in SCHEMES[self.scheme]] if self.scheme else []
        said = self.split.to_json()
        counted = said["balance"]
        for part in (counted["whole"], *counted["parts"].values()):
            for name in ("groups_per_grade", "share_at_least"):
                part[name] = {grades[int(grade)]: n for grade, n in part[name].items()}
        return {
            **said,
            **({"made": "in the parent dataset; every image keeps its part"} if self.kept else {}),
            "grouped_by": [kind.value for kind in self.kinds],
            "stratified_by": self.scheme,
            "left_out_of_coco": _left_out(self.ledgers),
        }


def parse_ratios(text: str | None) -> dict[str, float] | None:
    """Return the ratios that ``70/15/15`` (train, val, test) or ``train=0.8,test=0.2`` says.

    Raises:
        UsageError: The text is neither.
    """
    if text is None:
        return None
    try:
        if "=" not in text:
            shares = [float(share) for share in text.split("/")]
            return dict(zip(("train", "val", "test"), (s / sum(shares) for s in shares), strict=True))
        pairs = [pair.split("=") for pair in text.split(",")]
        ratios = {part.strip(): float(share) for part, share in pairs}
    except (ValueError, ZeroDivisionError):
        ratios = {}
    if not ratios or len(ratios) != text.count("="):
        raise UsageError(
            f"{text!r} is no set of ratios", hint="write 70/15/15 for train/val/test, or train=0.8,test=0.2"
        )
    return ratios


def parse_kind(name: str | None) -> GroupKind | None:
    """Return the kind of group of this name.

    Raises:
        UsageError: There is none.
    """
    kinds = {kind.value: kind for kind in GroupKind}
    if name is not None and name not in kinds:
        raise UsageError(f"there is no identity {name!r}", hint=f"there are: {', '.join(kinds)}")
    return None if name is None else kinds[name]


def check_kind(by: GroupKind | None, published: Iterable[GroupKind]) -> None:
    """Refuse to split by another identity than the published one.

    Raises:
        SplitError: The source does not name that identity, or names a coarser one.
    """
    order = list(GroupKind)  # patient first, image last
    for kind in published:
        if by is None or by is kind:
            continue
        if order.index(by) < order.index(kind):
            raise SplitError(
                f"the source does not name {by.value}s: what it names is the {kind.value}",
                hint=f"split by {kind.value} (leave --by out); one {by.value} may then cross parts",
            )
        raise SplitError(
            f"a split by {by.value} would put one {kind.value} into several parts",
            hint=f"split by {kind.value} (leave --by out)",
        )


def group_kinds(survey: Survey) -> tuple[GroupKind, ...]:
    """Return what the dataset's groups are."""
    return tuple(GroupKind(count.value) for count in survey.counts if count.what == "groups")


def most_graded(members: Iterable[Member], wanted: str | None = None) -> str | None:
    """Return the graded scheme that the most groups have, or the wanted one if any group has it.

    Raises:
        UsageError: Nothing is graded by the wanted one.
    """
    seen = {(member.group_id, term.scheme) for member in members for term in member.grades}
    groups = Counter(scheme for _, scheme in seen)
    if wanted is None:
        return min(groups, key=lambda scheme: (-groups[scheme], scheme), default=None)
    if wanted not in groups:
        raise UsageError(
            f"no image is graded by {wanted!r}", hint=f"there are: {', '.join(sorted(groups)) or 'none'}"
        )
    return wanted


def split_items(members: Iterable[Member], scheme: str | None) -> list[SplitItem]:
    """Return the images as a split sees them, with their highest grade on a scheme."""
    return [
        SplitItem(
            image_id=member.image_id,
            group_id=member.group_id,
            sha256=member.sha256,
            frame_key=member.frame_key,
            grade=_grade(member.grades, scheme),
        )
        for member in members
    ]


def _grade(terms: Iterable[Term], scheme: str | None) -> int | None:
    """Return the highest rank on a scheme."""
    ranks = [term.grade for term in terms if term.scheme == scheme and term.grade is not None]
    return max(ranks, default=None)


def plan_split(survey: Survey, plan: SplitPlan) -> MadeSplit:
    """Make a split of a surveyed dataset and write nothing.

    Raises:
        SplitError: It cannot be made as asked.
        UsageError: The plan contradicts itself.
    """
    kinds = group_kinds(survey)
    check_kind(plan.by, kinds)
    scheme = most_graded(survey.members, plan.stratify)
    split = make_split(
        split_items(survey.members, scheme),
        name=plan.name,
        ratios=plan.ratios,
        seed=plan.seed,
        folds=plan.folds,
        links=read_links(read_text(plan.links), str(plan.links)) if plan.links else (),
        extend=read_split_csv(read_text(plan.extend), str(plan.extend)) if plan.extend else (),
    )
    return MadeSplit(split=split, kinds=kinds, scheme=scheme, ledgers={})


def write_split(dataset: Dataset, survey: Survey, folder: Path, plan: SplitPlan) -> MadeSplit:
    """Make a split and write its files below a folder: the CSV, how it was made, and COCO for each part.

    Raises:
        SplitError: The split cannot be made as asked.
        UsageError: The plan contradicts itself.
        OutputError: A file could not be written.
    """
    planned = plan_split(survey, plan)
    ledgers = _write_parts(dataset, folder, {plan.name: planned.split.assignments})
    return _describe(folder, planned, ledgers[plan.name])


def write_splits(dataset: Dataset, survey: Survey, folder: Path, planned: Iterable[MadeSplit] = ()) -> None:
    """Write the splits that the sources publish, as they publish them, and those that are made.

    Raises:
        OutputError: A file could not be written.
    """
    published = _published(survey)
    made = {each.split.name: each for each in planned}
    rows = {name: each.split.assignments for name, each in made.items()}
    ledgers = _write_parts(dataset, folder, {**published, **rows})
    for name in published:
        left_out = _left_out(ledgers[name])
        said = {"name": name, "made": "as the source publishes it", "left_out_of_coco": left_out}
        _write_json(folder / "splits" / f"{name}.json", said)
    for name, each in made.items():
        _describe(folder, each, ledgers[name])


def _published(survey: Survey) -> dict[str, tuple[Assignment, ...]]:
    """Return the splits that the sources publish, by the names that they have in a dataset.

    An image of another source than those that publish a split is `excluded` from it.
    """
    published: dict[str, list[Assignment]] = {}
    for member in survey.members:
        for official in member.official_splits:
            name = f"official-{official.name}" if official.name else "official"
            published.setdefault(name, []).append(assigned(member, official.part))
    for rows in published.values():
        publishers = {_namespace(row.image_id) for row in rows}
        rows += [
            assigned(member, EXCLUDED)
            for member in survey.members
            if _namespace(member.image_id) not in publishers
        ]
    return {name: tuple(rows) for name, rows in sorted(published.items())}


def assigned(member: Member, part: str) -> Assignment:
    """Return the row of a split that puts an image into a part."""
    return Assignment(image_id=member.image_id, group_id=member.group_id, part=part)


def _namespace(image_id: str) -> str:
    return image_id.partition("/")[0]


def _describe(folder: Path, planned: MadeSplit, ledgers: Mapping[str, LossLedger]) -> MadeSplit:
    """Write how a split was made, and return it with what its COCO files leave out."""
    made = replace(planned, ledgers=ledgers)
    _write_json(folder / "splits" / f"{made.split.name}.json", made.to_json())
    return made


def _write_parts(
    dataset: Dataset, folder: Path, splits: Mapping[str, Iterable[Assignment]]
) -> dict[str, dict[str, LossLedger]]:
    """Write the CSV file of each split and the COCO files of its parts, these in one pass over the records.

    Returns:
        What the COCO files leave out, by split and reader.
    """
    if splits:
        (folder / "splits").mkdir(parents=True, exist_ok=True)
    readers = exported_readers(dataset)
    ledgers: dict[str, dict[str, LossLedger]] = {}
    targets = []
    for name, rows in splits.items():
        write_file(folder / "splits" / f"{name}.csv", format_csv(rows).encode())
        part_of = {row.image_id: row.part for row in rows if row.part != EXCLUDED}
        for reader in readers:
            shown = view(dataset, part_of, reader)
            ledgers.setdefault(name, {})[reader] = shown.ledger
            below = folder / "annotations" / name / (_folder_name(reader) if len(readers) > 1 else "")
            info: CocoInfo = {"description": f"{dataset.manifest.name}, split {name}", "reader": reader}
            targets.append(CocoTarget(view=shown, folder=below, info=info))
    write_coco(targets)
    return ledgers


def _folder_name(reader: str) -> str:
    """Return a reader's name as a path can hold it: percent-encoded; one that is not named as ``%``."""
    return quote(reader, safe=" ").replace(".", "%2E") or "%"


def _left_out(ledgers: Mapping[str, LossLedger]) -> dict[str, Any]:
    return {reader: ledger.to_json()["lost"] for reader, ledger in ledgers.items()}


def _write_json(path: Path, value: Any) -> None:
    write_file(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def add_split(dataset: Dataset, plan: SplitPlan, *, dry_run: bool = False) -> MadeSplit:
    """Make a split and add it to a dataset; records and images stay untouched.

    Args:
        dataset: The dataset.
        plan: How the split is to be made.
        dry_run: Make it and write nothing.

    Raises:
        SplitError: There is a split of this name, or it cannot be made as asked.
        UsageError: The plan contradicts itself.
        OutputError: A file could not be written.
    """
    if f"splits/{plan.name}.csv" in read_sums(dataset.path / SUMS):
        raise SplitError(
            f"there is a split {plan.name!r} already",
            where=str(dataset.split_file(plan.name)),
            hint="choose another name: a split that is there is never changed",
        )
    if dry_run:
        return plan_split(dataset.survey(), plan)
    with dataset.adding() as folder:
        made = write_split(dataset, dataset.survey(), folder, plan)
    dataset.note(f"split make {plan.name}")
    return made


def audit_dataset(
    dataset: Dataset, name: str, links: Path | None = None, *, pixels: bool = False
) -> tuple[Leak, ...]:
    """Return every way in which a split of a dataset leaks, or does not fit it: see :func:`audit_splits`.

    Raises:
        CaseError: With ``pixels``, an image cannot be read.
        DatasetError: There is no such split, or with ``pixels`` an image is not what its record says.
        SplitError: Its file, or the file of links, is damaged.
    """
    return audit_splits(dataset, [name], links, pixels=pixels)[name]


def audit_splits(
    dataset: Dataset,
    names: Iterable[str],
    links: Path | None = None,
    *,
    pixels: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> dict[str, tuple[Leak, ...]]:
    """Return every way in which splits of a dataset leak, or do not fit it.

    Args:
        dataset: The dataset.
        names: Of its splits.
        links: A CSV file ``image_id,cluster`` of images that belong together.
        pixels: Look for images that show one picture too: see :func:`thyrodata.duplicates.find_same`.
        workers: Processes that look; 1 is this process.
        progress: Called with the number of steps of the search done and of all.

    Raises:
        CaseError: With ``pixels``, an image cannot be read.
        DatasetError: There is no such split, or with ``pixels`` an image is not what its record says.
        SplitError: The file of a split, or that of links, is damaged.
    """
    files = {name: dataset.split_file(name) for name in names}
    members = dataset.survey().members
    known = read_links(read_text(links), str(links)) if links else ()
    if pixels:
        known = (*known, *picture_links(members, dataset.path, workers=workers, progress=progress))
    items = split_items(members, None)
    return {
        name: audit_split(items, read_split_csv(read_text(file), str(file)), known)
        for name, file in files.items()
    }
