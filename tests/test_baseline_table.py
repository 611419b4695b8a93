"""The table of baselines: ours beneath what was printed, each with its data, flags, spread and cost."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.predicted import ORIGIN
from thyrodata.baselines.cost import Cost, cost_file, read_cost, write_cost
from thyrodata.baselines.evaluation import evaluate_predictions
from thyrodata.baselines.metrics.boxes import BoxedImage
from thyrodata.baselines.predictions import (
    BoxPredictions,
    ClassPredictions,
    MaskPrediction,
    MaskPredictions,
    write_predictions,
)
from thyrodata.baselines.published import flags, load_table, load_tables
from thyrodata.baselines.published.flags import implied_jaccard
from thyrodata.baselines.recipes import RECIPES, Task
from thyrodata.baselines.tables import Format, laid_out, parse_format, tabulate
from thyrodata.baselines.tables.block import PrintedRow
from thyrodata.baselines.tables.columns import BESIDE
from thyrodata.baselines.tables.latex import escaped
from thyrodata.errors import CaseError, SchemaError, UsageError
from thyrodata.io.masks import encode_mask

COST = Cost(
    parameters=21_290_000,
    macs=3_680_000_000,
    weights_bytes=85_200_000,
    latency_ms=40.0,
    height=224,
    width=224,
    device="CPU of a test",
    threads=2,
    repeats=20,
)
KWAK = ("below 4a", "4a or above")


def of_classes(right, *, classes=KWAK, **origin):
    """Predictions of as many images of two groups of four, each right or wrong."""
    labels = np.arange(len(right)) % len(classes)
    taken = np.where(right, labels, (labels + 1) % len(classes))
    return ClassPredictions(
        origin=replace(ORIGIN, **origin),
        classes=classes,
        image_ids=tuple(f"toy/{n}" for n in range(len(right))),
        group_ids=tuple(f"toy/g{n}" for n in range(len(right))),
        labels=labels.astype(np.int64),
        probabilities=np.where(np.eye(len(classes))[taken] > 0, 0.75, 0.25 / (len(classes) - 1)).astype(
            np.float32
        ),
    )


def of_masks(*, classes=("nodule",), **origin):
    """Predictions of two images a class: an upper half of which the left quarter was found too little."""
    masks = []
    for n, shown in enumerate(classes * 2):
        for category in classes:
            truth = np.zeros((8, 8), bool)
            truth[:4] = category == shown
            predicted = truth.copy()
            predicted[:, :4] = False
            of = {"category": category, "truth": encode_mask(truth), "predicted": encode_mask(predicted)}
            found = 0.9 if predicted.any() else None
            ids = {"image_id": f"toy/{n}", "group_id": f"toy/g{n}"}
            masks.append(MaskPrediction(**ids, **of, score=found, certainty=0.8))
    return MaskPredictions(origin=replace(ORIGIN, **origin), classes=classes, masks=tuple(masks))


def of_boxes(*, classes=("nodule",), **origin):
    """Predictions of two images a class, each box found."""
    images = []
    for n, label in enumerate([*range(len(classes))] * 2):
        box, labels = np.array([[1.0, 1.0, 5.0, 5.0]]), np.array([label], np.int64)
        images.append(
            BoxedImage(
                image_id=f"toy/{n}",
                truth=box,
                truth_labels=labels,
                crowd=np.array([False]),
                predicted=box,
                predicted_labels=labels,
                scores=np.array([0.9]),
            )
        )
    groups = tuple(f"toy/g{n}" for n in range(len(images)))
    return BoxPredictions(
        origin=replace(ORIGIN, **origin), classes=classes, images=tuple(images), group_ids=groups
    )


@pytest.fixture
def tabulated(tmp_path):
    """A function that writes predictions, each with its cost or none, and tabulates them."""

    def make(*predictions, costs=()):
        for n, said in enumerate(predictions):
            place = tmp_path / f"{n}.parquet"
            write_predictions(place, said)
            if n < len(costs):
                write_cost(place, costs[n])
        return tabulate([tmp_path], resamples=40)

    return make


def rows_of(markdown, title):
    """The cells of the rows of a chapter's table, by heading."""
    chapter = markdown.split(f"## {title}")[1].split("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in chapter.splitlines() if line.startswith("|")]
    header, _, *rows = lines
    return [dict(zip(header, row, strict=True)) for row in rows]


# ---------------------------------------------------------------- what stands beside what


def test_the_mean_and_spread_of_two_seeds_stand_beneath_the_printed_row(tabulated, tmp_path):
    made = tabulated(
        of_classes([True, True, True, False]),
        of_classes([True, False, True, False], seed=1, weights_sha256="1" * 64),
    )
    rows = rows_of(laid_out(made, Format.MARKDOWN), "ThyroNet-X4")
    place = next(n for n, row in enumerate(rows) if row["model"].startswith("Baseline ("))
    printed, ours = rows[place : place + 2]
    assert printed["val accuracy"] == "0.6954"
    assert (printed["row is"], printed["data"]) == ("printed, runs", "made from DDTI, validation")
    files = (tmp_path / f"{n}.parquet" for n in range(2))
    runs = [evaluate_predictions(file, resamples=40).levels[0].figures[0] for file in files]
    assert [run.value for run in runs] == [0.75, 0.5]
    low, high = min(run.low for run in runs), max(run.high for run in runs)
    # 0.625 is the mean of 3/4 and 1/2, and their sample standard deviation is 1/4 / sqrt 2
    assert ours["val accuracy"] == f"0.625 ± 0.177 [{low:.3f}, {high:.3f}]"
    assert ours["model"] == "**ours: thyronet/resnet34**"
    assert (ours["data"], ours["runs"], ours["images"], ours["groups"]) == ("toy, test", "2", "4", "4")
    assert ours["val loss"] == "-"
    assert "parameters" not in ours


def test_one_run_is_called_no_result_and_has_no_spread(tabulated):
    text = laid_out(tabulated(of_classes([True, True, True, False])), Format.MARKDOWN)
    (ours,) = (row for row in rows_of(text, "ThyroNet-X4") if "ours" in row["model"])
    assert re.fullmatch(r"0\.750 \[0\.\d{3}, 1\.000\]", ours["val accuracy"])
    assert "It is no result" in text
    assert "of one training" in text


def test_the_held_out_folds_of_a_run_are_one_row(tabulated):
    whole = of_classes([True, True, True, False])
    folds = [
        replace(
            whole,
            origin=replace(
                whole.origin, **dict.fromkeys(("split", "trained_split"), f"cv, fold{n} held out")
            ),
            image_ids=whole.image_ids[rows],
            group_ids=whole.group_ids[rows],
            labels=whole.labels[rows],
            probabilities=whole.probabilities[rows],
        )
        for n, rows in enumerate((slice(0, 1), slice(1, 2), slice(2, 4)))
    ]
    text = laid_out(tabulated(*folds), Format.MARKDOWN)
    (ours,) = (row for row in rows_of(text, "ThyroNet-X4") if "ours" in row["model"])
    assert (ours["runs"], ours["images"], ours["val accuracy"][:5]) == ("1 x 3 folds", "4", "0.750")
    assert "3 held-out folds are joined" in text


def test_percent_are_made_of_shares_and_not_of_distances(tabulated):
    made = tabulated(of_masks(model="gambling/pspnet_r101"))
    text = laid_out(made, Format.MARKDOWN)
    (ours,) = (row for row in rows_of(text, "Gambling") if "ours" in row["model"])
    # half of each mask is found: 2 x 16 / (32 + 16) pixels of Dice, 16 / 32 of Jaccard
    assert ours["dice"].startswith("66.7 [")
    assert ours["jaccard"].startswith("50.0 [")
    # of the half that is not found the outermost pixel is 4 px away
    assert re.fullmatch(r"4\.0 \[4\.0, 4\.0\] px", ours["hausdorff"])
    assert "Ours were multiplied by 100" in text
    assert (
        "multiplied"
        not in laid_out(tabulated(of_classes([True, False])), Format.MARKDOWN).split("Gambling")[0]
    )


def test_a_stand_in_says_why_it_is_not_the_row(tabulated):
    made = tabulated(of_masks(model="gambling/unet"))
    text = laid_out(made, Format.MARKDOWN)
    (ours,) = (
        row for row in rows_of(text, "Gambling adversarial nets: Segmentation") if "ours" in row["model"]
    )
    assert ours["row is"] == "stands in"
    number = re.search(r"\((\d+)\)$", ours["model"]).group(1)
    assert f"\n{number}. The encoder of U-Net is not known here: ResNet-34 stands in." in text
    (mmcl,) = (row for row in rows_of(text, "Gambling adversarial nets: Mean") if "ours" in row["model"])
    assert mmcl["mmcl"].startswith("0.800 [")


def test_figures_of_two_datasets_stand_apart_and_are_named(tabulated):
    made = tabulated(
        of_classes([True, True, True, False]), of_classes([True, False, False, False], dataset="elsewhere")
    )
    text = laid_out(made, Format.MARKDOWN)
    ours = [row for row in rows_of(text, "ThyroNet-X4") if "ours" in row["model"]]
    assert {row["data"]: row["val accuracy"][:5] for row in ours} == {
        "toy, test": "0.750",
        "elsewhere, test, trained on toy": "0.250",
    }
    assert "Ours are of: elsewhere, test, trained on toy; toy, test." in text


@pytest.mark.parametrize("form", [*Format])
def test_what_speaks_against_a_printed_row_is_in_every_form(tabulated, form):
    made = tabulated(of_classes([True, False], classes=("benign", "malignant"), model="thyroidxl/alexnet"))
    text = laid_out(made, form)
    for flag in flags(load_table("thyroidxl_classification")):
        said = escaped(flag.says) if form is Format.LATEX else flag.says
        assert said in text
    if form is Format.MARKDOWN:
        (row,) = (row for row in rows_of(text, "ThyroidXL") if row["model"].startswith("Resnet34"))
        assert re.fullmatch(r"Resnet34 \(\d+(, \d+)*\)", row["model"])
        assert row["f1"] == "0.839"


def of_recipe(recipe):
    """Predictions of what a recipe tells apart."""
    groups = recipe.endpoint.groups
    classes = tuple(name for name, _ in groups) if recipe.endpoint.scheme else (recipe.endpoint.positive,)
    match recipe.task:
        case Task.CLASSIFICATION:
            return of_classes([True, True, True, False], classes=classes, model=recipe.name)
        case Task.SEGMENTATION:
            return of_masks(classes=classes, model=recipe.name)
        case Task.DETECTION:
            return of_boxes(classes=classes, model=recipe.name)


def test_every_recipe_stands_beneath_each_of_its_rows_with_all_figures_that_are_defined(tabulated):
    made = tabulated(*map(of_recipe, RECIPES.values()))
    found = {name: set() for name in RECIPES}
    for block in made.blocks:
        printed = None
        for row in block.rows:
            if isinstance(row, PrintedRow):
                printed = row.listed.row
            elif block.paper is None:
                assert any(row.figures)
            else:
                found[row.model.evaluated.model].add(printed.key)
                named = dict(zip((column.name for column in block.columns), row.figures, strict=True))
                missing = [each for each in BESIDE[printed.table] if named[each.column] is None]
                assert not missing, printed.key
    assert found == {
        name: {*recipe.rows, *(each.row for each in recipe.stand_ins)} for name, recipe in RECIPES.items()
    }


def test_every_column_that_is_set_beside_one_of_ours_is_printed():
    for table, columns in BESIDE.items():
        printed = load_table(table).rows[0].figures
        assert len({beside.column for beside in columns}) == len(columns)
        assert all(beside.column in printed for beside in columns), table
    assert {table.source.name for table in load_tables()} - BESIDE.keys() == {
        "openmedia_results",
        "openmedia_zoo",
    }


def test_the_reasons_for_a_definition_hold_in_the_printed_figures():
    half = Fraction(1, 2000)
    for row in load_table("thyroidxl_detection").rows:
        p, r, f1 = (Fraction(row.figures[name]) for name in ("precision", "image_sensitivity", "f1"))
        low, high = (2 * (p + d) * (r + d) / (p + r + 2 * d) for d in (-half, half))
        assert low - half <= f1 <= high + half, row.name
    for row in load_table("thyroidxl_segmentation").rows:
        dice, iou = Fraction(row.figures["dice"]), Fraction(row.figures["iou"])
        assert iou > dice / (2 - dice)
    for row in load_table("gambling_segmentation").rows:
        assert abs(Fraction(row.figures["jaccard"]) - implied_jaccard(row)[0]) < Fraction(1, 5)


def test_a_model_without_a_recipe_is_shown_without_a_papers_row(tabulated):
    made = tabulated(of_classes([True, True, True, False], model="my own", classes=("a|b", "c")))
    (block,) = made.blocks
    assert block.paper is None
    assert {row.of for row in block.own} == {
        "image",
        "group by weighted majority",
        "group by mean probability",
    }
    rows = rows_of(laid_out(made, Format.MARKDOWN), "Classes of images and groups")
    assert rows[0]["model"] == "**my own**"
    assert rows[0]["accuracy"].startswith("0.750 [")


# ---------------------------------------------------------------- cost


def test_costs_stand_beside_figures_where_they_were_measured(tabulated):
    other = replace(COST, latency_ms=8.0, device="GPU of a test")
    made = tabulated(
        of_classes([True, True, False, False]),
        of_classes([True, True, True, False], seed=1),
        of_classes([True, True, True, False], seed=2),
        costs=(COST, replace(COST, latency_ms=42.0), other),
    )
    text = laid_out(made, Format.MARKDOWN)
    (ours,) = (row for row in rows_of(text, "ThyroNet-X4") if "ours" in row["model"])
    assert (ours["parameters"], ours["MACs"], ours["file"]) == ("21.29 M", "3.68 G", "85.2 MB")
    assert ours["latency"] == "41.0 ms; 8.0 ms"
    assert "one image of 224 x 224 px on CPU of a test, 2 threads, median of 20; 224 x 224 px on GPU" in text
    assert len(made.to_json()["models"][0]["costs"]) == 3


def test_a_cost_is_read_back_and_a_damaged_one_is_refused(tmp_path):
    file = tmp_path / "p.parquet"
    assert read_cost(file) is None
    write_cost(file, COST)
    assert cost_file(file) == tmp_path / "p.cost.json"
    assert read_cost(file) == COST
    whole = cost_file(file).read_text()
    for spoiled in (
        "",
        "[]",
        whole[:-5],
        whole.replace("threads", "fibres"),
        whole.replace("40.0", '"fast"'),
    ):
        cost_file(file).write_text(spoiled)
        with pytest.raises(CaseError, match="the cost cannot be read"):
            read_cost(file)
    with pytest.raises(SchemaError):
        replace(COST, macs=-1)


# ---------------------------------------------------------------- forms


@pytest.fixture
def several(tabulated):
    return tabulated(
        of_classes([True, True, True, False]),
        of_masks(model="gambling/pspnet_r101"),
        of_boxes(model="50 % & more_{}~^\\[1]", classes=("a", "b")),
        costs=(COST,),
    )


def test_the_csv_has_every_figure_once_with_the_numbers_of_the_json(several):
    lines = [*csv.DictReader(io.StringIO(laid_out(several, Format.CSV)))]
    said = several.to_json()
    json.dumps(said, allow_nan=False)
    ours = {
        (line["model"], line["of"], line["figure"]): line["value"] for line in lines if line["who"] == "ours"
    }
    wanted = {
        (model["model"], level["of"], figure["name"]): "" if figure["mean"] is None else repr(figure["mean"])
        for model in said["models"]
        for level in model["levels"]
        for figure in level["figures"]
    }
    assert ours == wanted
    assert len(ours) == sum(line["who"] == "ours" for line in lines)
    printed = {
        (line["row"], line["figure"]): line["value"] for line in lines if line["table"] == "thyronet_x4"
    }
    assert printed == {
        (row.name, column): value
        for row in load_table("thyronet_x4").rows
        for column, value in row.figures.items()
    }


def test_the_latex_is_balanced_and_each_row_has_all_its_cells(several):
    text = laid_out(several, Format.LATEX)
    assert r"50 \% \& more\_\{\}\textasciitilde{}\textasciicircum{}\textbackslash{}{[}1{]}" in text
    assert text.isascii()
    plain = re.sub(r"\\[\\{}%&_#$]", "", text)
    depth = 0
    for character in plain:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    opened = re.findall(r"\\begin\{(\w+\*?)\}", text)
    assert sorted(opened) == sorted(re.findall(r"\\end\{(\w+\*?)\}", text))
    for columns, body in re.findall(r"\\begin\{tabular\}\{([lr]+)\}(.*?)\\end\{tabular\}", text, re.DOTALL):
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert rows
        assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {len(columns) - 1}


_COMMANDS = {
    "textbackslash": "\\",
    "textasciicircum": "^",
    "textasciitilde": "~",
    "textless": "<",
    "textgreater": ">",
    "textbar": "|",
    "textasciigrave": "`",
    "textquotedbl": '"',
}


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"])))
def test_what_latex_prints_of_an_escaped_text_is_the_text(plain):
    """Read by a small reader of LaTeX: commands with an empty argument, escaped characters, groups."""

    def printed(match):
        command, character, bracket = match.groups()
        return _COMMANDS[command] if command else character or bracket

    text = re.sub(r"\\([a-z]+)\{\}|\\([#$%&_{}])|\{([][])\}", printed, escaped(plain))
    assert text == " ".join(plain.split())


def test_what_is_asked_wrongly_is_refused(tmp_path, tabulated):
    with pytest.raises(UsageError, match="there is no form 'html'"):
        parse_format("html")
    with pytest.raises(UsageError):
        tabulate([tmp_path])
    with pytest.raises(UsageError, match=r"of seed 0"):
        tabulated(of_classes([True, False]), of_classes([True, True]))


def test_the_command_writes_the_table_or_prints_it(tmp_path, command):
    file, out = tmp_path / "p.parquet", tmp_path / "table.tex"
    write_predictions(file, of_classes([True, True, True, False]))
    few = ["--resamples", "40"]
    ran = command("baseline", "table", file, *few)
    assert ran.code == 0, ran.err
    assert "| **ours: thyronet/resnet34** |" in ran.out
    ran = command("baseline", "table", file, *few, "--format", "latex", "-o", out)
    assert ran.code == 0, ran.err
    assert r"\toprule" in out.read_text()
    assert "tabular" not in ran.out
    ran = command("baseline", "table", file, *few, "--json")
    assert json.loads(ran.out)["models"][0]["model"] == "thyronet/resnet34"
    ran = command("baseline", "table", file, "--format", "word")
    assert ran.code != 0
    assert "markdown, csv, latex" in ran.err
