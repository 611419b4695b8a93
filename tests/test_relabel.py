"""Relabelling: the readings that ship are the published ones, a wrong map writes nothing, all is counted."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from curated import content, make_parent, unchanged, with_images
from hypothesis import given
from hypothesis import strategies as st
from toy import finding, graded, make_dataset, record

import thyrodata
from thyrodata.change import sums_sha256
from thyrodata.curation.relabel import map_json, relabel
from thyrodata.dataset import Dataset
from thyrodata.errors import CaseError, RawLayoutError, ThyrodataError, UsageError
from thyrodata.labelmaps.account import account_of
from thyrodata.labelmaps.fates import Fate
from thyrodata.labelmaps.grammar import parse_map
from thyrodata.labelmaps.model import LabelMap
from thyrodata.labelmaps.reading import read_image, relabelled
from thyrodata.labelmaps.shipped import load_map, map_names, shipped_maps
from thyrodata.partition import audit_dataset
from thyrodata.schema.geometry import Box
from thyrodata.schema.manifest import Parent
from thyrodata.schema.record import AcrPoints, Derived, Finding, Label, Nodule, Read, Reading
from thyrodata.schema.vocab import Basis, Coverage, Malignancy, Scope, Structure, parse_term

BOX = Box(x=2, y=3, width=5, height=4)

# What each paper or guideline says, written out anew: value read, value made (None: no label).
PUBLISHED = {
    "ddti-3-benign": {
        "2": "benign",
        "3": "benign",
        **dict.fromkeys(["4a", "4b", "4c", "5"], "malignant"),
    },
    "ddti-3-malignant": {"2": "benign", **dict.fromkeys(["3", "4a", "4b", "4c", "5"], "malignant")},
    "acr-points-to-level": {
        "0": "TR1",
        "2": "TR2",
        "3": "TR3",
        **dict.fromkeys("456", "TR4"),
        **{str(points): "TR5" for points in range(7, 18)},
    },
    "eu-tirads-to-risk": {
        "1": None,
        "2": "benign",
        "3": "low-risk",
        "4": "intermediate-risk",
        "5": "high-risk",
    },
    "eu-risk-to-tirads": {"benign": "2", "low-risk": "3", "intermediate-risk": "4", "high-risk": "5"},
    "bethesda-to-malignancy": {
        **dict.fromkeys(["I", "III", "IV", "V"]),
        "II": "benign",
        "VI": "malignant",
    },
    "kwak-case-to-finding": {value: value for value in ["1", "2", "3", "4a", "4b", "4c", "5"]},
    "malignancy-case-to-finding": {"benign": "benign", "malignant": "malignant"},
    "malignancy-nodule-to-finding": {"benign": "benign", "malignant": "malignant"},
    "deeplesion-lesion": dict.fromkeys(
        ["bone", "abdomen", "mediastinum", "liver", "lung", "kidney", "soft-tissue", "pelvis"]
    ),
}

MADE_WITH = {
    "ddti-3-benign": "imaging",
    "ddti-3-malignant": "imaging",
    "acr-points-to-level": "imaging",
    "bethesda-to-malignancy": "cytology",
}


def said(*terms: str, basis: Basis | None = None, reader: str | None = None) -> tuple[Label, ...]:
    return tuple(Label(value=parse_term(term), basis=basis, reader=reader) for term in terms)


def texts(labels: tuple[Label, ...]) -> list[str]:
    return [f"{label.value} {label.basis.value if label.basis else '-'}" for label in labels]


# ---------------------------------------------------------------- the maps that ship


def test_every_map_that_ships_is_the_published_one() -> None:
    assert {each.name: dict(each.values).keys() for each in shipped_maps()} == {
        name: values.keys() for name, values in PUBLISHED.items()
    }
    for each in shipped_maps():
        made = {value: term and str(term.value) for value, term in each.values}
        assert made == PUBLISHED[each.name]
        assert (each.basis.value if each.basis else None) == MADE_WITH.get(each.name)
        assert each.keep is (each.name != "deeplesion-lesion")


def test_a_map_that_makes_malignancy_of_an_image_says_that_it_is_no_pathology() -> None:
    assert list(map_names()) == sorted(PUBLISHED)
    for each in shipped_maps():
        assert each.loses.endswith(".")
        assert all(sentence.endswith(".") for sentence in each.does_not_say)
        if each.basis is Basis.IMAGING or ("tirads" in each.from_scheme and each.from_scope is each.to_scope):
            assert any("no pathology" in sentence for sentence in each.does_not_say), each.name


def test_a_map_says_what_its_file_says(tmp_path: Path) -> None:
    for each in shipped_maps():
        plain = {key: value for key, value in map_json(each).items() if value is not None}
        (tmp_path / "map.yaml").write_text(json.dumps(plain))  # JSON is YAML
        assert load_map(str(tmp_path / "map.yaml")) == each


# ---------------------------------------------------------------- what is made of a record


@pytest.mark.parametrize(
    ("points", "level"),
    [
        ((0, 0, 0, 0, 0), "TR1"),
        ((1, 0, 0, 0, 0), None),  # a sum of 1 is in no row of the chart
        ((1, 1, 0, 0, 0), "TR2"),
        ((1, 2, 0, 0, 0), "TR3"),
        ((2, 2, 0, 0, 0), "TR4"),
        ((2, 2, 0, 2, 0), "TR4"),
        ((2, 2, 0, 0, 3), "TR5"),
        ((2, 3, 3, 3, 6), "TR5"),
        ((2, 3, None, 3, 6), None),
    ],
)
def test_points_and_levels(points: tuple[int | None, ...], level: str | None) -> None:
    names = ("composition", "echogenicity", "shape", "margin", "echogenic_foci")
    nodule = Nodule(nodule_id="1", points=AcrPoints(**dict(zip(names, points, strict=True))))
    made = relabelled(load_map("acr-points-to-level"), record("1", nodules=(nodule,)))
    assert texts(made.nodules[0].labels) == ([f"tirads-acr/{level} imaging"] if level else [])
    assert made.nodules[0].points == nodule.points


@pytest.mark.parametrize(
    ("stated", "labels", "fate", "disagrees"),
    [
        ((), ["TR4 imaging"], Fate.MADE, False),
        (said("tirads-acr/TR4"), ["TR4 -"], Fate.PRESENT, False),
        (said("tirads-acr/TR5"), ["TR5 -", "TR4 imaging"], Fate.MADE, True),
        (
            said("tirads-kwak/5"),
            ["5 -", "TR4 imaging"],
            Fate.MADE,
            False,
        ),  # another scale is no contradiction
    ],
)
def test_a_level_that_is_stated_stays(
    stated: tuple[Label, ...], labels: list[str], fate: Fate, *, disagrees: bool
) -> None:
    points = AcrPoints(composition=2, echogenicity=2, shape=0, margin=0, echogenic_foci=0)
    one = record("1", nodules=(Nodule(nodule_id="7", labels=stated, points=points),))
    made = relabelled(load_map("acr-points-to-level"), one).nodules[0].labels
    assert [text.partition("/")[2] for text in texts(made)] == labels
    account = account_of(load_map("acr-points-to-level"), [one])
    assert [line.fate for line in account.lines] == [fate]
    assert [each.item for each in account.disagreements] == (["7"] if disagrees else [])


def test_unknown_points_are_counted() -> None:
    nodules = (
        Nodule(nodule_id="1"),
        Nodule(nodule_id="2", points=AcrPoints(composition=2)),
        Nodule(
            nodule_id="3",
            points=AcrPoints(composition=1, echogenicity=0, shape=0, margin=0, echogenic_foci=0),
        ),
    )
    account = account_of(load_map("acr-points-to-level"), [record("1", nodules=nodules)])
    assert account.unknown == 2
    assert [(line.value, line.fate, line.labels) for line in account.lines] == [
        ("acr-points/1", Fate.UNMAPPED, 1)
    ]


def test_bethesda_is_cytology_whatever_histology_says() -> None:
    labels = (
        *said("bethesda/II", basis=Basis.CYTOLOGY),
        *said("malignancy/malignant", basis=Basis.HISTOLOGY),
    )
    nodule = Nodule(nodule_id="1", labels=labels)
    one = record("1", nodules=(nodule,))
    made = relabelled(load_map("bethesda-to-malignancy"), one)
    assert texts(made.nodules[0].labels) == [
        "bethesda/II cytology",
        "malignancy/malignant histology",
        "malignancy/benign cytology",
    ]
    (disagreement,) = account_of(load_map("bethesda-to-malignancy"), [one]).disagreements
    assert disagreement.values == ("malignancy/malignant", "malignancy/benign")


def test_what_readers_said_stays_theirs() -> None:
    labels = (*said("tirads-eu/4", reader="a"), *said("tirads-eu/5", reader="b"))
    made = relabelled(load_map("eu-tirads-to-risk"), record("1", case_labels=labels)).case_labels
    assert [(str(label.value), label.reader) for label in made[2:]] == [
        ("tirads-eu-risk/intermediate-risk", "a"),
        ("tirads-eu-risk/high-risk", "b"),
    ]


@pytest.mark.parametrize(
    ("stated", "again"),
    [
        (said("malignancy/malignant"), False),  # a basis that is not stated may be imaging
        (said("malignancy/malignant", basis=Basis.IMAGING), False),
        (said("malignancy/malignant", basis=Basis.HISTOLOGY), True),
        (said("malignancy/malignant", basis=Basis.IMAGING, reader="b"), True),
    ],
)
def test_the_same_word_on_another_ground_is_another_label(stated: tuple[Label, ...], *, again: bool) -> None:
    one = record("1", case_labels=(*graded("5"), *stated))
    made = relabelled(load_map("ddti-3-benign"), one).case_labels[2:]
    assert texts(made) == (["malignancy/malignant imaging"] if again else [])


def test_what_disagrees_with_nothing_made_is_no_disagreement() -> None:
    points = AcrPoints(composition=2, echogenicity=2, shape=0, margin=0, echogenic_foci=0)
    nodule = Nodule(nodule_id="1", labels=said("tirads-acr/TR4", "tirads-acr/TR5"), points=points)
    account = account_of(load_map("acr-points-to-level"), [record("1", nodules=(nodule,))])
    assert [line.fate for line in account.lines] == [Fate.PRESENT]
    assert account.disagreements == ()


def test_grades_of_one_scheme_are_merged_in_their_places() -> None:
    text = MAP.replace("malignancy", "tirads-kwak").replace("keep: true", "keep: false")
    text = text.replace("  2: benign\n  5: malignant\n  4a: drop", "  4a: 4b\n  4b: 4b\n  2: drop")
    merged = parse_map(text.replace("imaging", "same").encode(), "mine.yaml")
    labels = (*graded("4a"), *said("ddti-margins/ill defined"), *graded("4b"), *graded("2"), *graded("5"))
    made = relabelled(merged, record("1", case_labels=labels)).case_labels
    assert [str(label.value) for label in made] == [
        "tirads-kwak/4b",
        "ddti-margins/ill defined",
        "tirads-kwak/4b",
        "tirads-kwak/5",
    ]


@pytest.mark.parametrize(("scheme", "edition"), [("bethesda", "2017"), ("malignancy", None)])
def test_an_edition_is_kept_within_its_scheme(scheme: str, edition: str | None) -> None:
    values = {"bethesda": "II: II", "malignancy": "II: benign"}[scheme]
    text = MAP.replace("tirads-kwak, scope: case", "bethesda, scope: image")
    text = text.replace("malignancy, scope: case", f"{scheme}, scope: finding")
    text = text.replace("  2: benign\n  5: malignant\n  4a: drop", f"  {values}")
    label = Label(value=parse_term("bethesda/II"), edition="2017", reader="c")
    one = record("1", drawn(1), image_labels=(label,))
    (made,) = relabelled(parse_map(text.encode(), "mine.yaml"), one).findings[0].labels
    assert (made.edition, made.reader, made.basis) == (edition, "c", Basis.IMAGING)


def drawn(number: int, reader: str | None = None, **fields: object) -> Finding:
    return finding(str(number), BOX, origin=Read(reader=reader), **fields)


READERS = (Reading(reader="a"), Reading(reader="b"))
MARKER = finding("m", BOX, structure=Structure.MARKER)
GLAND = finding("g", BOX, structure=Structure.GLAND)

OUTLINED = {
    "one outline": ([drawn(1)], {}, None),
    "and a marker": ([drawn(1), MARKER], {}, None),
    "and the gland": ([GLAND, drawn(1)], {}, None),
    "one reader's of two": ([drawn(1, "a")], {"readings": READERS}, None),
    "nothing": ([], {}, Fate.NO_OUTLINE),
    "a marker": ([MARKER], {}, Fate.NO_OUTLINE),
    "the gland": ([GLAND], {}, Fate.NO_OUTLINE),
    "two": ([drawn(1), drawn(2)], {}, Fate.SEVERAL_OUTLINES),
    "a crowd": ([drawn(1, crowd=True)], {}, Fate.SEVERAL_OUTLINES),
    "two readers": ([drawn(1, "a"), drawn(2, "b")], {"readings": READERS}, Fate.SEVERAL_READERS),
    "a reader and a policy": (
        [drawn(1), finding("2", BOX, origin=Derived(policy="union", from_ids=("1",)))],
        {},
        Fate.SEVERAL_READERS,
    ),
    "two nodules": (
        [drawn(1)],
        {"nodules": (Nodule(nodule_id="1"), Nodule(nodule_id="2"))},
        Fate.SEVERAL_NODULES,
    ),
    "outlines missing": (
        [drawn(1)],
        {"readings": (Reading(coverage=Coverage.PARTIAL),)},
        Fate.OUTLINES_MISSING,
    ),
}


@pytest.mark.parametrize("case", OUTLINED)
def test_a_label_is_carried_to_the_only_outline(case: str) -> None:
    findings, fields, fate = OUTLINED[case]
    one = record("1", *findings, case_labels=graded("4a"), **fields)
    chosen = load_map("kwak-case-to-finding")
    made = relabelled(chosen, one)
    labels = {each.finding_id: texts(each.labels) for each in made.findings}
    assert made.case_labels == one.case_labels
    assert labels == {
        each.finding_id: ["tirads-kwak/4a -"] if fate is None and each.finding_id == "1" else []
        for each in findings
    }
    assert [event.fate for event in read_image(chosen, one).events] == [fate or Fate.MADE]


def test_a_nodules_label_goes_to_the_outlines_that_are_linked_to_it() -> None:
    nodules = (
        Nodule(nodule_id="a", labels=said("malignancy/benign", basis=Basis.HISTOLOGY)),
        Nodule(nodule_id="b", labels=said("malignancy/malignant", basis=Basis.HISTOLOGY)),
    )
    one = record("1", drawn(1, nodule_id="a"), drawn(2), drawn(3, nodule_id="a"), nodules=nodules)
    chosen = load_map("malignancy-nodule-to-finding")
    made = relabelled(chosen, one)
    assert [texts(each.labels) for each in made.findings] == [
        ["malignancy/benign histology"],
        [],
        ["malignancy/benign histology"],
    ]
    assert [(line.fate, line.labels) for line in account_of(chosen, [one]).lines] == [
        (Fate.MADE, 2),
        (Fate.NOT_LINKED, 1),
    ]


# ---------------------------------------------------------------- through the framework


def counts(dataset: Dataset, what: str) -> dict[str, int]:
    return {tally.value: tally.n for tally in dataset.manifest.counts if tally.what == what}


def test_a_new_dataset_has_the_labels_and_all_else(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "parent")
    with unchanged(parent.path):
        made = thyrodata.relabel(parent, "ddti-3-malignant", tmp_path / "out")
    out = made.revision.dataset
    assert out is not None
    assert out.verify() == ()
    assert audit_dataset(out, "default", None) == ()
    assert out.split() == parent.split()
    for old, new in zip(parent.records(), out.records(), strict=True):
        reading = {"2": "benign", "3": "malignant", "4a": "malignant", "4b": "malignant", "5": "malignant"}
        expected = [f"malignancy/{reading[str(label.value.value)]} imaging" for label in old.case_labels]
        assert texts(new.case_labels[len(old.case_labels) :]) == expected
        assert out.image_bytes(new) == parent.image_bytes(old)
    # 12 cases of two images: of each of six grades two cases, one of the grades none.
    assert counts(out, "case-labels") == {
        **counts(parent, "case-labels"),
        "malignancy/benign": 2,
        "malignancy/malignant": 8,
    }
    assert (made.account.made, made.account.unknown) == (10, 2)
    assert sum(line.images for line in made.account.lines) == 20
    (step,) = out.manifest.operations
    assert step.parents == (Parent(name="toy", sha256=sums_sha256(parent)),)
    settings = {setting.name: setting.value for setting in step.settings}
    assert settings["map"] == "ddti-3-malignant"
    assert "no pathology" in settings["does not say"]
    assert "no pathology" in (out.path / "README.md").read_text()
    report = json.loads((out.path / "reports/relabel.json").read_text())
    assert report.items() <= made.to_json().items()


@pytest.mark.slow
def test_the_bytes_do_not_depend_on_workers(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "parent", cases=160)  # more than one chunk
    for out, workers in (("a", 1), ("b", 2)):
        relabel(parent, "kwak-case-to-finding", tmp_path / out, workers=workers)
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_a_dry_run_counts_and_writes_nothing(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "parent")
    with unchanged(tmp_path):
        dry = relabel(parent, "ddti-3-benign", tmp_path / "out", dry_run=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parent"]
    made = relabel(parent, "ddti-3-benign", tmp_path / "out")
    assert dry.account == made.account
    assert {**dry.to_json(), "dry_run": False} == made.to_json()


def test_the_categories_of_coco_follow(tmp_path: Path) -> None:
    parent = make_parent(tmp_path / "parent")
    out = relabel(parent, "kwak-case-to-finding", tmp_path / "out").revision.dataset
    assert out is not None
    assert counts(parent, "categories") == {"nodule": 24}
    assert counts(out, "categories") == {
        "nodule": 4,
        **{f"tirads-kwak/{grade}": 4 for grade in ("2", "3", "4a", "4b", "5")},
    }


def test_one_class(tmp_path: Path) -> None:
    lesion = {"structure": Structure.LESION}
    records = [
        record("a", finding("1", BOX, labels=said("deeplesion-site/lung"), **lesion)),
        record("b", finding("1", BOX, labels=said("deeplesion-site/bone"), **lesion)),
        record("c", finding("1", BOX, **lesion)),
    ]
    parent = with_images(tmp_path / "parent", records, {})
    made = relabel(parent, "deeplesion-lesion", tmp_path / "out")
    assert made.revision.dataset is not None
    assert counts(made.revision.dataset, "categories") == {"lesion": 3}
    assert counts(made.revision.dataset, "finding-labels") == {}
    assert [(line.value, line.fate, line.labels) for line in made.account.lines] == [
        ("deeplesion-site/bone", Fate.DROPPED, 1),
        ("deeplesion-site/lung", Fate.DROPPED, 1),
    ]
    assert made.account.unknown == 1


def test_values_without_a_name_stop_or_stay(tmp_path: Path) -> None:
    records = [
        record("a", case_labels=graded("1")),
        record("b", case_labels=graded("2")),
        record("c", case_labels=graded("1")),
    ]
    parent = with_images(tmp_path / "parent", records, {})
    with unchanged(tmp_path), pytest.raises(UsageError) as caught:
        relabel(parent, "ddti-3-benign", tmp_path / "out")
    assert "tirads-kwak/1 (2 of them, such as of toy/a)" in caught.value.message
    assert "--unmapped keep" in caught.value.hint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parent"]
    made = relabel(parent, "ddti-3-benign", tmp_path / "out", unmapped="keep")
    assert [(line.value, line.fate, line.labels) for line in made.account.lines] == [
        ("tirads-kwak/2", Fate.MADE, 1),
        ("tirads-kwak/1", Fate.UNMAPPED, 2),
    ]
    assert made.revision.dataset is not None
    assert [texts(each.case_labels) for each in made.revision.dataset.records()] == [
        ["tirads-kwak/1 -"],
        ["tirads-kwak/2 -", "malignancy/benign imaging"],
        ["tirads-kwak/1 -"],
    ]


def test_disagreements_are_of_cases_not_of_images(tmp_path: Path) -> None:
    labels = (*graded("5"), *said("malignancy/benign", basis=Basis.HISTOLOGY))
    records = [record(name, group="7", case_labels=labels) for name in "ab"]
    parent = make_dataset(tmp_path / "parent", [*records, record("c", case_labels=graded("5"))])
    made = relabel(parent, "ddti-3-benign", tmp_path / "out", dry_run=True)
    (disagreement,) = made.account.disagreements
    assert (disagreement.group_id, disagreement.image_id, disagreement.images) == ("toy/7", "toy/a", 2)
    assert disagreement.values == ("malignancy/benign", "malignancy/malignant")


@pytest.mark.parametrize(
    ("chosen", "options", "what"),
    [
        ("ddti", {}, "no map 'ddti'"),
        ("eu-tirads-to-risk", {}, "the dataset states none"),
        ("ddti-3-benign", {"unmapped": "drop"}, "'drop' is no choice"),
        ("no/such.yaml", {}, "cannot be read"),
        ("ddti-3-benign", {"workers": 0}, "0 workers"),
    ],
)
def test_what_cannot_be_asked_is_told(
    chosen: str, options: dict[str, object], what: str, tmp_path: Path
) -> None:
    parent = make_parent(tmp_path / "parent")
    with unchanged(tmp_path), pytest.raises((UsageError, CaseError)) as caught:
        relabel(parent, chosen, tmp_path / "out", **options)
    assert what in caught.value.message
    assert caught.value.hint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parent"]


# ---------------------------------------------------------------- the file of a map

MAP = """\
name: mine
title: A reading
source: Not published
from: {scheme: tirads-kwak, scope: case}
to: {scheme: malignancy, scope: case}
keep: true
basis: imaging
values:
  2: benign
  5: malignant
  4a: drop
loses: The grades.
does_not_say:
  - No pathology.
"""

MADE = "to: {scheme: malignancy, scope: case}\n"

WRONG = {
    "a value of another scheme": ("  4a: drop", "  4A: drop", 11, "'4A' is not a value of tirads-kwak"),
    "a value twice": ("  4a: drop", "  2: drop", 11, "'2' is there twice"),
    "no term": ("  5: malignant", "  5: probably", 10, "'probably' is not a value of malignancy"),
    "no value": ("values:\n  2: benign\n  5: malignant\n  4a: drop", "values: {}", 8, "no values"),
    "only drops": ("  2: benign\n  5: malignant", "  2: drop", 5, "every value is dropped"),
    "an unknown scheme": ("tirads-kwak", "tirads", 4, "'tirads' is not known"),
    "an unknown scope": ("scope: case}\nto", "scope: patient}\nto", 4, "'patient' is not known"),
    "an unknown key": ("keep: true", "keeps: true", 6, "no key 'keeps'"),
    "no yes or no": ("keep: true", "keep: yes", 6, "'yes' is not known"),
    "no basis": ("basis: imaging", "basis: opinion", 7, "'opinion' is not known"),
    "a basis left out": ("basis: imaging\n", "", 1, "belong together"),
    "no source": ("source: Not published\n", "", 1, "no 'source'"),
    "no loss": ("loses: The grades.\n", "", 1, "no 'loses'"),
    "an empty loss": ("loses: The grades.", 'loses: " "', 12, "loses is empty"),
    "no name": ("name: mine", "name: My Map", 1, "'My Map' is not the name of a map"),
    "upwards": (
        "from: {scheme: tirads-kwak, scope: case}",
        "from: {scheme: tirads-kwak, scope: finding}",
        5,
        "what is said of the finding is not said of the case",
    ),
    "sideways": ("malignancy, scope: case", "malignancy, scope: nodule", 5, "is not said of the nodule"),
    "replaced elsewhere": (
        "malignancy, scope: case}\nkeep: true",
        "malignancy, scope: finding}\nkeep: false",
        6,
        "replaced only where they stand",
    ),
    "side by side": (
        MADE + "keep: true\nbasis: imaging\nvalues:\n  2: benign\n  5: malignant",
        "to: {scheme: tirads-kwak, scope: case}\nkeep: true\nbasis: imaging\nvalues:\n  2: 3\n  5: 3",
        5,
        "side by side",
    ),
    "points of a case": (
        "scheme: tirads-kwak",
        "scheme: acr-points",
        11,
        "'4a' is not a value of acr-points",
    ),
    "a target without a scheme": (
        "to: {scheme: malignancy, scope: case}\nkeep: true\nbasis: imaging",
        "keep: false",
        7,
        "does not say of what scheme",
    ),
    "nothing to do": (
        MADE + "keep: true\nbasis: imaging\nvalues:\n  2: benign\n  5: malignant",
        "values:",
        6,
        "changes nothing",
    ),
    "a list for a text": ("title: A reading", "title: [a, b]", 2, "title is not one text"),
    "no YAML": ("values:", "values: {", 10, "the YAML is broken"),
}


def test_the_map_to_be_spoilt_is_right() -> None:
    made = parse_map(MAP.encode(), "mine.yaml")
    assert dict(made.values) == {"2": Malignancy.BENIGN, "4a": None, "5": Malignancy.MALIGNANT}
    assert (made.keep, made.basis, made.from_scope, made.to_scope) == (
        True,
        Basis.IMAGING,
        Scope.CASE,
        Scope.CASE,
    )


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_map_is_refused_with_its_line(case: str, tmp_path: Path) -> None:
    before, after, line, what = WRONG[case]
    assert MAP.count(before) == 1
    parent = make_parent(tmp_path / "parent", cases=3)
    place = tmp_path / "mine.yaml"
    place.write_text(MAP.replace(before, after))
    with unchanged(tmp_path), pytest.raises(RawLayoutError) as caught:
        relabel(parent, str(place), tmp_path / "out")
    assert what in caught.value.message
    assert caught.value.where == f"{place}:{line}"
    assert caught.value.hint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.yaml", "parent"]


def test_points_make_labels_of_nodules_only() -> None:
    text = MAP.replace("tirads-kwak", "acr-points").replace("  4a: drop\n", "")
    with pytest.raises(RawLayoutError, match="points are of a nodule"):
        parse_map(text.encode(), "mine.yaml")
    with pytest.raises(RawLayoutError, match="points have no basis"):
        parse_map(text.replace("basis: imaging", "basis: same").encode(), "mine.yaml")


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_file_is_a_traceback(data: bytes) -> None:
    """Whatever bytes a file of a map holds, the answer is a map or one of our errors."""
    _parsed_or_refused(data)


lines_of_a_map = st.lists(st.sampled_from(MAP.splitlines()), max_size=20).map("\n".join)


@given(lines_of_a_map)
def test_no_shuffled_map_is_a_traceback(text: str) -> None:
    """Whatever lines of a map stand in whatever order, the answer is a map or one of our errors."""
    _parsed_or_refused(text.encode())


def _parsed_or_refused(data: bytes) -> None:
    try:
        made = parse_map(data, "mine.yaml")
    except ThyrodataError as error:
        said = error
    else:
        assert isinstance(made, LabelMap)
        return
    assert said.where.startswith("mine.yaml")
    assert said.hint


def test_the_map_of_the_docs_is_one() -> None:
    page = (Path(__file__).parents[1] / "docs/curation/relabel.md").read_text()
    _, _, rest = page.partition("```yaml\n")
    made = parse_map(rest.partition("```")[0].encode(), "relabel.md")
    assert (made.name, made.from_scheme, len(made.values)) == ("mine", "tirads-korean", 4)
    shipped = page.partition("## The maps that ship")[2].partition("## ")[0]
    assert [line.split("`")[1] for line in shipped.splitlines() if line.startswith("| `")] == [
        *(name for name in PUBLISHED)
    ]


# ---------------------------------------------------------------- the command line


def test_the_command_lists_the_maps(command) -> None:
    shown = command("relabel", "list")
    assert (shown.code, shown.err) == (0, "")
    listed = json.loads(command("relabel", "list", "--json").out)
    assert [each["name"] for each in listed] == sorted(PUBLISHED)
    for each in listed:
        assert f"{each['name']}: {each['title']}" in shown.out
        assert each["loses"] in shown.out
    assert command("relabel", "list", "--quiet").out == ""


def test_the_command_relabels(tmp_path: Path, command) -> None:
    make_parent(tmp_path / "parent")
    words = ("relabel", tmp_path / "parent", "--map", "ddti-3-benign", "-o", tmp_path / "out")
    dry = command(*words, "--dry-run")
    assert dry.code == 0
    assert "10 labels would be made" in dry.out
    assert not (tmp_path / "out").exists()
    ran = command(*words)
    assert (ran.code, ran.err) == (0, "")
    for expected in ("10 labels made", "2 cases have no tirads-kwak", "no pathology", "loses: "):
        assert expected in ran.out
    again = json.loads(command(*words, "--overwrite", "--json").out)
    assert again["map"]["name"] == "ddti-3-benign"
    assert Counter(line["to"] for line in again["labels"]) == {
        "malignancy/benign": 2,
        "malignancy/malignant": 3,
    }


@pytest.mark.parametrize("words", [["--map", "ddti-3-benign"], ["-o", "out"], []])
def test_the_command_wants_a_map_and_a_place(words: list[str], tmp_path: Path, command) -> None:
    make_parent(tmp_path / "parent", cases=3)
    ran = command("relabel", tmp_path / "parent", *words)
    assert (ran.code, ran.out) == (2, "")
    assert "relabel list" in ran.err


def test_many_disagreements_are_cut_on_the_terminal_only(tmp_path: Path, command) -> None:
    labels = (*graded("5"), *said("malignancy/benign", basis=Basis.HISTOLOGY))
    records = [record(str(number), case_labels=labels) for number in range(30)]
    make_dataset(tmp_path / "parent", records)
    words = ("relabel", tmp_path / "parent", "--map", "ddti-3-benign", "-o", tmp_path / "out", "--dry-run")
    ran = command(*words)
    assert "30 disagree" in ran.out
    assert ran.out.count("malignancy/benign, malignancy/malignant") == 10
    assert len(json.loads(command(*words, "--json").out)["disagreements"]) == 30


# ---------------------------------------------------------------- published samples


@pytest.mark.slow
def test_the_published_cases(samples: Path, tmp_path: Path) -> None:
    """Of the published cases, each reading makes as many labels as there are cases of its categories."""
    thyrodata.convert("ddti", samples / "ddti", tmp_path / "ddti")
    parent = Dataset(tmp_path / "ddti")
    graded_cases = {
        value.partition("/")[2]: n
        for value, n in counts(parent, "case-labels").items()
        if value.startswith("tirads-kwak/")
    }
    for name, benign in (("ddti-3-benign", ("2", "3")), ("ddti-3-malignant", ("2",))):
        made = relabel(parent, name, tmp_path / name, link=True)
        assert made.revision.dataset is not None
        expected = sum(graded_cases[grade] for grade in benign)
        after = counts(made.revision.dataset, "case-labels")
        assert after["malignancy/benign"] == expected
        assert after["malignancy/malignant"] == sum(graded_cases.values()) - expected
        assert made.account.unknown == parent.manifest.count("groups") - sum(graded_cases.values())
        assert made.revision.dataset.verify() == ()
