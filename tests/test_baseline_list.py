"""The papers' tables, what speaks against them, the recipes, and the list of what runs."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import fields, replace
from decimal import Decimal
from fractions import Fraction
from importlib import resources
from itertools import product

import pytest
import typer
from hypothesis import assume, given
from hypothesis import strategies as st

from thyrodata.baselines.models import build
from thyrodata.baselines.published import PAPERS, TABLES, flags, load_table, load_tables
from thyrodata.baselines.published.flags import implied_f1, implied_jaccard, implied_share, is_share_of
from thyrodata.baselines.recipes import RECIPES, Endpoint, Recipe, Task, find_recipe
from thyrodata.baselines.recipes.listing import ABSENT, Standing, list_rows, own_recipes
from thyrodata.baselines.recipes.plain import recipe_json
from thyrodata.cli.baseline import app
from thyrodata.errors import MissingExtraError, UsageError
from thyrodata.schema.vocab import SCHEMES, Scope

COUNTS = {
    "thyroidxl_classification": 7,
    "thyroidxl_detection": 7,
    "thyroidxl_segmentation": 8,
    "thyronet_x4": 8,
    "gambling_segmentation": 18,
    "gambling_mmcl_unet": 5,
    "deeplesion_detectors": 6,
    "deeplesion_yolov5n_per_class": 10,
    "openmedia_results": 17,
    "openmedia_zoo": 17,
}


def said(table, *words):
    """The flags of a table that say all of some words."""
    return [flag for flag in flags(load_table(table)) if all(word in flag.says for word in words)]


# ---------------------------------------------------------------- the tables


def test_every_shipped_file_is_a_table_of_one_paper_with_all_its_rows():
    shipped = {
        file.name.removesuffix(".csv")
        for file in resources.files("thyrodata.baselines.published").iterdir()
        if file.name.endswith(".csv")
    }
    assert shipped == TABLES.keys() == COUNTS.keys()
    assert sum(len(paper.tables) for paper in PAPERS) == len(TABLES)
    assert {table.source.name: len(table.rows) for table in load_tables()} == COUNTS


def test_every_cell_is_kept_as_it_stands_in_the_file():
    for table in load_tables():
        file = resources.files("thyrodata.baselines.published") / f"{table.source.name}.csv"
        lines = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
        for row, line in zip(table.rows, lines, strict=True):
            cells = [*line.values()]
            assert row.name == ", ".join(cells[: table.source.naming])
            assert [*row.figures.values()] == cells[table.source.naming :]


def test_rows_have_names_of_their_own():
    for table in load_tables():
        assert len({row.name for row in table.rows}) == len(table.rows)


def test_a_figure_keeps_the_digits_that_were_printed_and_a_gap_is_none():
    detectors = load_table("deeplesion_detectors")
    assert str(detectors.row("YOLOv5n").value("map50")) == "0.10"
    assert detectors.row("MULAN").value("precision") is None
    with pytest.raises(KeyError):
        detectors.row("YOLOv5n").value("iou")


def test_a_table_that_is_not_shipped_is_named():
    with pytest.raises(UsageError, match="'table_9'") as caught:
        load_table("table_9")
    assert "thyronet_x4" in caught.value.hint


# ---------------------------------------------------------------- flags, each worked again by hand


def test_three_f1_of_the_classification_contradict_their_precision_and_recall():
    """2 * .821 * .798 / 1.619 = .8093; 2 * .793 * .846 / 1.639 = .8186; 2 * .796 * .858 / 1.654 = .8258."""
    found = {flag.rows: flag.says for flag in said("thyroidxl_classification", "F1 is printed as")}
    assert found == {
        ("Resnet34",): "F1 is printed as 0.839; its precision 0.821 and recall 0.798 imply 0.809.",
        ("Resnet50",): "F1 is printed as 0.806; its precision 0.793 and recall 0.846 imply 0.819.",
        ("EfficientNet-B6",): "F1 is printed as 0.811; its precision 0.796 and recall 0.858 imply 0.826.",
    }


def test_the_best_classifier_of_the_text_is_the_best_by_no_reading_of_the_table():
    (flag,) = said("thyroidxl_classification", "The text names VGG-13 Batchnorm the best")
    table = load_table("thyroidxl_classification")
    printed = max(table.rows, key=lambda row: row.value("f1"))
    implied = max(
        table.rows,
        key=lambda row: (
            2 * row.value("precision") * row.value("recall") / (row.value("precision") + row.value("recall"))
        ),
    )
    assert (printed.name, implied.name) == ("Resnet34", "EfficientNet-B6")
    assert "0.839 for Resnet34" in flag.says
    assert "0.826, for EfficientNet-B6" in flag.says


def test_the_f1_of_the_segmentation_agree_and_its_two_recalls_do_not():
    assert not said("thyroidxl_segmentation", "F1 is printed as")
    (flag,) = said("thyroidxl_segmentation", "Recall and image sensitivity differ")
    assert len(flag.rows) == 8
    assert "59 to 62 %" in flag.says
    # UNet on ResNet-101, by hand: (.794 - .977) / (.683 - .977) = .183 / .294 = .622.
    row = load_table("thyroidxl_segmentation").row("UNet, Resnet101")
    assert implied_share(row) == Fraction(183, 294)


def test_the_shares_that_the_classification_implies_are_near_that_of_its_test_set():
    for row in load_table("thyroidxl_classification").rows:
        assert 0.45 <= implied_share(row) <= 0.5


def test_yolov5n_has_two_results_and_three_numbers_of_images():
    classes = [row for row in load_table("deeplesion_yolov5n_per_class").rows if row.name != "all"]
    assert sum(int(row.figures["images"]) for row in classes) == 1399
    # The line `all` is the plain mean of its classes, so that the contradiction is not in it.
    for column, printed in (("precision", 0.143), ("recall", 0.141), ("map50", 0.108)):
        assert float(sum(row.value(column) for row in classes)) / 9 == pytest.approx(printed, abs=5e-4)
    for table in ("deeplesion_detectors", "deeplesion_yolov5n_per_class"):
        (flag,) = said(table, "0.12/0.22/0.10 and 0.143/0.141/0.108", "1,398", "1,397", "1,399")
        assert flag.about(load_table(table).rows[2])


def test_recalls_without_an_operating_point_are_flagged():
    (flag,) = said("deeplesion_detectors", "no operating point")
    assert flag.rows == ("MULAN", "AlignShift (Li et al)")


def test_thyronet_is_below_the_majority_rate_elsewhere():
    """410 of 602 images are malignant: .6811, and the accuracy is .6702."""
    (flag,) = said("thyronet_x4", "0.6702", "0.681")
    assert flag.rows == ("ThyroNet-X4 Genesis(best)",)


def test_no_accuracy_of_thyronet_is_one_of_578_images():
    """.7170 * 578 = 414.4, and 414 / 578 = .71626, 415 / 578 = .71799."""
    (flag,) = said("thyronet_x4", "no whole number of the 578")
    assert len(flag.rows) == 8
    (below,) = said("thyronet_x4", "below 0.505")
    assert below.rows == ("AlexNet",)


def test_every_jaccard_of_the_gambling_table_follows_from_its_dice():
    """U-Net by cross-entropy: .839 / (2 - .839) = .72265, and 72.2 is what .8385 to .8395 allow."""
    (flag,) = said("gambling_segmentation", "18 rows")
    assert flag.rows == ()
    row = load_table("gambling_segmentation").row("U-Net, Cross-entropy")
    middle, low, high = map(float, implied_jaccard(row))
    assert middle == pytest.approx(100 * 0.839 / 1.161)
    assert (low, high) == pytest.approx((100 * 0.8385 / 1.1615, 100 * 0.8395 / 1.1605))


def test_openmedia_names_algorithms_in_two_ways():
    (named,) = said("openmedia_results", "name algorithms differently")
    assert named.rows == ("LungNodule-Detection-CNN", "LungNodule-Detection-Transformer")
    (lacks,) = said("openmedia_results", "EllipseNet-Fit")
    assert lacks.rows == ("EllipseNet-Fit",)


@given(n=st.integers(1, 5000), data=st.data(), digits=st.integers(2, 4))
def test_a_fraction_of_whole_numbers_is_one_however_it_was_rounded(n, data, digits):
    k = data.draw(st.integers(0, n))
    rounded = Decimal(f"{k / n:.{digits}f}")
    cut = Decimal(int(Fraction(k * 10**digits, n))).scaleb(-digits)
    assert is_share_of(cut, n)
    if Decimal(str(abs(k / n - float(rounded)))) < Decimal(1).scaleb(-digits) / 2:
        assert is_share_of(rounded, n)


@given(
    hits=st.integers(1, 500), misses=st.integers(0, 500), false=st.integers(0, 500), digits=st.integers(2, 4)
)
def test_figures_of_one_confusion_matrix_are_never_flagged(hits, misses, false, digits):
    """Whatever is rounded to printed digits, the F1 lies within what its precision and recall imply."""
    exact = {
        "precision": hits / (hits + false),
        "recall": hits / (hits + misses),
        "f1": 2 * hits / (2 * hits + misses + false),
    }
    printed = {name: f"{value:.{digits}f}" for name, value in exact.items()}
    assume(float(printed["precision"]) > 0 and float(printed["recall"]) > 0)
    row = replace(load_table("thyroidxl_classification").rows[0], figures=printed)
    half = 0.5 * 10**-digits
    _, low, high = implied_f1(row)
    assert low - half - 1e-12 <= float(printed["f1"]) <= high + half + 1e-12


# ---------------------------------------------------------------- recipes


def test_a_recipe_is_found_by_its_name_and_a_wrong_name_is_told_near_ones():
    assert find_recipe("thyroidxl/vgg13_bn").name == "thyroidxl/vgg13_bn"
    with pytest.raises(UsageError, match="'thyroidxl/vgg13'") as caught:
        find_recipe("thyroidxl/vgg13")
    assert "thyroidxl/vgg13_bn" in caught.value.hint


def test_every_name_is_that_of_one_recipe():
    listed = [recipe.name for recipe in RECIPES.values()]
    assert len(set(listed)) == len(listed)
    assert all(name == recipe.name and name.count("/") == 1 for name, recipe in RECIPES.items())


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_says_what_it_learns_and_what_it_had_to_choose(recipe):
    assert recipe.chosen
    assert (recipe.loss is not None) == (recipe.task is Task.SEGMENTATION)
    if recipe.task is Task.CLASSIFICATION:
        assert recipe.endpoint.scheme in SCHEMES
        assert recipe.endpoint.scope is Scope.CASE
    if recipe.task is Task.SEGMENTATION:
        assert not any(side % 32 for side in recipe.settings.size)


def test_ti_rads_is_never_called_malignancy():
    for recipe in RECIPES.values():
        if recipe.endpoint.scheme not in {None, "malignancy"}:
            assert "which is not malignancy" in recipe.endpoint.name


def test_what_the_papers_say_of_a_training_stands_in_the_recipe():
    """ThyroidXL: 224 by 224, AdamW 5e-4; 384 by 480, RAdam 5e-4. ThyroNet: Adam 1e-3, batch 32. 100 each."""
    told = {
        recipe.name: (
            recipe.settings.size,
            recipe.optimisation.optimiser.value,
            recipe.optimisation.learning_rate,
            recipe.settings.epochs,
        )
        for recipe in RECIPES.values()
    }
    assert told["thyroidxl/vgg13_bn"] == ((224, 224), "adamw", 5e-4, 100)
    assert told["thyroidxl/unetpp_effb5"] == ((384, 480), "radam", 5e-4, 100)
    assert told["thyronet/resnet34"][1:] == ("adam", 1e-3, 100)
    assert RECIPES["thyronet/resnet34"].settings.batch_size == 32


def test_nodules_not_told_apart_are_every_category_but_other_structures():
    endpoint = RECIPES["best/segment"].endpoint
    target = endpoint.target(["gland", "malignancy/benign", "nodule"])
    assert target.groups == (("nodule", ("malignancy/benign", "nodule")),)
    with pytest.raises(UsageError, match="no drawing of a nodule"):
        endpoint.target(["gland"])


def test_an_endpoint_of_terms_is_the_same_on_every_dataset():
    endpoint = RECIPES["thyronet/resnet34"].endpoint
    assert endpoint.target([]).groups == endpoint.groups
    assert [len(terms) for _, terms in endpoint.groups] == [3, 4]


@pytest.mark.parametrize(
    "wrong", [{"positive": "harmful"}, {"groups": (("malignant", ("malignancy/doubtful",)),)}]
)
def test_an_endpoint_that_contradicts_itself_is_refused(wrong):
    sound = {
        "name": "malignancy",
        "scheme": "malignancy",
        "scope": Scope.CASE,
        "positive": "malignant",
        "groups": (("benign", ("malignancy/benign",)), ("malignant", ("malignancy/malignant",))),
    }
    Endpoint(**sound)
    with pytest.raises(UsageError):
        Endpoint(**sound | wrong)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_as_json_has_every_field_with_its_default(recipe):
    plain = json.loads(json.dumps(recipe_json(recipe)))
    assert plain.keys() == {field.name for field in fields(Recipe)}
    assert plain["model"]["kind"] == type(recipe.model).__name__
    assert plain["optimisation"]["optimiser"] == recipe.optimisation.optimiser.value


# ---------------------------------------------------------------- the list


def test_every_printed_row_runs_is_stood_in_for_or_is_absent_for_a_reason():
    listed = list_rows()
    assert [each.row.key for each in listed] == [row.key for table in load_tables() for row in table.rows]
    for each in listed:
        assert (each.recipe is None) == (each.standing is Standing.ABSENT)
        assert (each.why == "") == (each.standing is Standing.RUNS)


def test_a_row_that_a_recipe_names_is_printed_and_named_once():
    keys = {row.key for table in load_tables() for row in table.rows}
    named = [row for recipe in RECIPES.values() for row in recipe.rows]
    named += [each.row for recipe in RECIPES.values() for each in recipe.stand_ins]
    assert len(set(named)) == len(named)
    assert set(named) <= keys


def test_no_reason_is_kept_for_a_row_that_is_not_absent():
    """Two tables of one paper may share reasons; each reason is some absent row's."""
    absent = [each.row for each in list_rows() if each.recipe is None]
    for reasons in ABSENT.values():
        names = {row.name for row in absent if ABSENT.get(row.table) is reasons}
        assert reasons.keys() <= names | {name.rpartition(", ")[2] for name in names}


def test_the_classification_and_segmentation_of_thyroidxl_run_whole():
    standing = {each.row.key: each.standing for each in list_rows()}
    for table in ("thyroidxl_classification", "thyroidxl_segmentation"):
        assert {standing[row.key] for row in load_table(table).rows} == {Standing.RUNS}


def test_the_detectors_of_thyroidxl_run_or_are_stood_in_for_but_yolox():
    rows = [each for each in list_rows() if each.row.table == "thyroidxl_detection"]
    standing = {each.row.name: each.standing for each in rows}
    assert {name for name, each in standing.items() if each is Standing.RUNS} == {
        "Faster R-CNN",
        "Deformable DETR",
    }
    assert {name for name, each in standing.items() if each is Standing.ABSENT} == {"YOLOX-S", "YOLOX-M"}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_the_epoch_of_a_detector_is_chosen_by_a_figure_since_it_has_no_loss_of_the_validation(recipe):
    assert (recipe.settings.watch == "loss") == (recipe.task is not Task.DETECTION)


def test_the_small_recipes_say_what_they_are():
    small = [recipe for recipe in RECIPES.values() if recipe.name.startswith("small/")]
    assert {recipe.task for recipe in small} == {*Task}
    assert all("to try" in recipe.title and recipe in own_recipes() for recipe in small)


def test_our_own_recipes_stand_for_no_printed_row():
    assert {"best/classify", "best/detect", "best/segment"} <= {recipe.name for recipe in own_recipes()}
    assert all(not recipe.rows and not recipe.stand_ins for recipe in own_recipes())


# ---------------------------------------------------------------- the command


def run(capsys, *words):
    typer.main.get_command(app)(list(words), standalone_mode=False)
    return capsys.readouterr().out


def test_the_table_has_a_line_for_every_row_and_recipe_of_ours(capsys):
    printed = run(capsys, "list")
    for each in list_rows():
        assert any(
            each.row.table in line and each.row.name in line and each.standing.value in line
            for line in printed.splitlines()
        )
    assert all(recipe.name in printed for recipe in own_recipes())
    assert max(map(len, printed.splitlines())) <= 150


def test_the_json_has_figures_flags_and_reasons(capsys):
    told = json.loads(run(capsys, "list", "--json"))
    assert told.keys() == {"papers", "rows", "recipes"}
    assert len(told["rows"]) == sum(COUNTS.values())
    (row,) = [row for row in told["rows"] if row["row"] == "thyroidxl_classification/Resnet34"]
    assert row["figures"]["f1"] == "0.839"
    assert any("imply 0.809" in flag for flag in row["flags"])
    assert {paper["name"] for paper in told["papers"]} == {row["paper"] for row in told["rows"]}
    assert {recipe["name"] for recipe in told["recipes"]} == RECIPES.keys()


def test_quiet_prints_nothing(capsys):
    assert run(capsys, "list", "--quiet") == ""


def test_listing_loads_no_torch_and_nothing_else_that_is_heavy():
    statements = (
        "import sys, thyrodata.baselines.models; from thyrodata.baselines.recipes.listing import list_rows;"
        "list_rows(); print(sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    ran = subprocess.run([sys.executable, "-c", statements], capture_output=True, text=True, check=True)
    for name, quote in product(("numpy", "pandas", "pyarrow", "timm", "torch", "torchvision"), "'"):
        assert f"{quote}{name}{quote}" not in ran.stdout


def test_a_model_without_torch_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [name for name in sys.modules if name.startswith("thyrodata.baselines.models.")]:
        if not name.endswith("building"):
            monkeypatch.delitem(sys.modules, name)
    for recipe in RECIPES.values():
        with pytest.raises(MissingExtraError) as caught:
            build(recipe.model, 2)
        assert "thyrodata[baselines]" in caught.value.hint
