"""Resolution of planted readings: what is decided, what is open, and what the consensus says of an image."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from curated import content
from pycocotools import mask as coco_mask
from readers import (
    HEIGHT,
    SHAPES,
    WIDTH,
    Look,
    box_of,
    consensus_of,
    image_of,
    iou_of_shift,
    look,
    mask_of,
    nodule,
    policy,
    polygon_of,
    resolved,
    written,
)

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
from thyrodata.agreement.votes import Outcome, tally
from thyrodata.conversion import convert
from thyrodata.converters.ddti_v2 import DdtiV2Settings
from thyrodata.curation.adjudicate import queue_readings
from thyrodata.curation.decisions import import_decisions
from thyrodata.curation.resolve import resolve_readings
from thyrodata.dataset import Dataset
from thyrodata.errors import RawLayoutError, UsageError
from thyrodata.io.masks import encode_mask
from thyrodata.io.raw import named_file
from thyrodata.phantoms import PhantomSpec, phantom
from thyrodata.schema.geometry import Calipers, Mask, Polygon, PolygonPart
from thyrodata.schema.record import Finding, ImageRecord, Label, Nodule, Read, Reading
from thyrodata.schema.vocab import (
    Basis,
    Bethesda,
    Coverage,
    DdtiComposition,
    Malignancy,
    Structure,
    TiradsAcr,
    TiradsKorean,
    TiradsKwak,
)

# pycocotools 2.0.11 decodes with a call that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

COMPLETE, PARTIAL, NONE = Coverage.COMPLETE, Coverage.PARTIAL, Coverage.NONE
HERE, THERE = (2, 2, 10, 8), (40, 30, 10, 8)


def kwak(grade: str, **fields: object) -> Label:
    return Label(value=TiradsKwak(grade), **fields)


def outcomes(made: Resolution, item: str = "outline") -> list[str]:
    return [vote.outcome.value for vote in made.votes if vote.item == item]


def coverage(made: Resolution) -> Coverage | None:
    assert made.reading is not None
    assert made.reading.reader == "derived"
    return made.reading.coverage


def codes(made: Resolution) -> list[str]:
    return [code for code, _ in made.notes]


# ---------------------------------------------------------------- planted shifts

WIDE, HIGH = 10, 8
SHIFTS = [(dx, dy) for dx in range(9) for dy in (0, 1, 2, 4, 6)]
CELLS = [(2 + 21 * column, 2 + 23 * row) for row in range(2) for column in range(3)]
FLOOR = 0.1


def planted(kind: str, shifts: Sequence[tuple[int, int]], name: str = "1") -> ImageRecord:
    """An image on which B has drawn each of A's nodules of 10 x 8 px, shifted; nodules lie in six cells."""
    draw = SHAPES[kind]
    corners = list(zip(CELLS, shifts, strict=False))
    return image_of(
        name,
        look("A", *(nodule(draw(x, y, WIDE, HIGH)) for (x, y), _ in corners)),
        look("B", *(nodule(draw(x + dx, y + dy, WIDE, HIGH)) for (x, y), (dx, dy) in corners)),
    )


def analytic(shift: tuple[int, int], measure: str, least: float) -> str:
    """What comes of a nodule that is shifted so."""
    iou = iou_of_shift(WIDE, HIGH, *shift)
    if iou < FLOOR:
        return "apart"
    # Both are of one area: Dice is the shared part of it.
    share = (WIDE - shift[0]) * (HIGH - shift[1]) / (WIDE * HIGH) if measure == "dice" else iou
    return "open" if share < least else "agreed"


def asked(kind: str, measure: str, least: float, **said: object) -> Policy:
    if kind == "box":
        return policy(match=FLOOR, boxes=Boxes(least=least, rule=BoxRule.UNION), **said)
    return policy(
        match=FLOOR, outlines=Outlines(measure=measure, least=least, rule=OutlineRule.UNION), **said
    )


def found_of(made: Resolution) -> dict[str, str]:
    """The outcome of each thing that is drawn, by the ids of the drawings of it."""
    return {"+".join(v.finding_id for v in vote.voters): vote.outcome.value for vote in made.votes}


def expected(shifts: Sequence[tuple[int, int]], measure: str, least: float) -> dict[str, str]:
    """The outcome of each thing, by the ids of the drawings of it."""
    found = {}
    for number, shift in enumerate(shifts, 1):
        of = analytic(shift, measure, least)
        if of == "apart":
            found |= {f"A/{number}": "open", f"B/{number}": "open"}
        else:
            found[f"A/{number}+B/{number}"] = of
    return found


@pytest.mark.parametrize("kind", SHAPES)
def test_conflicts_are_those_of_the_analytic_overlap_at_every_planted_value(kind):
    """At a threshold that is the planted value itself the readers agree; at the next number they do not."""
    for measure in ("iou",) if kind == "box" else ("dice", "iou"):
        values = {analytic_value(shift, measure) for shift in SHIFTS} - {0.0}
        thresholds = {each for value in values for each in (value, float(np.nextafter(value, 1)))}
        for start in range(0, len(SHIFTS), 6):
            shifts = SHIFTS[start : start + 6]
            record = planted(kind, shifts)
            for least in sorted(each for each in thresholds if each <= 1):
                made = resolved(record, asked(kind, measure, least))
                assert found_of(made) == expected(shifts, measure, least), (measure, least)


def analytic_value(shift: tuple[int, int], measure: str) -> float:
    iou = iou_of_shift(WIDE, HIGH, *shift)
    return iou if measure == "iou" else (WIDE - shift[0]) * (HIGH - shift[1]) / (WIDE * HIGH)


def votes_of(dataset: Dataset, name: str = "two") -> list[dict]:
    return pq.read_table(dataset.path / f"agreement/{name}/votes.parquet").to_pylist()


@pytest.mark.parametrize(("measure", "least"), [("dice", 0.8), ("dice", 0.5), ("iou", 0.5)])
def test_a_planted_dataset_is_resolved_as_its_shifts_say(measure, least, tmp_path):
    """Masks, polygons and boxes; on disk, and read back."""
    plan = {
        f"toy/{kind}{start}": (kind, SHIFTS[start : start + 6])
        for kind in SHAPES
        for start in range(0, len(SHIFTS), 6)
    }
    records = [planted(kind, shifts, each.partition("/")[2]) for each, (kind, shifts) in plan.items()]
    chosen = policy(
        match=FLOOR,
        outlines=Outlines(measure=measure, least=least, rule=OutlineRule.INTERSECTION),
        boxes=Boxes(least=least, rule=BoxRule.INTERSECTION),
    )
    made = resolve_readings(written(tmp_path / "parent", *records), chosen, tmp_path / "out")
    out = made.revision.dataset
    assert out is not None
    assert out.verify() == ()
    wanted = {
        (image_id, ids): outcome
        for image_id, (kind, shifts) in plan.items()
        for ids, outcome in expected(shifts, "iou" if kind == "box" else measure, least).items()
    }
    assert {
        (row["image_id"], "+".join(row["finding_ids"])): row["outcome"] for row in votes_of(out)
    } == wanted
    assert made.account.open_images == tuple(
        image_id for image_id in plan if "open" in {wanted[key] for key in wanted if key[0] == image_id}
    )
    counts = {each.item: dict(each.counts) for each in made.account.tallies}
    for item, kinds in (("outline", {"mask", "polygon"}), ("box", {"box"})):
        said = [outcome for (image_id, _), outcome in wanted.items() if plan[image_id][0] in kinds]
        assert counts[item][Outcome.AGREED] == said.count("agreed")
        assert counts[item][Outcome.OPEN] == said.count("open")
    for record, given in zip(out.records(), records, strict=True):
        kind, shifts = plan[record.image_id]
        assert record.findings[: len(given.findings)] == given.findings
        assert record.readings[:2] == given.readings
        agreed = [
            (cell, shift)
            for number, (cell, shift) in enumerate(zip(CELLS, shifts, strict=False), 1)
            if wanted.get((record.image_id, f"A/{number}+B/{number}")) == "agreed"
        ]
        drawn = {each.geometries for each in consensus_of(record)}
        cut = SHAPES["box" if kind == "box" else "mask"]  # the shared part is a rectangle, too
        assert drawn == {(cut(x + dx, y + dy, WIDE - dx, HIGH - dy),) for (x, y), (dx, dy) in agreed}
        whole = len(agreed) == len(shifts)
        assert record.readings[2:] == (Reading(reader="derived", coverage=COMPLETE if whole else PARTIAL),)


# ---------------------------------------------------------------- phantoms


def test_conflicts_on_phantoms_are_those_of_pycocotools_overlap():
    """Each nodule's true border and a second reader's, of whom every fourth nodule is missed."""
    seen = {"agreed": 0, "open": 0, "missed": 0}
    for seed in range(10):
        drawn = phantom(PhantomSpec(seed=seed, width=320, height=220, nodules=2, second_reader=True)).nodules
        one = [tuple(map(tuple, each.outline)) for each in drawn]
        two = [tuple(map(tuple, each.second_outline)) for each in drawn]
        if seed % 2:
            del two[seed % 4 // 2]
        record = image_of("1", *(look(r, *map(outlined, rings)) for r, rings in (("A", one), ("B", two))))
        record = replace(record, image=replace(record.image, width=320, height=220))
        table = coco_mask.iou(coco_rles(one), coco_rles(two), [0] * len(two))
        for least in (0.7, 0.8, 0.9):
            chosen = policy(outlines=Outlines(measure="iou", least=least, rule=OutlineRule.MEAN_SHAPE))
            made = resolved(record, chosen)
            wanted = {}
            for i in range(len(one)):
                near = [j for j in range(len(two)) if table[i, j] >= chosen.match]
                assert len(near) <= 1  # phantoms keep their nodules apart
                for j in near:
                    wanted[f"A/{i + 1}+B/{j + 1}"] = "agreed" if table[i, j] >= least else "open"
                if not near:
                    wanted[f"A/{i + 1}"] = "open"
            assert found_of(made) == wanted
            for vote in made.votes:
                if vote.agreement is not None:
                    i, j = (int(voter.finding_id[2:]) - 1 for voter in vote.voters)
                    assert vote.agreement == pytest.approx(table[i, j], abs=1e-12)
            for ids, outcome in wanted.items():
                seen[outcome if "+" in ids else "missed"] += 1
    assert min(seen.values()) >= 5, seen  # each of the three really is planted


def outlined(ring: tuple[tuple[float, float], ...]) -> Finding:
    return nodule(Polygon(parts=(PolygonPart(exterior=ring),)))


def coco_rles(rings: Sequence[tuple[tuple[float, float], ...]]) -> list:
    return coco_mask.frPyObjects([list(chain.from_iterable(ring)) for ring in rings], 220, 320)


# ---------------------------------------------------------------- missed nodules

KEPT, DROPPED, OPEN = "kept", "dropped", "open"


@pytest.mark.parametrize(
    ("rule", "drew", "silent", "comes_to"),
    [
        ("keep", 1, [COMPLETE], KEPT),
        ("keep", 1, [None], KEPT),
        ("keep", 1, [PARTIAL, COMPLETE], KEPT),
        ("drop", 1, [COMPLETE], DROPPED),
        ("drop", 1, [PARTIAL], OPEN),
        ("drop", 1, [None], OPEN),
        ("drop", 2, [COMPLETE], DROPPED),
        ("drop", 1, [COMPLETE, None], OPEN),
        ("majority", 2, [COMPLETE], KEPT),
        ("majority", 2, [None], KEPT),
        ("majority", 1, [COMPLETE, COMPLETE], DROPPED),
        ("majority", 1, [COMPLETE, None], OPEN),
        ("majority", 1, [PARTIAL, None], OPEN),
        ("majority", 2, [COMPLETE, COMPLETE], OPEN),
        ("majority", 2, [COMPLETE, COMPLETE, COMPLETE], DROPPED),
        ("majority", 2, [COMPLETE, COMPLETE, PARTIAL], OPEN),
        ("adjudicate", 1, [COMPLETE], OPEN),
        ("adjudicate", 2, [COMPLETE], OPEN),
        ("adjudicate", 1, [None, None], OPEN),
    ],
)
@pytest.mark.parametrize("kind", SHAPES)
def test_what_becomes_of_a_nodule_that_some_have_not_drawn(kind, rule, drew, silent, comes_to):
    """Only who says that all was drawn says that there is nothing."""
    looks = [look(f"drew{n}", nodule(SHAPES[kind](*HERE))) for n in range(drew)]
    looks += [look(f"silent{n}", coverage=said) for n, said in enumerate(silent)]
    chosen = policy(readers=tuple(each.reader for each in looks), unmatched=Unmatched(rule))
    made = resolved(image_of("1", *looks), chosen)
    (vote,) = made.votes
    assert (vote.why, len(made.findings)) == ("not-drawn-by-all", int(comes_to == KEPT))
    assert vote.outcome is (Outcome.OPEN if comes_to == OPEN else Outcome.POLICY)
    of_majority = "majority: " if rule == "majority" else ""
    assert vote.rule in {"", f"unmatched: {of_majority}{'keep' if comes_to == KEPT else 'drop'}"}
    weakest = PARTIAL if PARTIAL in silent else None if None in silent else COMPLETE
    assert coverage(made) is (PARTIAL if comes_to == OPEN else weakest)
    assert len(made.open_things) == (comes_to == OPEN)


@pytest.mark.parametrize("rule", ["keep", "drop", "adjudicate"])
def test_missed_nodules_of_a_dataset_are_decided_as_the_policy_says(rule, tmp_path):
    records = [
        image_of("stated", look("A", nodule(mask_of(*HERE))), look("B")),
        image_of("unstated", look("A", coverage=None), look("B", nodule(box_of(*HERE)))),
        image_of(
            "both", look("A", nodule(mask_of(*HERE))), look("B", nodule(mask_of(*THERE)), coverage=None)
        ),
    ]
    out = tmp_path / "out"
    resolve_readings(written(tmp_path / "parent", *records), policy(unmatched=Unmatched(rule)), out)
    found = {
        each.image_id.partition("/")[2]: (
            sorted(chain.from_iterable(f.origin.from_ids for f in consensus_of(each))),
            each.readings[-1].coverage,
        )
        for each in Dataset(out).records()
    }
    assert (
        found
        == {
            "keep": {
                "stated": (["A/1"], COMPLETE),
                "unstated": (["B/1"], None),
                "both": (["A/1", "B/1"], None),
            },
            "drop": {"stated": ([], COMPLETE), "unstated": ([], PARTIAL), "both": ([], PARTIAL)},
            "adjudicate": {"stated": ([], PARTIAL), "unstated": ([], PARTIAL), "both": ([], PARTIAL)},
        }[rule]
    )


def test_one_who_has_drawn_what_cannot_be_compared_does_not_say_that_there_is_nothing():
    """A crowd, calipers and an empty mask are of something: no nodule is dropped, and no image is empty."""
    for seen in (
        nodule(mask_of(0, 0, 30, 20), crowd=True),
        nodule(Calipers(long=((2, 2), (12, 10)))),
        nodule(mask_of(2, 2, 0, 0)),
    ):
        chosen = policy(unmatched=Unmatched.DROP)
        made = resolved(image_of("1", look("A", nodule(mask_of(*HERE))), look("B", seen)), chosen)
        assert (outcomes(made), coverage(made)) == (["open"], PARTIAL)
        alone = resolved(image_of("1", look("A", seen), look("B", seen)), chosen)
        assert (alone.votes, coverage(alone)) == ((), PARTIAL)
        taken = resolved(image_of("1", look("A", seen)), policy(one_reader=Lone.TAKE))
        assert (taken.votes, coverage(taken)) == ((), PARTIAL)


# ---------------------------------------------------------------- class flips

FLIPS = [
    ("agree", ["4a", "4a"], ("agreed", "4a")),
    ("agree", ["4a", "4b"], ("open", "grades-differ")),
    ("highest", ["4a", "5"], ("policy", "5")),
    ("highest", ["5", "4c"], ("policy", "5")),
    ("lowest", ["4a", "5"], ("policy", "4a")),
    ("lowest", ["3", "3"], ("agreed", "3")),
    ("adjudicate", ["3", "3"], ("open", "policy-adjudicates")),
    ("majority", ["2", "5", "2"], ("policy", "2")),
    ("majority", ["2", "2", "2"], ("agreed", "2")),
    ("majority", ["2", "3", "5"], ("open", "no-majority")),
    ("majority", ["2", None, "5"], ("open", "no-majority")),
    ("majority", ["2", "2", "5", "5"], ("open", "no-majority")),
    ("agree", ["2", None], ("left", "one-reader")),
    ("highest", [None, "5"], ("left", "one-reader")),
    ("agree", ["2 3", "2"], ("open", "contradictory-grade")),
    ("agree", ["2 2", "2"], ("agreed", "2")),
    ("agree", ["2 3", None], ("left", "one-reader")),
]


def graded(said: str | None) -> tuple[Label, ...]:
    return tuple(map(kwak, (said or "").split()))


@pytest.mark.parametrize(("rule", "grades", "comes_to"), FLIPS)
def test_a_flipped_class_of_a_drawing_is_decided_by_the_rule(rule, grades, comes_to):
    looks = [look(f"R{n}", nodule(mask_of(*HERE), labels=graded(each))) for n, each in enumerate(grades)]
    for order in (looks, looks[::-1]):
        chosen = policy(readers=tuple(x.reader for x in order), classes={"tirads-kwak": ClassRule(rule)})
        made = resolved(image_of("1", *order), chosen)
        check_flip(made, comes_to)
        (drawn,) = made.findings
        value = None if comes_to[0] in {"open", "left"} else comes_to[1]
        assert drawn.labels == graded(value)
        assert coverage(made) is COMPLETE  # an outline that is settled is there, whatever its grade


def check_flip(made: Resolution, comes_to: tuple[str, str]) -> None:
    (vote,) = [vote for vote in made.votes if vote.item == "tirads-kwak"]
    assert vote.outcome.value == comes_to[0]
    assert comes_to[1] in {vote.why, vote.value.partition("/")[2]}


@pytest.mark.parametrize(("rule", "grades", "comes_to"), FLIPS)
@pytest.mark.parametrize("scope", ["image", "case", "nodule"])
def test_a_flipped_class_is_decided_alike_whatever_it_is_said_of(scope, rule, grades, comes_to):
    labels = tuple(replace(label, reader=f"R{n}") for n, each in enumerate(grades) for label in graded(each))
    fields = {
        "image": {"image_labels": labels},
        "case": {"case_labels": labels},
        "nodule": {"nodules": (Nodule(nodule_id="n", labels=labels),)},
    }
    names = tuple(f"R{n}" for n in range(len(grades)))
    record = image_of("1", *map(look, names), **fields[scope])
    made = resolved(record, policy(readers=names, classes={"tirads-kwak": ClassRule(rule)}))
    check_flip(made, comes_to)
    value = None if comes_to[0] in {"open", "left"} else comes_to[1]
    assert [each.label for each in made.graded] == [
        replace(label, reader="derived") for label in graded(value)
    ]


def test_class_flips_of_a_dataset_are_the_conflicts_that_are_written(tmp_path):
    """Said of drawings, images, cases and nodules; a case is counted once, however many images it has."""
    flipped = tuple(kwak(grade, reader=reader) for reader, grade in (("A", "2"), ("B", "4a")))
    drawn = [look(r, nodule(mask_of(*HERE), labels=(kwak(g),))) for r, g in (("A", "3"), ("B", "5"))]
    same = [look(r, nodule(mask_of(*HERE), labels=(kwak("3"),))) for r in "AB"]
    records = [
        image_of("1", *drawn, group="c", case_labels=flipped),
        image_of("2", *same, group="c", case_labels=flipped),
        image_of("3", look("A"), look("B"), image_labels=flipped),
        image_of("4", look("A"), look("B"), nodules=(Nodule(nodule_id="n", labels=flipped),)),
    ]
    chosen = policy(classes={"tirads-kwak": ClassRule.HIGHEST})
    made = resolve_readings(written(tmp_path / "parent", *records), chosen, tmp_path / "out")
    counts = {each.item: {o.value: n for o, n in each.counts if n} for each in made.account.tallies}
    assert counts == {
        "outline": {"agreed": 2},
        "tirads-kwak of the case": {"policy": 1},
        "tirads-kwak of the finding": {"agreed": 1, "policy": 1},
        "tirads-kwak of the image": {"policy": 1},
        "tirads-kwak of the nodule": {"policy": 1},
    }
    one, two, three, four = Dataset(tmp_path / "out").records()
    made_label = kwak("4a", reader="derived")
    assert [each.labels for each in consensus_of(one)] == [(kwak("5"),)]
    assert [each.labels for each in consensus_of(two)] == [(kwak("3"),)]
    assert one.case_labels == two.case_labels == three.image_labels == (*flipped, made_label)
    assert four.nodules[0].labels == (*flipped, made_label)


def test_values_of_two_editions_are_not_compared():
    labels = [(Label(value=TiradsKorean("4"), edition=year),) for year in ("2016", "2021")]
    looks = [look(r, nodule(mask_of(*HERE), labels=said)) for r, said in zip("AB", labels, strict=True)]
    made = resolved(image_of("1", *looks), policy(classes={"tirads-korean": ClassRule.HIGHEST}))
    assert [(v.outcome, v.why) for v in made.votes[1:]] == [(Outcome.OPEN, "editions-differ")]


def test_schemes_are_voted_on_one_by_one_and_those_not_asked_are_named():
    said = {
        "A": (kwak("2"), Label(value=TiradsAcr.TR2), Label(value=DdtiComposition.CYSTIC)),
        "B": (kwak("2"), Label(value=TiradsAcr.TR3), Label(value=DdtiComposition.CYSTIC)),
    }
    looks = [look(r, nodule(mask_of(*HERE), labels=labels)) for r, labels in said.items()]
    chosen = policy(classes={"tirads-kwak": ClassRule.AGREE, "tirads-acr": ClassRule.LOWEST})
    made = resolved(image_of("1", *looks), chosen)
    assert {str(label.value) for label in made.findings[0].labels} == {"tirads-kwak/2", "tirads-acr/TR2"}
    assert ("scheme-not-asked", "toy/1: ddti-composition") in made.notes


@pytest.mark.parametrize("count", [1, 2])
def test_what_is_not_there_has_no_grade_that_could_be_open(count):
    """Of a drawing that the policy drops, or the arbiter denies, no grade waits for anybody."""
    looks = [look(f"D{n}", nodule(mask_of(*HERE), labels=graded("2 3"))) for n in range(count)]
    looks += [look(f"S{n}") for n in range(count + 1)]
    names = tuple(each.reader for each in looks)
    for chosen in (
        policy(readers=names, unmatched=Unmatched.MAJORITY, classes={"tirads-kwak": ClassRule.AGREE}),
        policy(readers=names, arbiter="Z", classes={"tirads-kwak": ClassRule.AGREE}),
    ):
        made = resolved(image_of("1", *looks, look("Z")), chosen)
        assert (len(made.votes), made.findings, made.open_things) == (1, (), ())


# ---------------------------------------------------------------- pathology


def test_pathology_is_never_voted_on_and_is_carried_as_it_is():
    cytology = (
        Label(value=Bethesda.IV, basis=Basis.CYTOLOGY, edition="2017"),
        Label(value=Malignancy.MALIGNANT, basis=Basis.CYTOLOGY),
    )
    histology = Label(value=Malignancy.BENIGN, basis=Basis.HISTOLOGY, reader="lab")
    seen = (
        Label(value=Malignancy.MALIGNANT, basis=Basis.IMAGING),
        Label(value=Malignancy.BENIGN, basis=Basis.IMAGING),
    )
    looks = [
        look("A", nodule(mask_of(*HERE), labels=(*cytology, seen[0]))),
        look("B", nodule(mask_of(*HERE), labels=(histology, seen[1]))),
    ]
    classes = {"malignancy": ClassRule.HIGHEST, "bethesda": ClassRule.AGREE}
    record = image_of("1", *looks, image_labels=tuple(replace(each, reader="A") for each in cytology))
    made = resolved(record, policy(classes=classes))
    (vote,) = [vote for vote in made.votes if vote.item != "outline"]
    assert [(voter.reader, voter.value) for voter in vote.voters] == [
        ("A", "malignancy/malignant"),
        ("B", "malignancy/benign"),
    ]
    (drawn,) = made.findings
    assert drawn.labels[0] == seen[0]
    assert {*drawn.labels[1:]} == {*cytology, histology}
    assert made.graded == ()
    assert "scheme-not-asked" not in codes(resolved(record, policy(classes=classes)))


def test_pathology_alone_is_no_grade(tmp_path):
    """It stays on the readers' findings and on the image, and the consensus finding has it."""
    label = Label(value=Malignancy.MALIGNANT, basis=Basis.HISTOLOGY)
    looks = [look(r, nodule(mask_of(*HERE), labels=(label,))) for r in "AB"]
    given = image_of("1", *looks, image_labels=(replace(label, reader="A"),))
    chosen = policy(classes={"malignancy": ClassRule.AGREE})
    resolve_readings(written(tmp_path / "parent", given), chosen, tmp_path / "out")
    (record,) = Dataset(tmp_path / "out").records()
    assert record.image_labels == given.image_labels
    assert [each.labels for each in record.findings] == [(label,)] * 3
    assert [row["item"] for row in votes_of(Dataset(tmp_path / "out"))] == ["outline"]


# ---------------------------------------------------------------- the arbiter

APART = look("A", nodule(mask_of(*HERE))), look("B", nodule(mask_of(4, 4, 10, 8)))
"""Two outlines of one thing, too far apart to agree."""


def arbitrated(*looks: Look, **said: object) -> Resolution:
    return resolved(image_of("1", *looks), policy(arbiter="C", **said))


@pytest.mark.parametrize("by", [None, PARTIAL, COMPLETE])
def test_the_arbiter_s_drawing_decides_a_conflict(by):
    own = mask_of(3, 3, 10, 8)
    made = arbitrated(*APART, look("C", nodule(own), coverage=by))
    (drawn,) = made.findings
    assert (outcomes(made), drawn.geometries, coverage(made)) == (["adjudicated"], (own,), COMPLETE)
    assert drawn.origin.from_ids == ("A/1", "B/1", "C/1")


@pytest.mark.parametrize(
    ("by", "comes_to", "covers"),
    [(COMPLETE, "adjudicated", COMPLETE), (PARTIAL, "open", PARTIAL), (None, "open", PARTIAL)],
)
def test_what_the_arbiter_has_not_drawn_is_not_there_only_if_all_was_drawn(by, comes_to, covers):
    made = arbitrated(*APART, look("C", coverage=by))
    assert (outcomes(made), made.findings, coverage(made)) == ([comes_to], (), covers)


def test_an_arbiter_who_covers_nothing_or_has_no_reading_is_not_heard():
    for looks in (APART, (*APART, look("C", coverage=NONE))):
        assert outcomes(arbitrated(*looks)) == ["open"]


def test_an_arbiter_who_has_drawn_a_crowd_does_not_say_that_there_is_nothing():
    made = arbitrated(*APART, look("C", nodule(mask_of(0, 0, 30, 20), crowd=True)))
    assert (outcomes(made), codes(made)) == (["open"], ["crowd"])


def test_the_arbiter_is_not_asked_of_what_is_agreed():
    """Another outline, or none, of what readers agree on is not heard; nor one of what nobody has drawn."""
    same = [look(r, nodule(mask_of(*HERE))) for r in "AB"]
    for said in ((nodule(mask_of(4, 4, 10, 8)),), (), (nodule(mask_of(*THERE)),)):
        made = arbitrated(*same, look("C", *said))
        assert outcomes(made) == ["agreed"]
        assert [each.geometries for each in made.findings] == [(mask_of(*HERE),)]
        assert ("arbiter-alone" in codes(made)) is (said == (nodule(mask_of(*THERE)),))


def test_what_the_arbiter_alone_has_drawn_is_named_and_not_taken():
    made = arbitrated(*APART, look("C", nodule(mask_of(*HERE)), nodule(mask_of(*THERE))))
    assert len(made.findings) == 1
    assert ("arbiter-alone", "toy/1: C/2") in made.notes


def test_an_arbiter_s_drawing_that_could_be_of_two_things_decides_neither():
    apart = look("A", nodule(mask_of(2, 2, 10, 8))), look("B", nodule(mask_of(12, 2, 10, 8)))
    made = arbitrated(*apart, look("C", nodule(mask_of(7, 2, 10, 8))))
    assert (outcomes(made), coverage(made)) == (["open", "open"], PARTIAL)


def test_a_thing_that_the_arbiter_takes_for_two_stays_open():
    """Else one half would be the answer, and the other, which is drawn as well, a negative."""
    halves = nodule(mask_of(2, 2, 6, 8)), nodule(mask_of(9, 2, 5, 8))
    made = arbitrated(*APART, look("C", *halves))
    assert (outcomes(made), coverage(made), made.findings) == (["open"], PARTIAL, ())
    assert "arbiter-alone" in codes(made)


def test_the_arbiter_decides_a_tie_of_the_readers_at_each_place():
    """A has drawn two nodules twice each; what the arbiter draws is of each of the two places."""
    left, right = nodule(mask_of(*HERE)), nodule(mask_of(*THERE))
    made = arbitrated(look("A", left, left, right, right), look("B", left, right), look("C", left, right))
    assert (outcomes(made), coverage(made)) == (["adjudicated"] * 2, COMPLETE)
    assert [each.geometries for each in made.findings] == [left.geometries, right.geometries]


def test_the_arbiter_s_grade_decides_where_the_outline_is_agreed():
    looks = [look(r, nodule(mask_of(*HERE), labels=graded(g))) for r, g in zip("AB", "23", strict=True)]
    own = look("C", nodule(mask_of(3, 2, 10, 8), labels=(kwak("4a", basis=Basis.IMAGING),)))
    made = arbitrated(*looks, own, classes={"tirads-kwak": ClassRule.AGREE})
    assert [vote.outcome.value for vote in made.votes] == ["agreed", "adjudicated"]
    assert made.findings[0].labels == (kwak("4a", basis=Basis.IMAGING),)
    assert made.findings[0].geometries == (mask_of(*HERE),)


def test_the_arbiter_s_words_decide_on_an_image_and_only_where_readers_differ():
    words = {"A": ("2", "3"), "B": ("4a", "3"), "C": ("5", "5")}
    for scope in ("image_labels", "case_labels"):
        for place, value in enumerate(("5", "3")):
            labels = tuple(kwak(said[place], reader=reader) for reader, said in words.items())
            record = image_of("1", look("A"), look("B"), look("C"), **{scope: labels})
            made = resolved(record, policy(arbiter="C", classes={"tirads-kwak": ClassRule.AGREE}))
            assert [each.label for each in made.graded] == [kwak(value, reader="derived")]


def test_the_arbiter_says_which_structure_it_is():
    looks = (
        look("A", nodule(mask_of(*HERE))),
        look("B", nodule(mask_of(*HERE), structure=Structure.LYMPH_NODE)),
    )
    assert [vote.why for vote in arbitrated(*looks).votes] == ["structures-differ"]
    made = arbitrated(*looks, look("C", nodule(mask_of(*HERE), structure=Structure.LYMPH_NODE)))
    assert [each.structure for each in made.findings] == [Structure.LYMPH_NODE]


# ---------------------------------------------------------------- what a consensus is made of


def test_a_link_to_a_nodule_is_kept_where_those_who_state_one_state_the_same():
    ids = [("n", "n"), ("n", None), (None, None), ("n", "m")]
    found = []
    for pair in ids:
        looks = [look(r, nodule(mask_of(*HERE), nodule_id=n)) for r, n in zip("AB", pair, strict=True)]
        nodules = tuple(Nodule(nodule_id=n) for n in "nm")
        found.append(resolved(image_of("1", *looks, nodules=nodules), policy()).findings[0].nodule_id)
    assert found == ["n", "n", None, None]


def test_consensus_findings_have_ids_of_their_own(tmp_path):
    """Also where a reader is called as the policy is."""
    looks = look("two", nodule(mask_of(*HERE))), look("B", nodule(mask_of(*HERE)))
    parent = written(tmp_path / "parent", image_of("1", *looks))
    resolve_readings(parent, policy(readers=("two", "B")), tmp_path / "out")
    (record,) = Dataset(tmp_path / "out").records()
    assert [each.finding_id for each in record.findings] == ["two/1", "B/1", "two/2"]


def test_a_dataset_s_bytes_do_not_depend_on_how_a_policy_names_its_readers(tmp_path):
    crowd = nodule(mask_of(*THERE), crowd=True)
    twice = look("A", nodule(mask_of(*HERE)), nodule(mask_of(*HERE)), crowd), APART[1], look("C", crowd)
    parent = written(tmp_path / "parent", image_of("1", *twice), image_of("2", *twice[::-1]))
    for out, readers in (("one", ("A", "B", "C")), ("other", ("C", "B", "A"))):
        resolve_readings(parent, policy(readers=readers), tmp_path / out)
    assert content(tmp_path / "one") == content(tmp_path / "other")


def test_a_reader_whom_the_source_does_not_name_may_vote(tmp_path):
    record = image_of("1", look("A", nodule(mask_of(*HERE))))
    unnamed = replace(
        record,
        readings=(replace(record.readings[0], reader=None),),
        findings=tuple(replace(each, origin=type(each.origin)()) for each in record.findings),
    )
    written(tmp_path / "other", image_of("1", look("B", nodule(mask_of(*HERE)))))
    (tmp_path / "policy.yaml").write_text(policy(readers=("", "B")).text())
    out = tmp_path / "out"
    resolve_readings(
        written(tmp_path / "parent", unnamed), tmp_path / "policy.yaml", out, sources=[tmp_path / "other"]
    )
    (made,) = Dataset(out).records()
    assert [each.origin.from_ids for each in consensus_of(made)] == [("A/1", "B/1")]


@pytest.mark.parametrize(
    ("outlines", "boxes", "comes_to"),
    [(True, True, "agreed"), (True, False, "left"), (False, True, "agreed"), (False, False, "left")],
)
def test_a_mask_and_a_box_are_compared_as_boxes_or_not_at_all(outlines, boxes, comes_to):
    default = policy()
    chosen = policy(outlines=default.outlines if outlines else None, boxes=default.boxes if boxes else None)
    looks = look("A", nodule(mask_of(*HERE))), look("B", nodule(box_of(*HERE)))
    if comes_to == "agreed":
        made = resolved(image_of("1", *looks), chosen)
        assert (outcomes(made, "box"), made.findings[0].geometries) == (["agreed"], (box_of(*HERE),))
    else:
        made = resolved(image_of("1", *looks), chosen)
        assert (outcomes(made, "box"), made.findings, coverage(made)) == (["left"], (), PARTIAL)


def test_equal_pixels_are_equal_whatever_they_are_drawn_with():
    """Rule 'agree': a polygon and the mask of its pixels; what comes of them depends on no order."""
    looks = look("A", nodule(mask_of(*HERE))), look("B", nodule(polygon_of(*HERE)))
    chosen = policy(outlines=Outlines(measure="dice", least=0.8, rule=OutlineRule.AGREE))
    for order in (looks, looks[::-1]):
        made = resolved(image_of("1", *order), chosen)
        assert (outcomes(made), made.findings[0].geometries) == (["agreed"], (mask_of(*HERE),))
    off = look("B", nodule(mask_of(3, 2, 10, 8)))
    assert [vote.why for vote in resolved(image_of("1", looks[0], off), chosen).votes] == ["not-equal"]


# ---------------------------------------------------------------- what an export takes for a negative


def test_an_open_nodule_never_becomes_a_negative(tmp_path, command):
    """Of the consensus, COCO has images with findings and those that all say are empty, and no others."""
    agreed = [look(r, nodule(mask_of(*HERE))) for r in "AB"]
    crowd = nodule(mask_of(*HERE), crowd=True)
    images = {
        "agreed": (agreed, COMPLETE),
        "empty": ([look("A"), look("B")], COMPLETE),
        "agreed-partial": ([agreed[0], replace(agreed[1], coverage=PARTIAL)], PARTIAL),
        "agreed-unstated": ([agreed[0], replace(agreed[1], coverage=None)], None),
        "open-beside-agreed": (
            [agreed[0], look("B", nodule(mask_of(*HERE)), nodule(mask_of(*THERE)))],
            PARTIAL,
        ),
        "open": ([agreed[0], look("B")], PARTIAL),
        "apart": (APART, PARTIAL),
        "empty-unstated": ([look("A"), look("B", coverage=None)], None),
        "empty-partial": ([look("A", coverage=PARTIAL), look("B")], PARTIAL),
        "lone": ([agreed[0]], NONE),
        "lone-empty": ([look("A")], NONE),
        "other-unread": ([look("A"), look("B", coverage=NONE)], NONE),
        "crowds": ([look("A", crowd), look("B", crowd)], PARTIAL),
        "empty-masks": ([look(r, nodule(mask_of(2, 2, 0, 0))) for r in "AB"], PARTIAL),
        "box-not-asked": ([look(r, nodule(box_of(*HERE))) for r in "AB"], PARTIAL),
    }
    records = [image_of(name, *looks) for name, (looks, _) in images.items()]
    made = resolve_readings(written(tmp_path / "parent", *records), policy(boxes=None), tmp_path / "out")
    out = made.revision.dataset
    assert out is not None
    for record in out.records():
        wanted = images[record.image_id.partition("/")[2]][1]
        assert record.readings[-1] == Reading(reader="derived", coverage=wanted)
    accepted = [f"--accept={each}" for each in ("unread", "empty-unsure", "other-reader")]
    ran = command("export", "coco", out.path, tmp_path / "coco", *accepted)
    assert ran.code == 0, ran.err
    for folder in (out.path / "annotations", tmp_path / "coco"):
        files = [json.loads(path.read_text()) for path in sorted(folder.rglob("instances_*.json"))]
        found = {each["image_id"].partition("/")[2]: each["coverage"] for f in files for each in f["images"]}
        assert found == {
            "agreed": "complete",
            "empty": "complete",
            "agreed-partial": "partial",
            "agreed-unstated": None,
            "open-beside-agreed": "partial",
        }
        annotations = [each["finding_id"] for f in files for each in f["annotations"]]
        assert annotations == ["two/1"] * 4


def test_an_image_that_one_reader_has_read_is_taken_only_if_the_policy_says_so():
    record = image_of("1", look("A", nodule(mask_of(*HERE)), coverage=None), look("B", coverage=NONE))
    left, taken = (resolved(record, policy(one_reader=lone)) for lone in (Lone.LEAVE, Lone.TAKE))
    assert (outcomes(left), left.findings, coverage(left)) == (["left"], (), NONE)
    assert (outcomes(taken), len(taken.findings), coverage(taken)) == (["policy"], 1, None)
    for made in (left, taken):
        assert {"one-reader", "covers-nothing"} <= {*codes(made)}
    nobody = resolved(image_of("1", look("C")), policy())
    assert (nobody.reading, nobody.votes, codes(nobody)) == (None, (), ["no-reader"])


def test_percentages_are_of_what_two_readers_could_agree_on():
    records = [
        image_of("1", *(look(r, nodule(mask_of(*HERE))) for r in "AB")),
        image_of("2", *APART),
        image_of("3", look("A", nodule(mask_of(*HERE)))),
    ]
    (found,) = tally(vote for record in records for vote in resolved(record, policy()).votes)
    assert (found.decidable, found.share(Outcome.AGREED), found.share(Outcome.OPEN)) == (2, 0.5, 0.5)


# ---------------------------------------------------------------- the queue, all the way round

ALL = "all outlined"


def decided(folder: Path, tool: str, relabelled: Mapping[str, tuple[str, str]]) -> Path:
    """The arbiter's file as it comes back: of each image one label is another, and all is outlined."""
    match tool:
        case "cvat":
            head, *images = (folder / "annotations.xml").read_text().split("<image ")
            for number, image in enumerate(images):
                old, new = relabelled[Path(image.split('name="')[1].split('"')[0]).name]
                assert f'label="{old}"' in image
                turned = image.replace(f'label="{old}"', f'label="{new}"')
                images[number] = turned.replace("</image>", f'<tag label="{ALL}" source="manual"/></image>')
            text = "<image ".join([head, *images])
        case "label-studio":
            tasks = json.loads((folder / "tasks.json").read_text())
            for task in tasks:
                old, new = relabelled[Path(task["data"]["image"]).name]
                result = json.dumps(task["predictions"][0]["result"]).replace(f'"{old}"', f'"{new}"')
                said = {"from_name": "said", "to_name": "image", "type": "choices"}
                mark = {**said, "value": {"choices": [ALL]}}
                task["annotations"] = [{"was_cancelled": False, "result": [*json.loads(result), mark]}]
            text = json.dumps(tasks)
        case _:
            file = json.loads((folder / "instances.json").read_text())
            number = {each["name"]: each["id"] for each in file["categories"]}
            for image in file["images"]:
                image["coverage"] = "complete"
                old, new = relabelled[Path(image["file_name"]).name]
                for each in file["annotations"]:
                    if (each["image_id"], each["category_id"]) == (image["id"], number[old]):
                        each["category_id"] = number[new]
            text = json.dumps(file)
    path = folder.parent.parent / f"{tool}-decided"
    path.write_text(text)
    return path


@pytest.mark.parametrize("tool", ["cvat", "label-studio", "coco"])
def test_what_is_queued_and_decided_is_resolved_and_nothing_is_open(tool, tmp_path):
    """Conflicts go out without a reader's name; Ada's side is chosen; all of it is in the consensus."""
    ring = polygon_of(4, 5, 10, 8)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    holed = encode_mask(np.hypot(y - 26, x - 26) // 3 % 3 == 1)  # rings
    grades = [("Ada", "4a"), ("Bob", "4b")]
    hers = [mask_of(*HERE), polygon_of(*HERE), mask_of(*THERE), holed]
    records = [
        image_of("apart", look("Ada", nodule(hers[0])), look("Bob", nodule(ring))),
        image_of("ring", look("Ada", nodule(hers[1])), look("Bob", nodule(ring))),
        image_of(
            "missed",
            look("Ada", nodule(mask_of(*HERE)), nodule(hers[2])),
            look("Bob", nodule(mask_of(*HERE))),
        ),
        image_of("graded", *(look(r, nodule(holed, labels=(kwak(g),))) for r, g in grades)),
        image_of("agreed", *(look(r, nodule(mask_of(*HERE))) for r in ("Ada", "Bob"))),
    ]
    chosen = policy(readers=("Ada", "Bob"), classes={"tirads-kwak": ClassRule.AGREE})
    parent = written(tmp_path / "parent", *records)
    first = resolve_readings(parent, chosen, tmp_path / "first")
    assert first.account.open_images == ("toy/apart", "toy/ring", "toy/missed", "toy/graded")

    queue_readings(tmp_path / "first", tmp_path / "queue", arbiter="Cleo", tool=tool)
    folder = tmp_path / "queue/Cleo"
    for path in folder.rglob("*"):
        told = str(path.relative_to(folder)).encode() + (path.read_bytes() if path.is_file() else b"")
        assert not [name for name in (b"Ada", b"Bob", b"toy") if name in told], path
    rows = [row.split(",") for row in (tmp_path / "queue/readings.csv").read_text().splitlines()[1:]]
    relabelled = {}
    for file, image_id, number, reader in rows:
        if reader == "Ada":
            plain = "tirads-kwak/4a" if image_id == "toy/graded" else "nodule"
            relabelled[Path(file).name] = (f"reading {number}: {plain}", plain)
    back = decided(folder, tool, relabelled)
    imported = tmp_path / "imported"
    import_decisions(tmp_path / "first", [back], key=tmp_path / "queue/key.csv", arbiter="Cleo", out=imported)

    last = resolve_readings(imported, chosen, tmp_path / "last", arbiter="Cleo")
    assert last.account.open_images == ()
    assert {each.item: {o.value: n for o, n in each.counts if n} for each in last.account.tallies} == {
        "outline": {"agreed": 3, "adjudicated": 3},
        "tirads-kwak of the finding": {"adjudicated": 1},
    }
    assert last.account.notes == first.account.notes
    found = {each.image_id: each for each in Dataset(tmp_path / "last").records()}
    for image_id, geometry in zip(list(found)[:2], hers[:2], strict=True):
        (drawn,) = consensus_of(found[image_id])
        assert_same(drawn, geometry)
    assert len(consensus_of(found["toy/missed"])) == 2
    assert [str(label.value) for label in consensus_of(found["toy/graded"])[0].labels] == ["tirads-kwak/4a"]
    for each in found.values():
        assert each.readings[-1] == Reading(reader="derived", coverage=COMPLETE)


def assert_same(drawn: Finding, geometry: Mask | Polygon) -> None:
    """A mask to the pixel; a polygon within the percents that Label Studio writes."""
    (found,) = drawn.geometries
    if isinstance(geometry, Mask):
        assert found == geometry
    else:
        assert isinstance(found, Polygon)
        given = chain.from_iterable(geometry.parts[0].exterior)
        assert [*chain.from_iterable(found.parts[0].exterior)] == pytest.approx([*given], abs=1e-9)


def test_only_what_is_drawn_is_queued():
    """Words have no drawing that an arbiter could choose, and one reader is in conflict with nobody."""
    words = tuple(kwak(grade, reader=reader) for reader, grade in (("A", "2"), ("B", "4a")))
    said = image_of("1", look("A"), look("B"), image_labels=words)
    alone = image_of("2", look("A", nodule(mask_of(*HERE), labels=graded("2 3"))))
    for record, lone in ((said, Lone.LEAVE), (alone, Lone.TAKE), (alone, Lone.LEAVE)):
        chosen = policy(classes={"tirads-kwak": ClassRule.AGREE}, one_reader=lone)
        assert conflict_on(read_image_of(record), chosen) is None
    both = image_of("1", *APART, image_labels=words)
    conflict = conflict_on(read_image_of(both), policy(classes={"tirads-kwak": ClassRule.AGREE}))
    assert conflict is not None
    assert [len(findings) for _, findings in conflict.readings] == [1, 1]


def test_what_is_settled_is_queued_as_agreed():
    record = image_of(
        "1", look("A", nodule(mask_of(*HERE)), nodule(mask_of(*THERE))), look("B", nodule(mask_of(*HERE)))
    )
    conflict = conflict_on(read_image_of(record), policy())
    assert conflict is not None
    assert [[f.finding_id for f in findings] for _, findings in conflict.readings] == [["A/2"], []]
    assert [each.geometries for each in conflict.agreed] == [(mask_of(*HERE),)]


# ---------------------------------------------------------------- policies

TEXT = """\
name: three
readers: [A, "B b", C]
arbiter: Z
match: 0.1
outlines:
  agree: {dice: 0.8}
  then: soft
  level: 0.5
boxes:
  agree: {iou: 0.5}
  then: mean
unmatched: majority
one-reader: leave
classes:
  tirads-kwak: highest
  ddti-composition: majority
"""


def saved(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    return path


def test_a_policy_says_all_that_its_file_says(tmp_path):
    assert read_policy(named_file(saved(tmp_path, TEXT))) == Policy(
        name="three",
        readers=("A", "B b", "C"),
        arbiter="Z",
        match=0.1,
        outlines=Outlines(measure="dice", least=0.8, rule=OutlineRule.SOFT, level=0.5),
        boxes=Boxes(least=0.5, rule=BoxRule.MEAN),
        unmatched=Unmatched.MAJORITY,
        one_reader=Lone.LEAVE,
        classes={"tirads-kwak": ClassRule.HIGHEST, "ddti-composition": ClassRule.MAJORITY},
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("name: three\n", "", 1, "does not say 'name'"),
        ('readers: [A, "B b", C]\n', "", 1, "does not say 'readers'"),
        ("match: 0.1\n", "", 1, "does not say 'match'"),
        ("unmatched: majority\n", "", 1, "does not say 'unmatched'"),
        ("one-reader: leave\n", "", 1, "does not say 'one-reader'"),
        ("match: 0.1", "macth: 0.1", 4, "no key 'macth'"),
        ("  then: soft", "  than: soft", 7, "no key 'than'"),
        ("  then: soft\n", "", 6, "'then' is not said"),
        ("  agree: {dice: 0.8}\n", "", 6, "'agree' is not said"),
        ("  agree: {iou: 0.5}\n", "", 10, "'agree' is not said"),
        ("{dice: 0.8}", "{hd95: 0.8}", 6, "no key 'hd95'"),
        ("{iou: 0.5}", "{dice: 0.5}", 10, "no key 'dice'"),
        ("{dice: 0.8}", "{dice: 0.8, iou: 0.7}", 6, "'agree' is one measure"),
        ("{dice: 0.8}", "0.8", 6, "agree is not a mapping"),
        ("{dice: 0.8}", "{dice: 80}", 6, "dice is no number above 0 and up to 1"),
        ("{dice: 0.8}", "{dice: 0}", 6, "dice is no number"),
        ("{dice: 0.8}", "{dice: nan}", 6, "dice is no number"),
        ("{dice: 0.8}", "{dice: much}", 6, "dice is no number"),
        ("match: 0.1", "match: 1.1", 4, "match is no number"),
        ("match: 0.1", "match: -0.1", 4, "match is no number"),
        ("level: 0.5", "level: 0", 8, "level is no number"),
        ("then: soft", "then: vote", 7, "then 'vote' is not known"),
        ("then: mean", "then: mean-shape", 11, "then 'mean-shape' is not known"),
        ("unmatched: majority", "unmatched: forget", 12, "'forget' is not known"),
        ("one-reader: leave", "one-reader: keep", 13, "'keep' is not known"),
        ("tirads-kwak: highest", "tirads-kwak: vote", 15, "'vote' is not known"),
        ("tirads-kwak: highest", "ti-rads: highest", 15, "no key 'ti-rads'"),
        ("tirads-kwak: highest", "ddti-composition: agree", 16, "is there twice"),
        ("match: 0.1", "match: 0.1\nmatch: 0.2", 5, "is there twice"),
        ('[A, "B b", C]', "A", 2, "readers is not a list"),
        ('[A, "B b", C]', "[[A], B, C]", 2, "a reader is not one text"),
        ("arbiter: Z", "arbiter:", 3, "arbiter is not one text"),
        ("name: three", "name: derived", 1, "cannot be called 'derived'"),
        ("name: three", "name: ../x", 1, "cannot be called '../x'"),
        ('[A, "B b", C]', "[A]", 1, "two readers or more"),
        ('[A, "B b", C]', "[A, B, A]", 1, "each named once"),
        ("arbiter: Z", "arbiter: C", 1, "C cannot both vote and arbitrate"),
        ('[A, "B b", C]', "[A, B]", 1, "two readers have no majority"),
        ("  level: 0.5\n", "", 1, "'soft' needs a level"),
        ("then: soft", "then: union", 1, "'soft' needs a level, and only it has one"),
        ("ddti-composition: majority", "ddti-composition: highest", 1, "ddti-composition has no order"),
        ("match: 0.1", "match: *all", 4, "aliases are not read"),
        ("match: 0.1", "match: [0.1", 5, "the YAML is broken"),
    ],
)
def test_a_broken_policy_is_refused_with_its_line(old, new, line, said, tmp_path):
    assert old in TEXT
    path = saved(tmp_path, TEXT.replace(old, new, 1))
    with pytest.raises(RawLayoutError) as caught:
        read_policy(named_file(path))
    assert said in caught.value.message
    assert caught.value.where == f"{path}:{line}"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["then: staple"], "STAPLE needs three readers"),
        (["unmatched: majority"], "two readers have no majority"),
    ],
)
def test_two_readers_cannot_ask_for_what_takes_three(lines, said, tmp_path):
    text = policy().text()
    for line in lines:
        key = line.partition(":")[0]
        (old,) = [each for each in text.splitlines() if each.strip().startswith(key)][:1]
        text = text.replace(old, old[: len(old) - len(old.lstrip())] + line, 1)
    with pytest.raises(RawLayoutError, match=said):
        read_policy(named_file(saved(tmp_path, text)))


def test_a_policy_without_anything_to_resolve_is_refused(tmp_path):
    text = policy(outlines=None, boxes=None).text()
    with pytest.raises(RawLayoutError, match="neither outlines nor boxes nor classes"):
        read_policy(named_file(saved(tmp_path, text)))


@pytest.mark.parametrize(
    "broken",
    [
        lambda: policy(match=0),
        lambda: Outlines(measure="hd95", least=0.5, rule=OutlineRule.UNION),
        lambda: Outlines(measure="dice", least=float("nan"), rule=OutlineRule.UNION),
        lambda: Outlines(measure="dice", least=0.5, rule=OutlineRule.SOFT, level=1.5),
        lambda: Boxes(least=1.01, rule=BoxRule.MEAN),
        lambda: policy(classes={"ti-rads": ClassRule.AGREE}),
    ],
)
def test_an_invalid_policy_cannot_be_made(broken):
    with pytest.raises(UsageError):
        broken()


def test_a_policy_s_reader_must_be_there(tmp_path):
    parent = written(tmp_path / "parent", image_of("1", *APART))
    with pytest.raises(UsageError, match="there is no reader 'C'") as caught:
        resolve_readings(parent, policy(readers=("A", "C")), tmp_path / "out")
    assert caught.value.hint == "the readers are: A, B"
    assert not (tmp_path / "out").exists()


# ---------------------------------------------------------------- published readings


def test_conflicts_on_published_masks_are_those_of_pycocotools_overlap(samples, tmp_path):
    """The resident's and the radiologist's masks of the sample, one of each on an image."""
    given = DdtiV2Settings(images=samples / "ddti")
    parent = convert("ddti_v2", samples / "ddti_v2", tmp_path / "v2", settings=given).dataset
    readers = ("resident_1", "radiologist_1")
    chosen = policy(readers=readers, outlines=Outlines(measure="iou", least=0.9, rule=OutlineRule.MEAN_SHAPE))
    seen = Counter()
    for record in parent.records():
        masks = {
            name: [f.geometry(Mask) for f in record.findings if f.origin == Read(reader=name)]
            for name in readers
        }
        if [len(found) for found in masks.values()] != [1, 1]:
            continue
        rles = [{"size": [mask.height, mask.width], "counts": mask.counts} for (mask,) in masks.values()]
        ((iou,),) = coco_mask.iou(rles[:1], rles[1:], [0])
        wanted = ["open", "open"] if iou < chosen.match else ["open"] if iou < 0.9 else ["agreed"]
        assert outcomes(resolved(record, chosen)) == wanted, record.image_id
        seen.update(wanted)
    assert seen["open"] > 10
    assert seen["agreed"] > 10
