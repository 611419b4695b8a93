"""Folds held out, and what a trained baseline has seen: without torch."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy import make_dataset, record

from thyrodata.baselines.parts import folds_of, held_out_of, hold_out, parts_sha256
from thyrodata.baselines.runs import runs_in
from thyrodata.baselines.seen import ALL, read_taught, unseen_view
from thyrodata.errors import CaseError, UsageError
from thyrodata.exports.view import split_view, view
from thyrodata.io.hashes import SUMS, read_sums

IMAGES = [f"toy/{n}" for n in range(24)]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Twenty-four images of as many groups, in a split of four folds and one of two parts."""
    made = make_dataset(tmp_path_factory.mktemp("folds") / "d", [record(str(n)) for n in range(24)])
    for name, part_of in (
        ("folds", lambda n: f"fold{n % 4}"),
        ("two", lambda n: "test" if n < 6 else "train"),
        ("default", lambda n: "train"),
    ):
        (made.path / "splits").mkdir(exist_ok=True)
        rows = "".join(f"toy/{n},toy/{n},{part_of(n)}\n" for n in range(24))
        (made.path / "splits" / f"{name}.csv").write_text(f"image_id,group_id,part\n{rows}")
    return made


@given(st.integers(3, 12), st.data())
def test_each_image_is_tested_once_chooses_once_and_else_is_learnt_from(dataset, count, data):
    """Law: over all folds an image is once of the test part and once of the validation."""
    part_of = {image: f"fold{data.draw(st.integers(0, count - 1))}" for image in IMAGES[count:]}
    part_of |= {image: f"fold{n}" for n, image in enumerate(IMAGES[:count])}
    shown = replace(view(dataset, part_of), split="five")
    folds = folds_of(shown)
    assert folds == tuple(f"fold{n}" for n in range(count))  # fold10 after fold9
    held = [hold_out(shown, fold) for fold in folds]
    for image in IMAGES:
        parts = Counter(each.part_of[image] for each in held)
        assert (parts["test"], parts["val"], parts["train"]) == (1, 1, count - 2)
    for fold, each in zip(folds, held, strict=True):
        assert {image for image, part in each.part_of.items() if part == "test"} == {
            image for image, part in part_of.items() if part == fold
        }
        assert held_out_of(each.split) == ("five", fold)
    assert len({parts_sha256(each) for each in [shown, *held]}) == count + 1


def test_what_is_no_cross_validation_is_refused_and_says_how_to_make_one(dataset):
    for part_of in (
        {IMAGES[0]: "train", IMAGES[1]: "val", IMAGES[2]: "test"},
        {IMAGES[0]: "fold0", IMAGES[1]: "fold1"},
        {IMAGES[0]: "fold0", IMAGES[1]: "fold1", IMAGES[2]: "fold2", IMAGES[3]: "test"},
        {},
    ):
        with pytest.raises(UsageError, match="a cross-validation needs 3 folds or more") as refused:
            folds_of(view(dataset, part_of))
        assert "split make --folds" in refused.value.hint
    with pytest.raises(UsageError, match="no fold 'fold4'"):
        hold_out(split_view(dataset, "folds"), "fold4")
    assert held_out_of("default") == ("default", None)


def taught(folder, shown, **changed):
    """The settings of a training on a view, as far as they are read here."""
    folder.mkdir()
    said = {
        "dataset": "toy",
        "records_sha256": read_sums(shown.dataset.path / SUMS)["records.parquet"],
        "split": shown.split,
        "split_sha256": parts_sha256(shown),
        "training": "train",
        "validation": "val" if "val" in shown.parts else None,
    }
    settings = {"plan": {"model": "best/segment"}, "data": said | changed}
    (folder / "settings.json").write_text(json.dumps(settings))
    return read_taught(folder)


def test_a_fold_is_found_again_and_the_images_of_others_are_seen(dataset, tmp_path):
    known = taught(tmp_path / "run", hold_out(split_view(dataset, "folds"), "fold1"))
    assert (known.split, known.fold, known.parts) == ("folds", "fold1", ("train", "val"))
    shown = unseen_view(dataset, known, "test", None, None)
    assert shown.split == "folds, fold1 held out"
    assert [image for image, part in shown.part_of.items() if part == "test"] == IMAGES[1::4]
    assert unseen_view(dataset, known, "train", "folds", None).part_of == shown.part_of  # asked for by name
    # The part test of the other split has images of every fold, three of four of which were seen.
    with pytest.raises(UsageError, match="4 images of the part 'test' were learnt from") as refused:
        unseen_view(dataset, known, "test", "two", None)
    assert "'folds, fold1 held out'" in refused.value.hint
    with pytest.raises(UsageError, match="18 images of the part 'all'"):
        unseen_view(dataset, known, ALL, None, None)


def test_all_of_another_dataset_may_be_asked_for(dataset, tmp_path):
    strange = {"dataset": "another", "records_sha256": "0" * 64}
    known = taught(tmp_path / "run", hold_out(split_view(dataset, "folds"), "fold1"), **strange)
    assert set(unseen_view(dataset, known, ALL, None, None).part_of) == {*IMAGES}
    assert unseen_view(dataset, known, ALL, None, None).parts == (ALL,)
    assert unseen_view(dataset, known, "test", "two", None).split == "two"
    assert unseen_view(dataset, known, "train", None, None).split == "default"


def test_a_later_state_is_known_by_its_name_and_split_together(dataset, tmp_path):
    """Of the name alone, which is mostly that of a layout, nothing follows."""
    shown = hold_out(split_view(dataset, "folds"), "fold1")
    later = taught(tmp_path / "later", shown, records_sha256="0" * 64)
    assert unseen_view(dataset, later, "test", None, None).split == "folds, fold1 held out"
    with pytest.raises(UsageError, match="were learnt from"):
        unseen_view(dataset, later, ALL, None, None)
    for n, changed in enumerate(
        ({"split_sha256": "0" * 64}, {"split": "gone"}, {"split": "two, fold7 held out"})
    ):
        other = taught(tmp_path / str(n), shown, records_sha256="0" * 64, **changed)
        assert unseen_view(dataset, other, ALL, None, None).parts == (ALL,)


def test_a_split_that_was_made_anew_since_hides_what_was_learnt(dataset, tmp_path):
    known = taught(tmp_path / "run", split_view(dataset, "two"), split_sha256="0" * 64)
    with pytest.raises(UsageError, match="not the one of the training any more"):
        unseen_view(dataset, known, "test", None, None)


def test_what_is_no_training_is_refused(tmp_path):
    for text in (None, "{", "[]", '{"data": {}}'):
        if text is not None:
            (tmp_path / "settings.json").write_text(text)
        with pytest.raises(CaseError, match=r"settings|read") as refused:
            read_taught(tmp_path)
        assert str(tmp_path) in refused.value.where


def test_the_folder_of_several_trainings_is_none_of_one_and_names_one(tmp_path):
    for place in ("fold-10/seed-0", "fold-2/seed-1", "fold-2/seed-0"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "settings.json").write_text("{}")
    with pytest.raises(UsageError, match="several trainings: 3") as refused:
        read_taught(tmp_path)
    assert str(tmp_path / "fold-2/seed-0") in refused.value.hint
    assert [str(run.relative_to(tmp_path)) for run in runs_in(tmp_path)] == [
        "fold-2/seed-0",
        "fold-2/seed-1",
        "fold-10/seed-0",
    ]
