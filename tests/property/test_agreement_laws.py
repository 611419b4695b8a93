"""Laws of resolution, over any readings of any readers and any policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from readers import (
    HEIGHT,
    WIDTH,
    Look,
    box_of,
    image_of,
    look,
    mask_of,
    nodule,
    polygon_of,
    resolved,
    written,
)
from strategies import maybe, texts

from thyrodata.agreement.conflicts import conflict_on
from thyrodata.agreement.consensus import read_image_of
from thyrodata.agreement.policy import (
    Boxes,
    BoxRule,
    ClassRule,
    Lone,
    OutlineRule,
    Outlines,
    Policy,
    Unmatched,
    read_policy,
)
from thyrodata.agreement.resolving import Resolution
from thyrodata.agreement.votes import BOX, OUTLINE, Outcome, tally
from thyrodata.curation.resolve import resolve_readings
from thyrodata.dataset import Dataset
from thyrodata.io.masks import encode_mask
from thyrodata.io.raw import named_file
from thyrodata.schema.geometry import Calipers, Geometry
from thyrodata.schema.record import Derived, Finding, ImageRecord, Label, Nodule, Read
from thyrodata.schema.vocab import (
    GRADED,
    SCHEMES,
    Basis,
    Bethesda,
    Coverage,
    Malignancy,
    Structure,
    TiradsKwak,
)
from thyrodata.survey import reader_of

# pycocotools 2.0.11 decodes with a call that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NAMES = ["A", "B", "C", "D", "z", "é", "10", "9"]
ARBITER = "arbiter"

# ---------------------------------------------------------------- readings

# Few places and sizes, so that drawings meet, coincide and tie.
rectangles = st.tuples(
    st.sampled_from([2, 4, 6, 8, 30]), st.sampled_from([2, 4, 12]), st.sampled_from([8, 10]), st.just(8)
)


def ring_of(x: int, y: int, width: int, height: int) -> Geometry:
    """A rectangle with a hole."""
    pixels = np.zeros((HEIGHT, WIDTH), np.bool_)
    pixels[y : y + height, x : x + width] = True
    pixels[y + 2 : y + height - 2, x + 2 : x + width - 2] = False
    return encode_mask(pixels)


def empty_of(*_: int) -> Geometry:
    return mask_of(0, 0, 0, 0)


def calipers_of(x: int, y: int, width: int, height: int) -> Geometry:
    return Calipers(long=((x, y), (x + width, y + height)))


kinds = st.sampled_from([mask_of] * 4 + [polygon_of, box_of, ring_of, empty_of, calipers_of])
grades = st.sampled_from([TiradsKwak.T3, TiradsKwak.T4A, TiradsKwak.T5, *Malignancy])
labels = st.builds(Label, value=grades, basis=maybe(st.sampled_from(Basis))) | st.builds(
    Label, value=st.sampled_from(Bethesda), basis=st.just(Basis.CYTOLOGY), edition=maybe(st.just("2017"))
)


@st.composite
def drawn(draw: st.DrawFn) -> Finding:
    return nodule(
        draw(kinds)(*draw(rectangles)),
        structure=draw(st.sampled_from([Structure.NODULE] * 4 + [Structure.GLAND, Structure.MARKER])),
        labels=tuple(draw(st.lists(labels, max_size=2))),
        crowd=draw(st.sampled_from([False] * 7 + [True])),
        nodule_id=draw(maybe(st.sampled_from(["n", "m"]))),
    )


coverages = st.sampled_from([Coverage.COMPLETE, Coverage.COMPLETE, Coverage.PARTIAL, None])


@dataclass(frozen=True)
class Scene:
    """What readers, who have no names yet, have made of one image; last the arbiter, if there is one."""

    drawn: tuple[tuple[tuple[Finding, ...], Coverage | None], ...]
    words: tuple[tuple[str, int, Label], ...]
    """Of the image, case or nodule: who, and what."""
    policy: Policy
    """Its readers are called by their numbers."""
    arbiter: bool

    def names(self, readers: Sequence[str]) -> list[str]:
        return [*readers, ARBITER] if self.arbiter else [*readers]

    def looks(self, readers: Sequence[str]) -> list[Look]:
        return [
            look(name, *findings, coverage=coverage)
            for name, (findings, coverage) in zip(self.names(readers), self.drawn, strict=True)
        ]

    def record(self, readers: Sequence[str]) -> ImageRecord:
        """The image, with the readers called so."""
        names = self.names(readers)
        of = {
            scope: tuple(replace(each, reader=names[k]) for where, k, each in self.words if where == scope)
            for scope in ("image", "case", "nodule")
        }
        return image_of(
            "1",
            *self.looks(readers),
            image_labels=of["image"],
            case_labels=of["case"],
            nodules=(Nodule(nodule_id="n", labels=of["nodule"]), Nodule(nodule_id="m")),
        )

    def asked(self, readers: Sequence[str]) -> Policy:
        return replace(self.policy, readers=tuple(readers))


def policies(readers: Sequence[str], arbiter: str | None) -> st.SearchStrategy[Policy]:
    """Any policy that so many readers can have."""
    few = len(readers) < 3
    shares = st.sampled_from([0.1, 0.3, 0.5, 0.8, 1.0])
    rules = [each for each in OutlineRule if each is not OutlineRule.SOFT]
    outlines = st.builds(
        Outlines,
        measure=st.sampled_from(["dice", "iou"]),
        least=shares,
        rule=st.sampled_from([each for each in rules if not (few and each is OutlineRule.STAPLE)]),
    ) | st.builds(
        Outlines, measure=st.just("iou"), least=shares, rule=st.just(OutlineRule.SOFT), level=shares
    )

    def class_rules(scheme: str) -> st.SearchStrategy[ClassRule]:
        without = {ClassRule.HIGHEST, ClassRule.LOWEST} if scheme not in GRADED else set()
        without |= {ClassRule.MAJORITY} if few else set()
        return st.sampled_from([each for each in ClassRule if each not in without])

    schemes = st.sampled_from(["tirads-kwak", "malignancy", "bethesda"]) | st.sampled_from([*SCHEMES])
    classes = st.lists(schemes, unique=True, max_size=4).flatmap(
        lambda chosen: st.fixed_dictionaries({scheme: class_rules(scheme) for scheme in chosen})
    )
    return st.builds(
        Policy,
        name=st.from_regex(r"[a-z0-9][a-z0-9-]{0,6}", fullmatch=True).filter(lambda n: n != "derived"),
        readers=st.just(tuple(readers)),
        arbiter=st.just(arbiter),
        match=st.sampled_from([0.1, 0.3, 0.6]),
        outlines=maybe(outlines) if few else outlines,
        boxes=maybe(st.builds(Boxes, least=shares, rule=st.sampled_from(BoxRule))),
        unmatched=st.sampled_from([x for x in Unmatched if not (few and x is Unmatched.MAJORITY)]),
        one_reader=st.sampled_from(Lone),
        classes=classes,
    )


@st.composite
def scenes(draw: st.DrawFn, *, arbiter: bool | None = None) -> Scene:
    count = draw(st.sampled_from([2, 2, 3, 4]))
    heard = draw(st.booleans()) if arbiter is None else arbiter
    readings = [(tuple(draw(st.lists(drawn(), max_size=3))), draw(coverages)) for _ in range(count + heard)]
    if draw(st.sampled_from([False] * 5 + [True])):  # one who covers nothing
        readings[0] = ((), Coverage.NONE)
    words = st.tuples(st.sampled_from(["image", "case", "nodule"]), st.integers(0, count + heard - 1), labels)
    readers = [str(k) for k in range(count)]
    return Scene(
        drawn=tuple(readings),
        words=tuple(draw(st.lists(words, max_size=4))),
        policy=draw(policies(readers, ARBITER if heard else None)),
        arbiter=heard,
    )


# ---------------------------------------------------------------- what is compared, names apart


def plain(made: Resolution, numbers: Mapping[str, str]) -> tuple:
    """All that a resolution says, with readers called by their numbers and nothing in any order."""

    def renamed(finding_id: str) -> str:
        reader, _, rest = finding_id.partition("/")
        return f"{numbers[reader]}/{rest}"

    votes = Counter(
        (
            vote.scope,
            vote.item,
            vote.thing,
            frozenset(
                Counter(
                    (numbers[v.reader], renamed(v.finding_id) if v.finding_id else "", v.value)
                    for v in vote.voters
                ).items()
            ),
            vote.agreement,
            vote.outcome,
            vote.rule,
            vote.why,
            vote.value,
        )
        for vote in made.votes
    )
    findings = Counter(
        (
            each.geometries,
            each.structure,
            frozenset(Counter(each.labels).items()),
            each.nodule_id,
            frozenset(map(renamed, each.origin.from_ids)),
        )
        for each in made.findings
        if isinstance(each.origin, Derived)
    )
    opened = Counter(frozenset(ids(each.drawn.values(), renamed)) for each in made.open_things)
    graded = Counter((each.scope, each.thing, each.label) for each in made.graded)
    coverage = made.reading.coverage if made.reading else "no reading"
    notes = Counter(code for code, _ in made.notes)
    return votes, findings, opened, graded, coverage, notes, tally(made.votes)


def ids(found, renamed) -> list[str]:
    return [renamed(finding.finding_id) for all_of in found for finding in all_of]


def numbered(readers: Sequence[str]) -> dict[str, str]:
    return {**{name: str(number) for number, name in enumerate(readers)}, ARBITER: ARBITER}


def plainly(scene: Scene) -> tuple:
    readers = [str(k) for k in range(len(scene.policy.readers))]
    return plain(resolved(scene.record(readers), scene.policy), numbered(readers))


# ---------------------------------------------------------------- laws


@given(scenes(), st.permutations(NAMES))
def test_names(scene: Scene, names: Sequence[str]) -> None:
    """Whatever readers are called, and whichever has whose name, the same comes of what they have done."""
    readers = names[: len(scene.policy.readers)]
    assert plain(resolved(scene.record(readers), scene.asked(readers)), numbered(readers)) == plainly(scene)


@given(scenes(), st.data())
def test_order(scene: Scene, data: st.DataObject) -> None:
    """No order plays a part: of readers in the policy and on the image, of findings, of labels said."""
    readers = [str(k) for k in range(len(scene.policy.readers))]
    record = scene.record(readers)
    shuffled = replace(
        record,
        readings=tuple(data.draw(st.permutations(record.readings))),
        findings=tuple(data.draw(st.permutations(record.findings))),
        image_labels=tuple(data.draw(st.permutations(record.image_labels))),
        case_labels=tuple(data.draw(st.permutations(record.case_labels))),
    )
    asked = scene.asked(data.draw(st.permutations(readers)))
    assert plain(resolved(shuffled, asked), numbered(readers)) == plainly(scene)


@given(scenes())
def test_account(scene: Scene) -> None:
    """Each drawing that can be compared is of exactly one thing, which is decided or waits."""
    readers = scene.policy.readers
    record = scene.record(readers)
    made = resolved(record, scene.policy)
    unfit = {place.partition(": ")[2] for code, place in made.notes if code in UNFIT}
    looked = {each.reader for each in record.readings if each.coverage is not Coverage.NONE}
    given_ids = [
        each.finding_id
        for each in record.findings
        if isinstance(each.origin, Read)
        and each.origin.reader in looked.intersection(readers)
        and each.structure is not Structure.MARKER
        and each.finding_id not in unfit
    ]
    things = [vote for vote in made.votes if vote.item in {OUTLINE, BOX}]
    named = [v.finding_id for vote in things for v in vote.voters if v.reader != ARBITER]
    assert sorted(named) == sorted(given_ids)
    drawn_ids = {each.finding_id for each in made.findings}
    assert {vote.consensus_id for vote in things} - {""} == drawn_ids
    for vote in things:
        settled = vote.outcome in {Outcome.AGREED, Outcome.POLICY, Outcome.ADJUDICATED}
        assert settled or not vote.consensus_id
        if vote.outcome is Outcome.AGREED:
            assert {voter.reader for voter in vote.voters} >= looked.intersection(readers)
            assert vote.agreement is not None
            wanted = scene.policy.boxes if vote.item == BOX else scene.policy.outlines
            assert wanted is not None
            assert vote.agreement >= wanted.least


UNFIT = {"crowd", "empty-drawing", "no-area"}


@given(scenes())
def test_coverage(scene: Scene) -> None:
    """A consensus is complete only if all readers are and nothing is missing; then its image may be empty."""
    record = scene.record(scene.policy.readers)
    made = resolved(record, scene.policy)
    looked = [
        each
        for each in record.readings
        if each.reader in scene.policy.readers and each.coverage is not Coverage.NONE
    ]
    missing = any(
        vote.item in {OUTLINE, BOX} and vote.outcome in {Outcome.OPEN, Outcome.LEFT} for vote in made.votes
    )
    unfit = any(
        code in UNFIT and place.partition(": ")[2].partition("/")[0] != ARBITER for code, place in made.notes
    )
    if not looked:
        assert made.reading is None
        assert (made.findings, made.votes) == ((), ())
        return
    assert made.reading is not None
    coverage = made.reading.coverage
    if len(looked) == 1 and scene.policy.one_reader is Lone.LEAVE:
        assert (coverage, made.findings) == (Coverage.NONE, ())
    elif missing or unfit or any(each.coverage is Coverage.PARTIAL for each in looked):
        assert coverage is Coverage.PARTIAL
    elif any(each.coverage is None for each in looked):
        assert coverage is None
    else:
        assert coverage is Coverage.COMPLETE


@given(scenes(arbiter=True))
def test_arbiter(scene: Scene) -> None:
    """The arbiter changes nothing but what is open, and decides nothing that is not."""
    readers = scene.policy.readers
    record = scene.record(readers)
    heard = resolved(record, scene.policy)
    without = resolved(record, replace(scene.policy, arbiter=None))

    def things(made: Resolution) -> dict:
        return {
            (
                vote.scope,
                vote.item,
                vote.thing,
                frozenset((v.reader, v.finding_id, v.value) for v in vote.voters if v.reader != ARBITER),
            ): vote
            for vote in made.votes
        }

    before, after = things(without), things(heard)
    assert after.keys() <= before.keys()
    for key, vote in after.items():
        if before[key].outcome is Outcome.OPEN:
            assert vote.outcome in {Outcome.OPEN, Outcome.ADJUDICATED}
            assert vote.why == before[key].why
        else:
            assert (vote.outcome, vote.rule, vote.value) == (
                before[key].outcome,
                before[key].rule,
                before[key].value,
            )
    for key in before.keys() - after.keys():  # a grade of what the arbiter says is not there
        assert key[0].value == "finding"
        assert key[1] not in {OUTLINE, BOX}


@given(scenes())
def test_pathology(scene: Scene) -> None:
    """No vote counts what cytology or histology says; a consensus finding has all that its sources have."""
    record = scene.record(scene.policy.readers)
    made = resolved(record, scene.policy)
    sources = {each.finding_id: each for each in record.findings}
    pathology = {Basis.CYTOLOGY, Basis.HISTOLOGY}
    for each in made.findings:
        assert isinstance(each.origin, Derived)
        wanted = {
            label
            for finding_id in each.origin.from_ids
            for label in sources[finding_id].labels
            if label.basis in pathology
        }
        assert {label for label in each.labels if label.basis in pathology} == wanted
    assert not [each for each in made.graded if each.label.basis in pathology]
    said = Counter(
        str(label.value)
        for label in chain(
            record.image_labels,
            record.case_labels,
            *(each.labels for each in record.nodules),
            *(each.labels for each in record.findings),
        )
        if label.basis not in pathology
    )
    counted = Counter(v.value for vote in made.votes for v in vote.voters if v.value)
    assert counted <= said


@given(scenes())
def test_queue(scene: Scene) -> None:
    """What is drawn and open is in the conflict, each drawing once, and what is settled stands as agreed."""
    image = read_image_of(scene.record(scene.policy.readers))
    made = resolved(scene.record(scene.policy.readers), scene.policy)
    conflict = conflict_on(image, scene.policy)
    if conflict is None:
        assert not made.open_things or "one-reader" in {code for code, _ in made.notes}
        return
    shown = [finding.finding_id for _, findings in conflict.readings for finding in findings]
    waiting = {
        voter.finding_id
        for vote in made.votes
        if vote.outcome is Outcome.OPEN
        for voter in vote.voters
        if voter.reader != ARBITER and voter.finding_id
    }
    things = [
        {voter.finding_id for voter in vote.voters if voter.reader != ARBITER}
        for vote in made.votes
        if vote.item in {OUTLINE, BOX}
    ]
    assert len(shown) == len({*shown})
    assert {*shown} == set().union(*(thing for thing in things if thing & waiting))
    used = {finding_id for each in conflict.agreed for finding_id in each.origin.from_ids}
    assert used.isdisjoint(shown)


@pytest.mark.slow
@settings(max_examples=12)
@given(several=st.lists(scenes(), min_size=1, max_size=4), data=st.data())
def test_idempotence(
    several: list[Scene], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What was resolved is resolved to the same; and readings of other datasets may come in any order."""
    most = max(several, key=lambda scene: len(scene.policy.readers) + scene.arbiter)
    readers = most.policy.readers
    home = tmp_path_factory.mktemp("laws")
    records = [
        replace(scene.record(scene.policy.readers), image_id=f"toy/{n}") for n, scene in enumerate(several)
    ]
    # All readers of the policy must be there: on the first image, if nowhere else.
    absent = {*most.names(readers)} - {each.reader for record in records for each in record.readings}
    added = tuple(look(name).reading for name in sorted(absent))
    records[0] = replace(records[0], readings=(*records[0].readings, *added))
    whole = written(home / "whole", *records)
    once = resolve_readings(whole, most.policy, home / "once")
    twice = resolve_readings(home / "once", most.policy, home / "twice")
    made = [*Dataset(home / "once").records()]
    assert [*Dataset(home / "twice").records()] == made
    one, other = once.account, twice.account
    assert (other.tallies, other.open_images, other.notes) == (one.tallies, one.open_images, one.notes)
    assert other.replaced == one.findings
    for given_record, record in zip(records, made, strict=True):
        assert given_record.readings == record.readings[: len(given_record.readings)]
        assert given_record.findings == record.findings[: len(given_record.findings)]
    check_sources(home, records, most, data, one.findings)


def check_sources(
    home: Path, records: Sequence[ImageRecord], scene: Scene, data: st.DataObject, findings: int
) -> None:
    """Each reader in a dataset of their own: the consensus is that of all in one, in any order of them."""
    names = scene.names(scene.policy.readers)
    written(home / "base", *(only(record, ()) for record in records))
    for number, name in enumerate(names):
        written(home / f"of{number}", *(only(record, {name}) for record in records))
    sources = data.draw(st.permutations([home / f"of{number}" for number in range(len(names))]))
    made = resolve_readings(home / "base", scene.policy, home / "joined", sources=sources)
    assert made.account.findings == findings
    for whole, joined in zip(
        Dataset(home / "once").records(), Dataset(home / "joined").records(), strict=True
    ):
        assert [x for x in joined.findings if isinstance(x.origin, Derived)] == [
            x for x in whole.findings if isinstance(x.origin, Derived)
        ]
        assert [x for x in joined.readings if x.reader == "derived"] == [
            x for x in whole.readings if x.reader == "derived"
        ]


def only(record: ImageRecord, readers: set[str] | tuple[()]) -> ImageRecord:
    """A record with what these readers have done alone, but for words of nodules, which are the dataset's."""
    return replace(
        record,
        readings=tuple(each for each in record.readings if each.reader in readers),
        findings=tuple(each for each in record.findings if reader_of(each.origin) in readers),
        image_labels=tuple(each for each in record.image_labels if each.reader in readers),
        case_labels=tuple(each for each in record.case_labels if each.reader in readers),
    )


@given(names=st.lists(texts, min_size=3, max_size=5, unique=True), data=st.data())
def test_text(names: list[str], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A policy's text reads back as the policy, and is the same in whichever order readers are named."""
    arbiter, *readers = names
    policy = data.draw(policies(readers, arbiter or None))
    order = data.draw(st.permutations(readers))
    if not (policy.outlines or policy.boxes or policy.classes):
        policy = replace(policy, boxes=Boxes(least=0.3, rule=BoxRule.AGREE))
    file = tmp_path_factory.mktemp("policy") / "policy.yaml"
    file.write_text(policy.text(), encoding="utf-8", newline="")
    back = read_policy(named_file(file))
    assert back == replace(policy, readers=tuple(sorted(policy.readers)))
    assert replace(policy, readers=tuple(order)).text() == policy.text() == back.text()
