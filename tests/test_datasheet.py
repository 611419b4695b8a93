"""Datasheet and CLAIM: every published question is there once, answered or plainly left open."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.published import cohort, with_sources
from tests.toy import finding, record
from thyrodata.curation.qc import run_qc
from thyrodata.exports.about.claim import ITEMS, claim
from thyrodata.exports.about.cohort import Ages, Cohort
from thyrodata.exports.about.datasheet import datasheet
from thyrodata.exports.about.provenance import Provenance, provenance
from thyrodata.exports.about.questions import OPEN, UNSTATED, answered
from thyrodata.exports.texts import card_text
from thyrodata.schema.geometry import Box
from thyrodata.schema.record import Age, Patient, Reading
from thyrodata.schema.vocab import Coverage, Structure

BOX = Box(x=2, y=3, width=5, height=4)
QUESTIONS = {1: 4, 2: 16, 3: 12, 4: 4, 5: 6, 6: 7, 7: 8}
"""How many questions each section of Gebru et al. has, the one for further comments included."""


@pytest.fixture(scope="module")
def about(tmp_path_factory: pytest.TempPathFactory) -> Provenance:
    dataset = with_sources(cohort(tmp_path_factory.mktemp("sheet") / "toy"), "ddti", "thyroidxl")
    return provenance(dataset, "default")


def answers(text: bytes) -> dict[str, str]:
    """The text below each question, by its number."""
    found = re.split(r"^### ((?:Item )?[0-9.]+)\. .*$", text.decode(), flags=re.MULTILINE)
    assert len(set(found[1::2])) == len(found[1::2])
    return {
        number: answer.split("\n## ")[0].strip()
        for number, answer in zip(found[1::2], found[2::2], strict=True)
    }


def test_the_datasheet_has_every_published_question_in_order(about: Provenance) -> None:
    wanted = [f"{section}.{place + 1}" for section, many in QUESTIONS.items() for place in range(many)]
    assert [*answers(datasheet(about))] == wanted


def test_claim_has_every_item_once(about: Provenance) -> None:
    text = claim(about)
    about_data = [int(number.removeprefix("Item ")) for number in answers(text)]
    (rest,) = re.findall(r"^Items (.*)\.$", text.decode(), re.MULTILINE)
    about_study = [int(number) for number in re.findall(r"([0-9]+) \(", rest)]
    assert sorted(about_data + about_study) == [*ITEMS] == [*range(1, 45)]
    assert about_data == sorted(about_data)


def test_each_form_is_the_text_that_is_published(tmp_path: Path) -> None:
    dataset = with_sources(cohort(tmp_path / "toy"), "ddti")
    said = provenance(dataset, "default")
    assert card_text(dataset, "datasheet").encode() == datasheet(said)
    assert card_text(dataset, "claim").encode() == claim(said)
    assert card_text(dataset, "hub").startswith(f"---\npretty_name: {said.title}\n")


@pytest.mark.parametrize("write", [datasheet, claim])
def test_no_question_is_left_without_a_word(about: Provenance, write: type[bytes]) -> None:
    for said in (about, replace(about, sources=(), readers=(), labels=(), said=())):
        assert all(answers(write(said)).values())


@pytest.mark.parametrize("write", [datasheet, claim])
def test_a_person_sees_what_is_left(about: Provenance, write: type[bytes]) -> None:
    text = write(about)
    left = [number for number, answer in answers(text).items() if OPEN in answer or UNSTATED in answer]
    assert left
    assert f"a person has to look at {', '.join(left)}." in text.decode()


def test_what_one_source_states_is_given_and_what_none_states_is_marked(about: Provenance) -> None:
    found = answers(datasheet(about))
    assert found["3.9"].splitlines() == [
        "- ddti: not stated",
        "- thyroidxl: written informed consent of all patients, as the authors state",
    ]
    assert found["6.4"] == UNSTATED  # the licence, of both
    assert answered(["not stated"]) == (UNSTATED,)
    assert answered([]) == (UNSTATED,)


def test_a_mark_is_a_paragraph_of_its_own(about: Provenance) -> None:
    for text in (datasheet(about).decode(), claim(about).decode()):
        assert not re.search(r"^-.*\n\*\*", text, re.MULTILINE)


def test_people_are_counted_by_part(about: Provenance) -> None:
    # Of twelve patients six state a sex, and six an age of 40 to 45 years.
    rows = re.findall(
        r"^\| (train|val|test) \| ([0-9]+) \| ([0-9]+) \| ([0-9]+) \| ([0-9]+) \| ([0-9]+) \| ",
        answers(claim(about))["Item 36"],
        re.MULTILINE,
    )
    groups, female, male, unstated, ages = (sum(int(row[at]) for row in rows) for at in range(1, 6))
    assert (groups, female, male, unstated, ages) == (12, 6, 0, 6, 6)
    spans = [part.ages for part in about.split.parts if part.ages]
    assert min(span.least for span in spans) == 40
    assert max(span.most for span in spans) == 45


def test_quality_control_is_told_of_once_it_was_run(tmp_path: Path) -> None:
    dataset = with_sources(cohort(tmp_path / "toy"), "ddti")
    before = answers(claim(provenance(dataset, "default")))["Item 40"]
    assert "Quality control was not run on this copy." in before
    run_qc(dataset)
    found = provenance(dataset, "default").quality
    assert found is not None
    account = json.loads((dataset.path / "reports" / "qc.json").read_bytes())
    assert (found.errors, found.warnings, found.notes) == tuple(account["issues"].values())
    assert sum(rule.n for rule in found.rules) == found.errors + found.warnings + found.notes


def test_a_group_counts_by_the_first_of_its_images_that_states_anything() -> None:
    silent = record("a", group="g")
    telling = record("b", group="g", patient=Patient(age=Age(years=50)))
    counted = Cohort([silent, telling], {"toy/a": "train", "toy/b": "train"})
    (part,) = counted.parts
    assert part.ages == Ages(groups=1, least=50, median=50, most=50)


def test_an_image_that_nobody_read_is_not_counted_for_its_reader() -> None:
    readings = [Reading(reader="r", coverage=Coverage.NONE)], [Reading(reader="r")]
    counted = Cohort([record(name, readings=each) for name, each in zip("ab", readings, strict=True)], {})
    assert [(reader.name, reader.images) for reader in counted.readers] == [("r", 1)]


images = st.tuples(
    st.sampled_from("gh"),
    st.sampled_from(["train", "test"]),
    st.sampled_from([None, *Coverage]),
    st.lists(st.sampled_from([Structure.NODULE, Structure.MARKER]), max_size=2),
)


@given(st.lists(images, max_size=5))
def test_parts_sum_to_the_dataset(drawn: list[tuple[str, str, Coverage | None, list[Structure]]]) -> None:
    """Each image is counted in one part: as outlined, as a negative, or as saying nothing."""
    records, part_of = [], {}
    for number, (group, part, coverage, structures) in enumerate(drawn):
        found = [finding(str(n), BOX, structure=each) for n, each in enumerate(structures)]
        covers = (
            Coverage.PARTIAL if Structure.NODULE in structures and coverage is Coverage.NONE else coverage
        )
        records.append(record(str(number), *found, group=group, readings=[Reading(coverage=covers)]))
        part_of[f"toy/{number}"] = part
    counted = Cohort(records, part_of)
    for part in counted.parts:
        held = [each for each in drawn if each[1] == part.part]
        outlined = [each for each in held if Structure.NODULE in each[3]]
        bare = [each for each in held if Structure.NODULE not in each[3]]
        assert part.images == len(held)
        assert part.groups == len({each[0] for each in held}) == sum(tally.n for tally in part.sexes)
        assert part.outlined == len(outlined)
        assert part.negatives == sum(each[2] is Coverage.COMPLETE for each in bare)
        assert part.unsaid == len(held) - part.outlined - part.negatives
        assert part.outlines == sum(each[3].count(Structure.NODULE) for each in held)
    assert sum(part.images for part in counted.parts) == len(drawn)
    crossing = [len({part for group, part, *_ in drawn if group == name}) > 1 for name in "gh"]
    assert counted.crossing_groups == sum(crossing)
