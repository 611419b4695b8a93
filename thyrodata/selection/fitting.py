"""Whether criteria, splits and tables fit a dataset: what is asked of it must be there at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NoReturn

from thyrodata.errors import UsageError
from thyrodata.schema.record import Label
from thyrodata.schema.vocab import Scope
from thyrodata.selection import conditions as asked
from thyrodata.selection.answers import Beside
from thyrodata.selection.clinical import ClinicalTable, Key
from thyrodata.selection.cohort import Cohort
from thyrodata.selection.conditions import SCOPES
from thyrodata.selection.criteria import Criterion, Step
from thyrodata.selection.glance import Glance
from thyrodata.selection.ledger import TableAccount

__all__ = ["check_fit", "check_tables", "table_accounts"]


def check_tables(tables: Sequence[ClinicalTable]) -> None:
    """Refuse two tables with one column: which of them is meant would not be said.

    Raises:
        UsageError: There are such.
    """
    owner: dict[str, ClinicalTable] = {}
    for table in tables:
        for column in table.columns:
            if column in owner:
                raise UsageError(
                    f"two tables have the column {column!r}",
                    where=f"{owner[column].file} and {table.file}",
                    hint="rename it in one of them",
                )
            owner[column] = table


def check_fit(steps: Iterable[Step], images: Sequence[Glance], beside: Beside) -> None:
    """Refuse criteria about what the dataset does not have at all.

    Raises:
        UsageError: A label scheme, a source or the part of a split is in no record.
    """
    schemes: dict[str, set[Scope]] = {}
    for image in images:
        for scope, label in _labels(image):
            schemes.setdefault(label.value.scheme, set()).add(scope)
    sources = {image.image_id.partition("/")[0] for image in images}
    for step in steps:
        if not isinstance(step, Criterion):
            if step.per:
                _check_scheme(step, step.per, frozenset(Scope), schemes)
            continue
        match step.condition:
            case asked.HasLabel(scheme=scheme, of=of):
                _check_scheme(step, scheme, frozenset({of}) if of else SCOPES[step.level], schemes)
            case asked.SourceIs(values=values) if not sources.issuperset(values):
                absent = sorted({*values} - sources)
                _refuse(step, f"no image is of the source {absent[0]!r}", f"there are: {_list(sources)}")
            case asked.InSplit(name=name, parts=parts):
                known = {*beside.splits[name].values()}
                if absent := sorted({*parts} - known):
                    _refuse(
                        step, f"the split {name!r} has no part {absent[0]!r}", f"there are: {_list(known)}"
                    )
            case _:
                pass


def _labels(image: Glance) -> Iterable[tuple[Scope, Label]]:
    yield from ((Scope.CASE, label) for label in image.case_labels)
    yield from ((Scope.IMAGE, label) for label in image.image_labels)
    yield from ((Scope.NODULE, label) for nodule in image.nodules for label in nodule.labels)
    yield from ((Scope.FINDING, label) for finding in image.findings for label in finding.labels)


def _check_scheme(step: Step, scheme: str, scopes: frozenset[Scope], said: dict[str, set[Scope]]) -> None:
    if scheme not in said:
        _refuse(step, f"the dataset has no label of {scheme}", f"it has: {_list(said)}")
    if not said[scheme] & scopes:
        wanted = " or ".join(sorted(scope.value for scope in scopes))
        of = " and ".join(sorted(scope.value for scope in said[scheme]))
        _refuse(step, f"no {wanted} has a label of {scheme}", f"it is said of the {of}")


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _refuse(step: Step, what: str, hint: str) -> NoReturn:
    raise UsageError(f"{step.name!r}: {what}", where=step.where, hint=hint)


def table_accounts(tables: Iterable[ClinicalTable], cohort: Cohort) -> tuple[TableAccount, ...]:
    """Return how tables fit the dataset.

    Raises:
        UsageError: No id of a table is in the dataset, or an id of a nodule is of several groups.
    """
    return tuple(_account(table, [unit.key for unit in cohort.units(table.level)]) for table in tables)


def _account(table: ClinicalTable, keys: Sequence[Key]) -> TableAccount:
    known = {*keys}
    bare = [key for key in table.rows if isinstance(key, tuple) and not key[0]]
    if bare:
        keys_of: dict[str, list[Key]] = {}
        for key in keys:
            keys_of.setdefault(key[1], []).append(key)
        known |= {("", nodule_id) for nodule_id in keys_of}
        for _, nodule_id in bare:
            if len(keys_of.get(nodule_id, ())) > 1:
                raise UsageError(
                    f"{nodule_id!r} is a nodule of several groups",
                    where=f"{table.file}:{table.rows['', nodule_id][0]}",
                    hint="let group_id be the second column of the table",
                )
    if known.isdisjoint(table.rows):
        raise UsageError(
            f"no {table.level.value} of the dataset is in the table",
            where=f"{table.file}:1",
            hint="its first column must hold ids as they stand in records.parquet",
        )
    return TableAccount(
        name=table.name,
        sha256=table.sha256,
        level=table.level,
        columns=table.columns,
        rows=sum(map(len, table.rows.values())),
        unknown=tuple((key, lines[0]) for key, lines in table.rows.items() if key not in known),
        twice=tuple((key, line) for key, lines in table.rows.items() for line in lines[1:]),
        missing=tuple(key for key in keys if not _named(table, key)),
    )


def _named(table: ClinicalTable, key: Key) -> bool:
    return key in table.rows or (isinstance(key, tuple) and ("", key[1]) in table.rows)
