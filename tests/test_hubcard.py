"""The card on the Hub: read by the Hub's own libraries, whole in its columns, and saying only what is so."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
import pytest
from datasets.info import DatasetInfosDict
from datasets.utils.metadata import MetadataConfigs
from hypothesis import given
from hypothesis import strategies as st

from tests.hubcard import card_errors
from tests.published import Tree, cohort, source, tree_of, with_sources
from thyrodata.dataset import Dataset
from thyrodata.exports.about.provenance import Provenance, SplitFacts, provenance
from thyrodata.exports.hub.card import hub_card
from thyrodata.exports.hub.columns import hub_columns
from thyrodata.exports.hub.front import SEVERAL, hub_licence, hub_metadata
from thyrodata.exports.huggingface import HuggingfaceSettings
from thyrodata.io.cards import card_names, load_card
from thyrodata.io.markdown import chapter, table
from thyrodata.schema.manifest import Tally
from thyrodata.schema.vocab import GroupKind

TERMS = "I will not try to find out who a patient is."


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A published dataset of two sources, gated."""
    folder = tmp_path_factory.mktemp("hubcard")
    dataset = with_sources(cohort(folder / "toy"), "ddti", "tn3k")
    return tree_of(dataset, folder / "tree", settings=HuggingfaceSettings(gated_terms=TERMS))


@pytest.fixture(scope="module")
def about(tree: Tree) -> Provenance:
    return provenance(tree.dataset, "default")


def rendered(about: Provenance, **changed: Any) -> str:
    """A card of no shards."""
    asked: dict[str, Any] = {
        "features": [],
        "configs": [],
        "dataset_info": [],
        "gated_terms": None,
        "tasks": [],
    }
    return hub_card(about, [], **(asked | changed)).decode()


def front(about: Provenance, terms: str | None = None) -> dict[str, Any]:
    return hub_metadata(about, configs=[], dataset_info=[], gated_terms=terms, tasks=[])


def with_licences(about: Provenance, *licences: str) -> Provenance:
    (first, *_) = about.sources
    sources = [
        replace(
            first,
            card=replace(first.card, name=f"s{n}"),
            conversions=(replace(source(f"s{n}"), licence=licence),),
        )
        for n, licence in enumerate(licences)
    ]
    return replace(about, sources=tuple(sources))


# ---------------------------------------------------------------- the front matter


def test_the_hubs_rules_for_front_matter_are_kept(tree: Tree) -> None:
    assert card_errors((tree.path / "README.md").read_text("utf-8")) == []


def test_huggingface_hub_reads_the_front_matter(tree: Tree) -> None:
    card = huggingface_hub.DatasetCard.load(tree.path / "README.md")
    assert card.data.license == "other"
    assert card.data.size_categories == ["n<1K"]
    assert card.data.task_categories == ["object-detection", "image-segmentation", "image-classification"]
    assert card.data.to_dict()["extra_gated_prompt"] == TERMS


def test_datasets_reads_the_configs_and_the_features(tree: Tree) -> None:
    data = huggingface_hub.DatasetCard.load(tree.path / "README.md").data
    configs = MetadataConfigs.from_dataset_card_data(data)
    infos = DatasetInfosDict.from_dataset_card_data(data)
    assert [*configs] == [*infos] == ["default", "detection", "segmentation", "classification"]
    assert {column.name for column in hub_columns(tree.features)} == set(infos["default"].features)


def test_no_alias_stands_in_the_front_matter(tree: Tree) -> None:
    text = (tree.path / "README.md").read_text("utf-8").split("---\n")[1]
    assert not re.search(r"[:-] [&*]id[0-9]", text)


def test_a_licence_of_the_hubs_list_goes_by_its_identifier(about: Provenance) -> None:
    assert front(with_licences(about, "MIT", "MIT")).items() >= {"license": "mit"}.items()
    assert front(with_licences(about, "CC BY-NC-SA 4.0"))["license"] == "cc-by-nc-sa-4.0"


def test_any_other_licence_is_named_and_linked(about: Provenance) -> None:
    said = front(with_licences(about, "challenge use only"))
    assert (said["license"], said["license_name"]) == ("other", "challenge-use-only")
    assert said["license_link"] == f"https://doi.org/{about.sources[0].card.doi}"


def test_several_licences_are_no_one_licence_and_each_is_listed(about: Provenance) -> None:
    mixed = with_licences(about, "MIT", "CC BY 4.0")
    assert front(mixed).items() >= {"license": "other", "license_name": SEVERAL}.items()
    body = rendered(mixed)
    assert "| MIT |" in body
    assert "| CC BY 4.0 |" in body
    assert "under the licence and terms of its own source" in body


def test_what_is_not_stated_is_no_licence(about: Provenance) -> None:
    assert hub_licence("not stated") is None
    assert front(with_licences(about, "not stated"))["license"] == "other"
    assert front(replace(about, sources=()))["license_name"] == "not-stated"


@pytest.mark.parametrize(
    ("rows", "size"),
    [
        (0, "n<1K"),
        (999, "n<1K"),
        (1000, "1K<n<10K"),
        (9_999, "1K<n<10K"),
        (10_000, "10K<n<100K"),
        (10**6, "1M<n<10M"),
    ],
)
def test_the_class_of_size_is_the_hubs(about: Provenance, rows: int, size: str) -> None:
    counts = (Tally(what="images", value="ultrasound", n=rows),)
    sized = replace(about, manifest=replace(about.manifest, counts=counts))
    assert front(sized)["size_categories"] == [size]


def test_a_gate_stands_only_where_terms_are_given(about: Provenance) -> None:
    assert not any(key.startswith("extra_gated") for key in front(about))
    assert front(about, terms=TERMS)["extra_gated_prompt"] == TERMS


# ---------------------------------------------------------------- the body


def test_the_sections_are_those_of_the_hubs_template(tree: Tree) -> None:
    template = Path(huggingface_hub.__file__).parent / "templates" / "datasetcard_template.md"
    wanted = [
        line.removesuffix(" [optional]")
        for line in template.read_text("utf-8").splitlines()
        if line.startswith("##") and not re.search("Glossary|Card Authors|Card Contact", line)
    ]
    assert wanted == [line for line in tree.body.splitlines() if line in wanted]


def test_the_snippet_loads_what_the_table_says(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    (snippet,) = re.findall(r"```python\n(.*?)```", tree.body, re.DOTALL)
    found: dict[str, Any] = {}
    exec(snippet.replace("org/name", str(tree.path)), found)  # noqa: S102 -- it is our own
    (row,) = re.findall(r"^\| detection \| train \| ([0-9]+) \|$", tree.body, re.MULTILINE)
    assert found["images"].num_rows == int(row) > 0
    assert found["images"].features["objects"].feature["category"].names == ["nodule"]


def test_every_column_is_explained(tree: Tree) -> None:
    for column in hub_columns(tree.features):
        assert f"\n| `{column.name}` | " in tree.body
        assert column.meaning, column.name
        if column.name in {"objects", "masks"}:
            assert all(member.meaning for member in column.members)


def test_classes_are_listed_with_their_numbers(tree: Tree) -> None:
    (row,) = re.findall(r"^\| `case_tirads_kwak` .*$", tree.body, re.MULTILINE)
    assert row.endswith("0 = 1, 1 = 2, 2 = 3, 3 = 4a, 4 = 4b, 5 = 4c, 6 = 5 |")


def test_negatives_are_counted_apart_from_what_nobody_read(tree: Tree) -> None:
    # Four groups have no finding; of each, one image was covered whole, and the other by nobody.
    assert "Such negatives: 4 of 8 images without an outline." in tree.body
    assert "Of the others nothing can be said, and they are not negatives." in tree.body


@pytest.mark.parametrize(
    ("kinds", "crossing", "said"),
    [
        (("patient",), 0, True),
        (("patient",), 1, False),
        (("case",), 0, False),
        (("case", "patient"), 0, False),
    ],
)
def test_patient_grouped_is_said_only_where_it_is_so(
    about: Provenance, kinds: tuple[str, ...], crossing: int, *, said: bool
) -> None:
    split: SplitFacts = replace(about.split, kinds=kinds, crossing_groups=crossing)
    body = rendered(replace(about, split=split))
    assert ("It is patient-grouped" in body) is said
    assert ("it leaks" in body) is bool(crossing)


def test_a_group_that_crosses_parts_is_counted(tmp_path: Path) -> None:
    dataset = cohort(tmp_path / "toy", GroupKind.CASE)
    place = dataset.split_file("default")
    text = place.read_text("utf-8")
    (moved,) = re.findall(r"^toy/0_a,.*$", text, re.MULTILINE)
    other = "test" if moved.endswith("train") else "train"
    place.write_text(text.replace(moved, f"toy/0_a,toy/0,{other}"), "utf-8")
    assert provenance(dataset, "default").split.crossing_groups == 1


def test_a_category_of_suspicion_is_not_called_pathology(tree: Tree, about: Provenance) -> None:
    sentence = "A TI-RADS category is a grade of suspicion on one named scale, and not pathology."
    assert sentence in tree.body
    assert sentence not in rendered(replace(about, labels=()))
    assert "malignancy is said of the case, 6 times; basis: histology." in tree.body
    assert "tirads-kwak is said of the case, 12 times; what it rests on is not stated." in tree.body


def test_published_counts_stand_apart_from_measured_ones(tree: Tree) -> None:
    measured, published = tree.body.split("Measured on this copy:")[1].split("Of the whole releases")
    assert "| images | ultrasound | 24 |" in measured
    assert "3,493" not in measured
    assert "| TN3K, thyroid nodule 3 thousand | as published | 2,421 |  | 3,493 |" in published


@pytest.mark.parametrize("name", card_names())
def test_every_card_can_be_a_source(about: Provenance, name: str) -> None:
    loaded = load_card(name)
    entry = replace(about.sources[0], card=loaded.card, prose=loaded.prose, conversions=(source(name),))
    body = rendered(replace(about, sources=(entry,)))
    for text in (*loaded.card.known_issues, loaded.card.readers, loaded.card.consent):
        assert " ".join(text.split()) in body
    assert card_errors(body) == []
    assert "```bibtex" not in body  # no source states one


def test_a_citation_in_bibtex_is_given_as_such(about: Provenance) -> None:
    (first, *_) = about.sources
    cited = replace(first, card=replace(first.card, citation="@article{one, title={One}}"))
    assert "```bibtex\n@article{one, title={One}}\n```" in rendered(replace(about, sources=(cited,)))


def test_no_sentence_claims_that_an_image_is_free_of_personal_data(tree: Tree) -> None:
    assert "proves that no personal data is left in pixels or texts" in tree.body
    assert "How the sources removed personal data before they published is not stated" in tree.body


def test_whose_findings_are_shown_is_said(about: Provenance) -> None:
    for reader, name in {"resident_1": "resident_1", "derived": "the consensus"}.items():
        assert f"show the findings of {name}; `findings` has all." in rendered(about, reader=reader)
    assert "show the findings of" not in rendered(about)


def test_a_dataset_without_a_source_has_a_card(tmp_path: Path) -> None:
    tree = tree_of(cohort(tmp_path / "toy"), tmp_path / "tree")
    assert "The manifest names no source." in tree.body
    assert card_errors((tree.path / "README.md").read_text("utf-8")) == []


def test_an_unknown_split_is_refused_by_its_name(tree: Tree) -> None:
    with pytest.raises(Exception, match="there is no split 'other'"):
        provenance(Dataset(tree.dataset.path), "other")


# ---------------------------------------------------------------- Markdown

cells = st.text(st.sampled_from("a|\\ \n\r\x0b\x85\u2028"), max_size=8)


@given(st.lists(st.tuples(cells, st.integers(0, 10**9)), max_size=4))
def test_no_text_breaks_a_table(rows: list[tuple[str, int]]) -> None:
    """However a cell is written, a row stays one line with as many cells as the header."""
    lines = table(("text", "n"), rows)
    assert len(lines) == 2 + len(rows)
    for line in lines:
        assert len(line.splitlines()) == 1
        assert line.count("|") == 3


def test_headings_move_below_the_one_above_and_code_stays() -> None:
    prose = "# Title\n\nText.\n\n## Layout\n\n```\n# no heading\n```\n"
    assert [*chapter(prose, below=3)] == ["Text.", "", "#### Layout", "", "```", "# no heading", "```"]
