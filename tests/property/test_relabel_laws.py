"""Laws of relabelling, over any record and any map."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from strategies import image_records

from thyrodata.labelmaps.account import account_of
from thyrodata.labelmaps.fates import Fate
from thyrodata.labelmaps.model import ACR_POINTS, LabelMap, source_values
from thyrodata.labelmaps.reading import read_image, relabelled
from thyrodata.schema.record import ImageRecord, Label
from thyrodata.schema.vocab import EDITIONS, SCHEMES, Basis, Scope, Structure, Term

schemes = st.sampled_from(sorted(SCHEMES))
scopes = st.sampled_from(Scope)
bases = st.none() | st.sampled_from(Basis)


def a_map(
    reads: tuple[str, Scope], makes: tuple[str, Scope], values: dict[str, Term | None], **fields: object
) -> LabelMap:
    given = {"keep": True, "basis": None, **fields}
    return LabelMap(
        name="any",
        title="Any",
        source="Not published",
        from_scheme=reads[0],
        from_scope=reads[1],
        to_scheme=makes[0],
        to_scope=makes[1],
        values=tuple(values.items()),
        loses="Nothing",
        does_not_say=(),
        **given,
    )


def targets(scheme: str) -> SearchStrategy[Term | None]:
    return st.none() | st.sampled_from(list(SCHEMES[scheme]))


@st.composite
def cases(draw: st.DrawFn, *, replaces: bool | None = None) -> tuple[ImageRecord, LabelMap]:
    """A record and a map: within a scope, from points to a level, or carried to findings; some with holes.

    Mostly the record has labels that the map reads.
    """
    record = draw(image_records())
    said = [(label.value.scheme, scope) for scope in Scope for of in labels_of(record, scope) for label in of]
    source, read = draw(st.sampled_from(said) if said else st.tuples(schemes, scopes))
    target = draw(schemes)
    made = draw(st.sampled_from([read, Scope.FINDING]))
    if replaces is None:
        replaces = read is made and draw(st.booleans())
    if not replaces and any(nodule.points for nodule in record.nodules) and draw(st.booleans()):
        source, read, made = ACR_POINTS, Scope.NODULE, Scope.NODULE
    elif not replaces and read is made:
        assume(source != target)
    known = source_values(source)
    named = draw(st.just(known) | st.lists(st.sampled_from(known), min_size=1, unique=True))
    values = {value: draw(targets(target)) for value in named}
    basis = draw(st.sampled_from(Basis)) if source == ACR_POINTS else draw(bases)
    return record, a_map((source, read), (target, made), values, keep=not replaces, basis=basis)


def labels_of(record: ImageRecord, scope: Scope) -> list[tuple[Label, ...]]:
    match scope:
        case Scope.CASE:
            return [record.case_labels]
        case Scope.IMAGE:
            return [record.image_labels]
        case Scope.NODULE:
            return [nodule.labels for nodule in record.nodules]
        case Scope.FINDING:
            return [finding.labels for finding in record.findings]


def without_labels(record: ImageRecord, scope: Scope) -> ImageRecord:
    match scope:
        case Scope.CASE:
            return replace(record, case_labels=())
        case Scope.IMAGE:
            return replace(record, image_labels=())
        case Scope.NODULE:
            return replace(record, nodules=tuple(replace(each, labels=()) for each in record.nodules))
        case Scope.FINDING:
            return replace(record, findings=tuple(replace(each, labels=()) for each in record.findings))


def of_scheme(labels: Sequence[tuple[Label, ...]], scheme: str) -> Counter[str]:
    return Counter(str(each.value) for said in labels for each in said if each.value.scheme == scheme)


@given(cases())
def test_nothing_else(case: tuple[ImageRecord, LabelMap]) -> None:
    """Relabelling touches nothing but labels of the scope that the map makes labels of, and there none of
    another scheme than the two."""
    record, label_map = case
    made = relabelled(label_map, record)
    scope = label_map.to_scope
    assert without_labels(made, scope) == without_labels(record, scope)
    both = {label_map.from_scheme, label_map.to_scheme}
    for before, after in zip(labels_of(record, scope), labels_of(made, scope), strict=True):
        assert [each for each in after if each.value.scheme not in both] == [
            each for each in before if each.value.scheme not in both
        ]


@given(cases(replaces=False))
def test_what_is_kept(case: tuple[ImageRecord, LabelMap]) -> None:
    """Where labels are kept, those that are made stand after them, each a term that the map names."""
    record, label_map = case
    made = relabelled(label_map, record)
    scope = label_map.to_scope
    for before, after in zip(labels_of(record, scope), labels_of(made, scope), strict=True):
        assert after[: len(before)] == before
        assert {each.value for each in after[len(before) :]} <= {term for _, term in label_map.values}


@given(cases(replaces=False))
def test_once_is_enough(case: tuple[ImageRecord, LabelMap]) -> None:
    """Where labels are kept, a map that is read again makes nothing more, unless it reads what it made."""
    record, label_map = case
    assume((label_map.from_scheme, label_map.from_scope) != (label_map.to_scheme, label_map.to_scope))
    once = relabelled(label_map, record)
    assert relabelled(label_map, once) == once


@given(image_records(), st.data(), scopes)
def test_there_and_back(record: ImageRecord, data: st.DataObject, scope: Scope) -> None:
    """A map that replaces, gives every value another one and keeps the basis is undone by its inverse, in
    records that state nothing of the other scheme."""
    plain = sorted(SCHEMES.keys() - EDITIONS.keys())  # an edition of one scheme is none of another
    source = data.draw(st.sampled_from(plain))
    larger = [each for each in plain if each != source and len(SCHEMES[each]) >= len(SCHEMES[source])]
    if not larger:
        return
    target = data.draw(st.sampled_from(larger))
    others = data.draw(st.permutations(list(SCHEMES[target])))
    there = {str(term.value): other for term, other in zip(SCHEMES[source], others, strict=False)}
    back = {str(there[str(term.value)].value): term for term in SCHEMES[source]}
    record = _without_scheme(record, target)
    once = relabelled(a_map((source, scope), (target, scope), there, keep=False), record)
    assert of_scheme(labels_of(once, scope), source) == Counter()
    assert relabelled(a_map((target, scope), (source, scope), back, keep=False), once) == record


def _without_scheme(record: ImageRecord, scheme: str) -> ImageRecord:
    def rest(labels: tuple[Label, ...]) -> tuple[Label, ...]:
        return tuple(each for each in labels if each.value.scheme != scheme)

    return replace(
        record,
        case_labels=rest(record.case_labels),
        image_labels=rest(record.image_labels),
        nodules=tuple(replace(each, labels=rest(each.labels)) for each in record.nodules),
        findings=tuple(replace(each, labels=rest(each.labels)) for each in record.findings),
    )


@given(cases())
def test_counts_sum(case: tuple[ImageRecord, LabelMap]) -> None:
    """Every value that is read comes to one fate, and the labels made are those that there are more."""
    record, label_map = case
    outcome = read_image(label_map, record)
    scope, source = label_map.from_scope, label_map.from_scheme
    if source != ACR_POINTS:
        read = Counter(f"{source}/{event.value}" for event in outcome.events)
        assert read == of_scheme(labels_of(record, scope), source)
    made = sum(event.made for event in outcome.events)
    before = labels_of(record, label_map.to_scope)
    after = labels_of(relabelled(label_map, record), label_map.to_scope)
    gone = 0 if label_map.keep else sum(event.fate is not Fate.UNMAPPED for event in outcome.events)
    assert sum(map(len, after)) == sum(map(len, before)) + made - gone
    if made:
        assert any(event.fate is Fate.MADE for event in outcome.events)


@given(cases(), st.lists(image_records(), max_size=1, unique_by=lambda each: each.image_id))
def test_the_account_is_of_all_images(case: tuple[ImageRecord, LabelMap], others: list[ImageRecord]) -> None:
    """The account's lines hold every image that states a value, and what is known and unknown sums up."""
    record, label_map = case
    twin = replace(record, image_id=f"{record.image_id}-2")
    records = [
        record,
        *(each for each in others if each.image_id not in {record.image_id, twin.image_id}),
        twin,
    ]
    account = account_of(label_map, records)
    outcomes = [read_image(label_map, record) for record in records]
    for line in account.lines:
        value = line.value.partition("/")[2]
        holders = [
            record
            for record, outcome in zip(records, outcomes, strict=True)
            if any((e.value, e.term, e.fate) == (value, line.term, line.fate) for e in outcome.events)
        ]
        assert (line.images, line.first_image) == (len(holders), holders[0].image_id)
        assert line.groups == len({record.group_id for record in holders})
    assert {line.value.partition("/")[2] for line in account.lines} == {
        event.value for outcome in outcomes for event in outcome.events
    }
    assert (account.images, account.groups) == (len(records), len({each.group_id for each in records}))
    if label_map.from_scope in {Scope.IMAGE, Scope.FINDING}:
        things = [
            labels
            for record in records
            for labels in (
                [record.image_labels]
                if label_map.from_scope is Scope.IMAGE
                else [f.labels for f in record.findings if f.structure is not Structure.MARKER]
            )
        ]
        scheme = label_map.from_scheme
        assert account.unknown == sum(all(each.value.scheme != scheme for each in said) for said in things)
