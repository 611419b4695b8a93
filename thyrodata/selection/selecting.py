"""Applying criteria one after the other, each to what the one before has left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from thyrodata.errors import CaseError
from thyrodata.schema.vocab import Structure
from thyrodata.selection.answers import Answer, Beside, answer
from thyrodata.selection.clinical import Key
from thyrodata.selection.cohort import Cohort
from thyrodata.selection.conditions import Level
from thyrodata.selection.criteria import Criterion, Sample, Step, Unknown
from thyrodata.selection.fitting import table_accounts
from thyrodata.selection.glance import Glance, NoduleKey
from thyrodata.selection.ledger import Ledger, Stage, Why
from thyrodata.selection.sampling import draw

__all__ = ["Selection", "choose"]

SHOWN = 5
"""Ids that an error names; more would hide them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What criteria have chosen of a dataset."""

    image_ids: frozenset[str]
    removed_nodules: frozenset[NoduleKey]
    """Nodules that are described in an image that is left, and are removed from it."""
    ledger: Ledger


def choose(name: str, images: Iterable[Glance], steps: Sequence[Step], beside: Beside) -> Selection:
    """Apply criteria in their order.

    Args:
        name: The dataset's.
        images: Its records.
        steps: The criteria.
        beside: The tables and splits that they may ask for.

    Raises:
        CaseError: An answer is not known, and the criterion says to stop then.
        RawLayoutError: A cell of a table should be a number and is none.
        UsageError: A sample is larger than what there is.
    """
    first = cohort = Cohort(images)
    tables = table_accounts(beside.tables, first)
    stages = []
    for step in steps:
        stage, cohort = _apply(step, cohort, beside)
        stages.append(stage)
    left = {image.image_id: image for image in cohort.images}
    before = [(image, left[image.image_id]) for image in first.images if image.image_id in left]
    gone = (key for old, new in before for key in {*old.nodule_keys()} - {*new.nodule_keys()})
    ledger = Ledger(
        dataset=name,
        given=first.counts,
        stages=tuple(replace(stage, lapsed=_lapsed(stage.step, cohort, beside)) for stage in stages),
        tables=tables,
        partial_images=sum(_outlines(new) < _outlines(old) for old, new in before),
    )
    return Selection(image_ids=frozenset(left), removed_nodules=frozenset(gone), ledger=ledger)


def _outlines(image: Glance) -> int:
    return sum(finding.structure is not Structure.MARKER for finding in image.findings)


def _apply(step: Step, cohort: Cohort, beside: Beside) -> tuple[Stage, Cohort]:
    classes: tuple[tuple[str, int], ...] = ()
    units = cohort.units(step.level)
    match step:
        case Criterion():
            answers = {unit.key: answer(step.condition, unit, beside) for unit in units}
            removed = {key: why for key, said in answers.items() if (why := _removes(step, said))}
            if step.unknown is Unknown.STOP and not all(said.known for said in answers.values()):
                _stop(step, [key for key, said in answers.items() if not said.known])
        case Sample():
            drawn = draw(step, units)
            answers, classes = drawn.unclassed, drawn.classes
            removed = {
                unit.key: _not_drawn(answers.get(unit.key)) for unit in units if unit.key not in drawn.keys
            }
    left = cohort.without(step.level, removed)
    ids = {image.image_id for image in left.images}
    stage = Stage(
        step=step,
        before=cohort.counts,
        after=left.counts,
        answers=answers,
        removed=removed,
        image_ids=tuple(image.image_id for image in cohort.images if image.image_id not in ids),
        kept_for_others=_bare(left) - _bare(cohort) if step.level is Level.NODULE else 0,
        classes=classes,
    )
    return stage, left


def _bare(cohort: Cohort) -> int:
    """Count images that describe no nodule. A nodule criterion removes none of them, and may leave more."""
    return sum(not image.nodules for image in cohort.images)


def _removes(step: Criterion, said: Answer) -> Why | None:
    if not said.known:
        why = Why.UNKNOWN if said is Answer.UNKNOWN else Why.CONTRADICTED
        return why if step.unknown is Unknown.EXCLUDE else None
    if step.required:
        return None if said is Answer.YES else Why.NOT_MET
    return Why.MET if said is Answer.YES else None


def _not_drawn(unclassed: Answer | None) -> Why:
    match unclassed:
        case Answer.CONTRADICTED:
            return Why.CONTRADICTED
        case Answer.UNKNOWN:
            return Why.UNKNOWN
        case _:
            return Why.NOT_DRAWN


def _stop(step: Criterion, unknown: Sequence[Key]) -> NoReturn:
    names = [" of ".join(reversed(key)) if isinstance(key, tuple) else key for key in unknown[:SHOWN]]
    more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
    raise CaseError(
        f"{step.name!r} is not known of {', '.join(names)}{more}",
        where=step.where,
        hint="state it in a clinical table, or write 'unknown: exclude' or 'unknown: keep'",
    )


def _lapsed(step: Step, cohort: Cohort, beside: Beside) -> tuple[Key, ...]:
    """Return what a criterion would now remove, since later ones took away what it had seen."""
    if isinstance(step, Sample):
        return ()
    said = ((unit.key, answer(step.condition, unit, beside)) for unit in cohort.units(step.level))
    stops = step.unknown is Unknown.STOP
    return tuple(key for key, found in said if _removes(step, found) or (stops and not found.known))
