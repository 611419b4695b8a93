"""Laws of a selection, for any records and criteria."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from toy import finding, record

from thyrodata.change import Row
from thyrodata.sample import Absent
from thyrodata.schema.geometry import Box
from thyrodata.schema.record import Acquisition, Age, ImageRecord, Label, Nodule, Patient, Reading
from thyrodata.schema.vocab import (
    Basis,
    Coverage,
    GroupKind,
    Malignancy,
    Sex,
    Structure,
    TiradsAcr,
    ViewPlane,
)
from thyrodata.selection import conditions as asked
from thyrodata.selection import glance as seen
from thyrodata.selection.answers import Answer, Beside, answer
from thyrodata.selection.change import Select
from thyrodata.selection.cohort import Cohort, Counts
from thyrodata.selection.conditions import Level
from thyrodata.selection.criteria import Criterion, Unknown
from thyrodata.selection.ranges import Range
from thyrodata.selection.selecting import Selection, choose

NOTHING = Beside(splits={})
BOX = Box(x=1, y=1, width=4, height=4)
ANY = Range(low=0)


def maybe(*values):
    return st.sampled_from([None, *values])


labels = st.lists(
    st.builds(Label, value=st.sampled_from([*Malignancy, TiradsAcr.TR3]), basis=maybe(*Basis)), max_size=2
).map(tuple)
sizes = st.lists(maybe(2.0, 5.0, 9.0), max_size=2).map(tuple)
patients = st.builds(
    Patient,
    sex=maybe(*Sex),
    age=st.none() | st.builds(Age, years=st.sampled_from([17, 18, 90]), at_least=st.booleans()),
)


@st.composite
def one_record(draw: st.DrawFn, number: int) -> ImageRecord:
    nodules = draw(
        st.lists(
            st.builds(Nodule, nodule_id=st.sampled_from("kl"), size_mm=sizes, labels=labels),
            max_size=2,
            unique_by=lambda nodule: nodule.nodule_id,
        )
    )
    links = st.sampled_from([None, *(nodule.nodule_id for nodule in nodules)])
    drawn = draw(st.lists(st.tuples(st.sampled_from(Structure), links), max_size=3))
    return record(
        str(number),
        *(
            finding(str(i), BOX, structure=structure, nodule_id=nodule)
            for i, (structure, nodule) in enumerate(drawn)
        ),
        group=draw(st.sampled_from("abc")),
        group_kind=GroupKind.CASE,
        patient=draw(st.none() | patients),
        acquisition=draw(maybe(*(Acquisition(view_plane=plane) for plane in ViewPlane))),
        nodules=tuple(nodules),
        case_labels=draw(labels),
        image_labels=draw(labels),
        readings=(Reading(coverage=draw(maybe(Coverage.PARTIAL, Coverage.COMPLETE))),),
    )


@st.composite
def datasets(draw: st.DrawFn) -> list[ImageRecord]:
    return [draw(one_record(number)) for number in range(draw(st.integers(1, 8)))]


def ranges(*ends: float):
    return st.builds(Range, low=st.sampled_from(ends), low_outside=st.booleans()) | st.builds(
        Range, high=st.sampled_from(ends), high_outside=st.booleans()
    )


def some(values):
    return st.lists(st.sampled_from(list(values)), min_size=1, unique=True).map(tuple)


conditions = st.one_of(
    st.builds(asked.SexIs, values=some(Sex)),
    st.builds(asked.AgeIn, years=ranges(17, 18, 90)),
    st.builds(asked.SizeIn, mm=ranges(2, 5, 9)),
    st.builds(
        asked.HasLabel,
        scheme=st.just("malignancy"),
        values=st.just(()) | some(Malignancy),
        basis=maybe(*Basis),
        definitive=st.booleans(),
    ),
    st.builds(asked.HasViewPlanes, values=some(ViewPlane)),
    st.builds(asked.HasFinding, structures=some(Structure)),
    st.builds(asked.CoverageIs, values=some(Coverage)),
)


@st.composite
def criteria(draw: st.DrawFn) -> list[Criterion]:
    found = []
    for number in range(draw(st.integers(1, 4))):
        condition = draw(conditions)
        found.append(
            Criterion(
                name=str(number),
                level=draw(st.sampled_from(condition.levels)),
                condition=condition,
                required=draw(st.booleans()),
                unknown=None if condition.certain else draw(st.sampled_from([Unknown.KEEP, Unknown.EXCLUDE])),
                where="criteria.yaml:1",
            )
        )
    return found


def glance(each: ImageRecord) -> seen.Glance:
    """What a selection reads of a record."""
    fields = {
        name: getattr(each, name)
        for name in seen.Glance.__dataclass_fields__
        if name not in {"image", "acquisition", "nodules", "findings", "remarks"}
    }
    return seen.Glance(
        **fields,
        image=seen.GlanceSize(width=each.image.width, height=each.image.height),
        acquisition=each.acquisition and seen.GlanceAcquisition(view_plane=each.acquisition.view_plane),
        nodules=tuple(
            seen.GlanceNodule(nodule_id=n.nodule_id, location=n.location, size_mm=n.size_mm, labels=n.labels)
            for n in each.nodules
        ),
        findings=tuple(
            seen.GlanceFinding(structure=f.structure, labels=f.labels, nodule_id=f.nodule_id, origin=f.origin)
            for f in each.findings
        ),
        remarks=tuple(seen.GlanceRemark(code=r.code) for r in each.remarks),
    )


def chosen(records: Sequence[ImageRecord], steps: Sequence[Criterion]) -> Selection:
    return choose("toy", map(glance, records), steps, NOTHING)


def made(records: Sequence[ImageRecord], selection: Selection) -> list[ImageRecord]:
    """The records of the new dataset."""
    rows = tuple(
        Row(parent=0, index=i, image_id=r.image_id)
        for i, r in enumerate(records)
        if r.image_id in selection.image_ids
    )
    change = Select(rows=rows, removed_nodules=selection.removed_nodules, stated=(), accounts=())
    return [change.sample(records[row.index], Absent(), 0).record for row in rows]


def counted(records: Sequence[ImageRecord]) -> tuple[int, int, int, int]:
    return (
        len({r.group_id for r in records}),
        len({(r.group_id, n.nodule_id) for r in records for n in r.nodules}),
        len(records),
        sum(len(r.findings) for r in records),
    )


def plain(counts: Counts) -> tuple[int, int, int, int]:
    return (dict(counts.groups).get(GroupKind.CASE, 0), counts.nodules, counts.images, counts.findings)


@given(datasets(), criteria())
def test_the_ledger_adds_up(records: list[ImageRecord], steps: list[Criterion]) -> None:
    """Before less removed is after at every level; what one criterion leaves is what the next is given."""
    ledger = chosen(records, steps).ledger
    assert plain(ledger.given) == counted(records)
    assert ledger.stages[0].before == ledger.given
    for one, other in pairwise(ledger.stages):
        assert one.after == other.before
    for stage in ledger.stages:
        removed = plain(stage.removed_counts)
        assert [b - r for b, r in zip(plain(stage.before), removed, strict=True)] == list(plain(stage.after))
        assert removed[2] == len(stage.image_ids)
        least = {Level.PATIENT: 0, Level.NODULE: 1, Level.IMAGE: 2}[stage.step.level]
        assert removed[least] == len(stage.removed)


@given(datasets(), criteria())
def test_the_ledger_counts_what_is_written(records: list[ImageRecord], steps: list[Criterion]) -> None:
    """What the ledger says is left is what the records of the new dataset hold."""
    selection = chosen(records, steps)
    left = made(records, selection)
    assert counted(left) == plain(selection.ledger.left)
    outlines = {r.image_id: [f for f in r.findings if f.structure is not Structure.MARKER] for r in records}
    short = [
        r
        for r in left
        if len([f for f in r.findings if f.structure is not Structure.MARKER]) < len(outlines[r.image_id])
    ]
    assert selection.ledger.partial_images == len(short)
    assert all(r.coverage is Coverage.PARTIAL for r in short)


@given(datasets(), criteria(), st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_matter(records, steps, random) -> None:
    """Records in another order: the same images, nodules and numbers."""
    first = chosen(records, steps)
    shuffled = [*records]
    random.shuffle(shuffled)
    second = chosen(shuffled, steps)
    assert first.image_ids == second.image_ids
    assert first.removed_nodules == second.removed_nodules
    assert [stage.removed for stage in first.ledger.stages] == [s.removed for s in second.ledger.stages]
    assert [stage.answers for stage in first.ledger.stages] == [s.answers for s in second.ledger.stages]


@given(datasets(), conditions, st.data())
def test_a_criterion_that_keeps_everything_changes_nothing(records, condition, data) -> None:
    """Of a condition that nothing fails, kept where unknown, every record stays as it is."""
    level = data.draw(st.sampled_from(condition.levels))
    units = Cohort(map(glance, records)).units(level)
    failed = [unit for unit in units if answer(condition, unit, NOTHING) is Answer.NO]
    step = Criterion(
        name="x", level=level, condition=condition, required=True, unknown=Unknown.KEEP, where=""
    )
    left = made(records, chosen(records, [step]))
    assert (left == records) is not bool(failed)


@given(datasets(), criteria())
def test_selecting_twice_is_selecting_once(records: list[ImageRecord], steps: list[Criterion]) -> None:
    """The same criteria take nothing from what they left, but what the ledger says no longer meets them."""
    first = chosen(records, steps)
    once = made(records, first)
    again = chosen(once, steps)
    twice = made(once, again)
    lapsed = [stage.lapsed for stage in first.ledger.stages]
    assert (twice == once) is not any(lapsed)
    where = next((i for i, keys in enumerate(lapsed) if keys), None)
    if where is not None:
        assert set(again.ledger.stages[where].removed) == set(lapsed[where])


@given(datasets(), criteria())
def test_nothing_is_taken_that_was_not_asked_for(records: list[ImageRecord], steps: list[Criterion]) -> None:
    """A record differs from what it was by removed nodules, their findings and coverage only."""
    old = {r.image_id: r for r in records}
    selection = chosen(records, steps)
    for new in made(records, selection):
        before = old[new.image_id]
        gone = {
            n.nodule_id for n in before.nodules if (before.group_id, n.nodule_id) in selection.removed_nodules
        }
        assert [n for n in before.nodules if n.nodule_id not in gone] == list(new.nodules)
        assert [f for f in before.findings if f.nodule_id not in gone] == list(new.findings)
        same = {"nodules": before.nodules, "findings": before.findings, "readings": before.readings}
        assert replace(new, **same) == before


@given(ranges(2, 5, 9), ranges(2, 5, 9), st.sampled_from([1, 2, 3, 5, 7, 9, 10]), st.booleans())
def test_ranges_agree_with_counting(one: Range, other: Range, value: int, at_least: bool) -> None:
    """A number lies in both of two ranges if it lies in each; one 'at least' so high if all from it on do."""
    halves = [n / 2 for n in range(41)]
    both = [n for n in halves if one.holds(n) and other.holds(n)]
    assert both == [n for n in halves if one.both(other).holds(n)]
    assert one.both(other).has_member() is bool(both)
    inside = [one.holds(n) for n in halves if n >= value]
    expected = one.holds(value)
    if at_least:
        expected = True if all(inside) else None if any(inside) else False
    assert one.holds(value, at_least=at_least) is expected
