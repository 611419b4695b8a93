"""Agree score: a model beside readers, on the same images and the same resamples."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from curated import unchanged
from drawing_tools import pixels_of
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from readers import HEIGHT, WIDTH, image_of, look, mask_of, nodule
from study import write_predictions, write_study
from toy import make_dataset

from thyrodata import report_agreement
from thyrodata.agreement.asking import asked_of
from thyrodata.agreement.consensus import read_image_of
from thyrodata.agreement.examination import examine
from thyrodata.agreement.resampling import Estimate, Resampling
from thyrodata.agreement.scoring import Comparison, ModelScore, as_model, compare
from thyrodata.agreement.study import gather
from thyrodata.curation.score import ScoredPredictions, score_predictions
from thyrodata.dataset import Dataset
from thyrodata.errors import UsageError
from thyrodata.io.png import encode_png
from thyrodata.schema.geometry import Mask
from thyrodata.schema.record import ImageRecord, Label, Read, Reading
from thyrodata.schema.vocab import Coverage, TiradsAcr

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

A = [mask_of(5, 5, 20, 12), mask_of(12, 8, 30, 20), mask_of(2, 2, 15, 15), mask_of(30, 20, 20, 20)]
B = [mask_of(6, 5, 20, 12), mask_of(12, 10, 28, 20), mask_of(3, 3, 15, 15), mask_of(30, 24, 20, 20)]
C = [mask_of(5, 6, 20, 12), mask_of(14, 8, 28, 20), mask_of(2, 3, 15, 14), mask_of(28, 20, 20, 20)]
TR = [*TiradsAcr]


def graded(grade: int) -> tuple[Label, ...]:
    return (Label(value=TR[grade]),)


def images(**by: Sequence[Mask]) -> list[ImageRecord]:
    """Four images of three cases; each reader's masks, graded by their place."""
    made = []
    for k in range(4):
        looks = [look(name, nodule(masks[k], labels=graded(k))) for name, masks in by.items()]
        record = image_of(str(k), *looks, group=str(min(k, 2)))
        made.append(replace(record, image=replace(record.image, path=f"images/{k}.png", sha256=None)))
    return made


def dataset(folder: Path, records: Sequence[ImageRecord]) -> Dataset:
    return make_dataset(folder, records, {f"images/{k}.png": b"" for k in range(4)})


Predicted = Sequence[Sequence[tuple[Mask, float | None]]]


def coco(place: Path, predicted: Predicted, names: Sequence[str] = "0123", grades: bool = False) -> Path:
    """A model's file: an image that is listed was looked at."""
    annotations = []
    for k, drawn in enumerate(predicted):
        for shape, score in drawn:
            rle = {"size": [HEIGHT, WIDTH], "counts": shape.counts}
            one = {"id": len(annotations), "image_id": k, "category_id": k if grades else 9, "iscrowd": 0}
            box = coco_mask.toBbox(rle).tolist()
            annotations.append(one | {"segmentation": rle, "bbox": box, "score": score})
    listed = [
        {"id": k, "file_name": f"{name}.png", "width": WIDTH, "height": HEIGHT}
        for k, name in enumerate(names)
    ]
    categories = [{"id": 9, "name": "nodule"}]
    categories += [{"id": k, "name": f"tirads-acr/{term.value}"} for k, term in enumerate(TR)]
    place.write_text(json.dumps({"images": listed, "annotations": annotations, "categories": categories}))
    return place


def sure(masks: Sequence[Mask]) -> Predicted:
    return [[(each, 0.9)] for each in masks]


def score(data: Any, predictions: Any, **options: Any) -> ScoredPredictions:
    return score_predictions(data, predictions, **{"resamples": 40, **options})


def named(found: ModelScore, name: str, of: str = "mean") -> Comparison:
    return next(each for each in found.comparisons if (each.name, each.of) == (name, of))


def value(found: Estimate) -> float:
    assert found.value is not None
    return found.value


@pytest.fixture
def base(tmp_path: Path) -> Dataset:
    return dataset(tmp_path / "data", images(A=A, B=B))


# ---------------------------------------------------------------- a model that is known


def dice(one: Mask, other: Mask) -> float:
    a, b = pixels_of(one), pixels_of(other)
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def test_a_models_dice_is_the_mean_over_readers_beside_that_of_the_readers(
    base: Dataset, tmp_path: Path
) -> None:
    with unchanged(base.path):
        found = score(base, coco(tmp_path / "p.json", sure(C))).score
    assert (found.model, found.readers, found.images, found.left_out) == ("model", ("A", "B"), 4, 0)
    with_a, with_b, among = (
        np.mean([dice(one, other) for one, other in zip(*both, strict=True)])
        for both in ((C, A), (C, B), (A, B))
    )
    for name in ("dice", "image_dice"):
        said = named(found, name)
        assert {who: value(each) for who, each in said.with_each.items()} == {
            "A": pytest.approx(with_a),
            "B": pytest.approx(with_b),
        }
        assert value(said.model) == pytest.approx((with_a + with_b) / 2)
        assert value(said.readers) == pytest.approx(among)
        assert value(said.difference) == pytest.approx((with_a + with_b) / 2 - among)
        assert said.model.groups == 3


def test_a_model_that_is_a_reader_agrees_with_the_other_as_that_reader_does(
    base: Dataset, tmp_path: Path
) -> None:
    found = score(base, coco(tmp_path / "p.json", [[(each, None)] for each in A], grades=True)).score
    readers = report_agreement([base], resamples=40).agreement.pairs[0]
    of_report = {(each.name, each.of): each for each in readers.figures}
    for each in found.comparisons:
        mine, theirs = each.with_each["B"], each.readers
        assert (mine.value, mine.low, mine.high) == (theirs.value, theirs.low, theirs.high), each.name
        if (each.name, each.of) in of_report:
            known = of_report[each.name, each.of]
            assert mine.value == pytest.approx(known.value, abs=1e-12)
    for name in ("dice", "iou", "image_dice"):
        assert value(named(found, name).with_each["A"]) == 1
    for name in ("hausdorff", "hd95_pooled", "hd95_max", "hd95_surfel", "assd", "assd_surfel"):
        assert value(named(found, name).with_each["A"]) == 0
    kappa = next(each for each in found.comparisons if each.name == "kappa")
    assert (value(kappa.model), value(kappa.readers), value(kappa.difference)) == (1, 1, 0)


MASKS = st.builds(mask_of, st.integers(0, 20), st.integers(0, 20), st.integers(4, 24), st.integers(4, 20))
DRAWN = st.lists(st.one_of(MASKS, st.none()), min_size=4, max_size=4)


@given(a=DRAWN, b=DRAWN, m=DRAWN)
@settings(max_examples=25)
def test_the_difference_is_the_model_less_the_readers(a: Any, b: Any, m: Any) -> None:
    """On the data, and so in each resample: an interval of zero width is that of no difference."""
    records = []
    for k in range(4):
        looks = [look(n, *([nodule(d[k])] if d[k] else [])) for n, d in (("A", a), ("B", b), ("m", m))]
        records.append(image_of(str(k), *looks))
    asked = asked_of(("A", "B", "m"))
    seen = [as_model(read_image_of(each), "m", None) for each in records]
    found = compare(gather((examine(each, asked) for each in seen), asked), "m", 0, Resampling(resamples=40))
    for each in found.comparisons:
        if each.model.value is not None and each.readers.value is not None:
            assert each.difference.value == pytest.approx(each.model.value - each.readers.value, abs=1e-12)
        else:
            assert each.difference.value is None
        values = [one.value for one in each.with_each.values()]
        if None not in values:
            assert each.model.value == pytest.approx(np.mean([v for v in values if v is not None]))


def test_the_interval_of_the_difference_is_of_the_same_resamples(tmp_path: Path) -> None:
    """A model as far from the readers as they are from one another in each case differs by nothing."""
    records = images(A=A, B=B)
    data = dataset(tmp_path / "data", records)
    found = score(data, coco(tmp_path / "p.json", sure(A))).score
    said = named(found, "dice")
    gains = [(1 + dice(one, other)) / 2 - dice(one, other) for one, other in zip(A, B, strict=True)]
    by_case = [gains[:1], gains[1:2], gains[2:]]
    draws = np.random.default_rng(5).integers(0, 3, (20_000, 3))
    means = [np.mean([gain for case in drawn for gain in by_case[case]]) for drawn in draws]
    found = score(data, tmp_path / "p.json", resamples=4000).score
    said = named(found, "dice").difference
    assert said.low == pytest.approx(np.quantile(means, 0.025), abs=0.003)
    assert said.high == pytest.approx(np.quantile(means, 0.975), abs=0.003)


# ---------------------------------------------------------------- where a model draws nothing


def test_a_model_that_draws_nothing_where_a_reader_has_drawn_misses_it(base: Dataset, tmp_path: Path) -> None:
    all_of = score(base, coco(tmp_path / "p.json", sure(A))).score
    missed = score(base, coco(tmp_path / "m.json", [*sure(A)[:3], []])).score
    assert missed.images == 4
    f1 = "detection_f1", "IoU >= 0.5"
    assert value(named(all_of, *f1).with_each["A"]) == 1
    assert value(named(missed, *f1).with_each["A"]) == pytest.approx(2 * 3 / (4 + 3))
    assert value(named(missed, "image_dice").with_each["A"]) == pytest.approx(3 / 4)
    assert value(named(missed, "dice").with_each["A"]) == 1


def test_an_empty_mask_of_a_model_is_a_miss_and_an_image_without_one_is_left_out(
    base: Dataset, tmp_path: Path
) -> None:
    folder = tmp_path / "masks"
    folder.mkdir()
    for k in range(3):
        pixels = pixels_of(A[k]) if k else np.zeros((HEIGHT, WIDTH), np.bool_)
        (folder / f"{k}.png").write_bytes(encode_png(np.uint8(255) * pixels))
    found = score(base, f"net={folder}")
    assert (found.score.model, found.score.images, found.score.left_out) == ("net", 3, 1)
    assert value(named(found.score, "image_dice").with_each["A"]) == pytest.approx(2 / 3)
    notes = {each.code: each.places for each in found.notes}
    assert notes["not-read-by-all"] == ("toy/3",)
    assert notes["no-counterpart"] == ("net: toy/3",)
    assert "covers-nothing" not in notes


def test_an_image_that_a_reader_has_not_read_is_left_out_and_named(tmp_path: Path) -> None:
    records = images(A=A, B=B)
    a, b = records[0].readings
    unread = replace(
        records[0], readings=(a, replace(b, coverage=Coverage.NONE)), findings=records[0].findings[:1]
    )
    found = score(dataset(tmp_path / "d", [unread, *records[1:]]), coco(tmp_path / "p.json", sure(A)))
    assert (found.score.images, found.score.left_out) == (3, 1)
    assert {each.code: each.places for each in found.notes}["not-read-by-all"] == ("toy/0",)


@pytest.mark.parametrize("unnamed", [False, True])
def test_predictions_of_a_lower_score_are_left_out(unnamed: bool, base: Dataset, tmp_path: Path) -> None:
    scored = [[(shape, 0.2 + 0.2 * k)] for k, shape in enumerate(A)]
    source: Any = coco(tmp_path / "p.json", scored)
    if unnamed:
        records = images(net=A)
        source = dataset(
            tmp_path / "net",
            [
                replace(
                    each,
                    readings=(Reading(),),
                    findings=tuple(replace(one, origin=Read(), score=0.2 + 0.2 * k) for one in each.findings),
                )
                for k, each in enumerate(records)
            ],
        ).path
    matched = {
        least: value(
            named(score(base, source, least_score=least).score, "detection_f1", "IoU >= 0.5").with_each["A"]
        )
        for least in (None, 0.2, 0.5, 0.7, 0.9)
    }
    assert matched == {
        least: pytest.approx(2 * kept / (4 + kept))
        for least, kept in ((None, 4), (0.2, 4), (0.5, 2), (0.7, 1), (0.9, 0))
    }


def test_a_reader_is_no_model_and_keeps_weak_findings(tmp_path: Path) -> None:
    records = [
        replace(each, findings=tuple(replace(one, score=0.1) for one in each.findings))
        for each in images(A=A, B=B)
    ]
    found = score(dataset(tmp_path / "d", records), coco(tmp_path / "p.json", sure(A)), least_score=0.5).score
    assert value(named(found, "dice").with_each["A"]) == 1


# ---------------------------------------------------------------- readers and sources


def test_one_reader_is_no_measure_of_how_readers_agree(base: Dataset, tmp_path: Path) -> None:
    found = score(base, coco(tmp_path / "p.json", sure(C)), readers=["A"]).score
    assert found.readers == ("A",)
    for each in found.comparisons:
        assert {*each.with_each} == {"A"}
        assert (each.readers.value, each.difference.value, each.difference.low) == (None, None, None)
    assert value(named(found, "dice").model) == value(named(found, "dice").with_each["A"])


def test_further_readers_come_from_further_sources(base: Dataset, tmp_path: Path) -> None:
    third = coco(tmp_path / "c.json", sure(C))
    found = score(base, coco(tmp_path / "p.json", sure(A)), sources=[f"C={third}"]).score
    assert found.readers == ("A", "B", "C")
    pairs = [(A, B), (A, C), (B, C)]
    among = np.mean([np.mean([dice(one, other) for one, other in zip(*both, strict=True)]) for both in pairs])
    assert value(named(found, "dice").readers) == pytest.approx(among)


def test_a_path_of_predictions_may_hold_an_equals_sign(base: Dataset, tmp_path: Path) -> None:
    (tmp_path / "lr=0.1").mkdir()
    place = coco(tmp_path / "lr=0.1/p.json", sure(A))
    assert score(base, place).score.model == "model"
    assert score(base, f"net={place}").score.model == "net"


def test_a_model_may_be_a_dataset(base: Dataset, tmp_path: Path) -> None:
    net = dataset(tmp_path / "net", images(net=C))
    found = score(base, net.path).score
    known = score(base, f"net={coco(tmp_path / 'p.json', sure(C), grades=True)}").score
    assert found == known


def test_what_cannot_be_scored_is_refused_with_a_hint(base: Dataset, tmp_path: Path) -> None:
    place = coco(tmp_path / "p.json", sure(A))
    strangers = coco(tmp_path / "s.json", sure(A), names=["x", "y", "z", "0_seg"])
    unread = dataset(
        tmp_path / "unread",
        [
            replace(
                each,
                readings=(each.readings[k % 2], replace(each.readings[1 - k % 2], coverage=Coverage.NONE)),
                findings=(each.findings[k % 2],),
            )
            for k, each in enumerate(images(A=A, B=B))
        ],
    )
    two = dataset(tmp_path / "two", images(net=A, other=B))
    cases: list[tuple[Any, Any, dict[str, Any], tuple[str, ...]]] = [
        (
            base,
            strangers,
            {},
            ("no image that the model and all readers have read", "the dataset has no x, y, z"),
        ),
        (unread, place, {}, ("no image that the model and all readers have read", "name readers who")),
        (base, two.path, {}, ("the predictions are of 2 readers: net, other",)),
        (base, place, {"readers": ["Z"]}, ("there is no reader 'Z'", "A, B, model")),
        (base, place, {"readers": ["model"]}, ("one reader says nothing of agreement",)),
        (base, f"A={place}", {}, ("two sources have a reader called 'A'",)),
        (base, tmp_path / "missing.json", {}, ("there is no such file or folder",)),
        (base, place, {"resamples": 3}, ("3 resamples are too few",)),
        (base, place, {"tolerance": "near"}, ("a tolerance of 'near'",)),
    ]
    for data, predictions, options, words in cases:
        with pytest.raises(UsageError) as refused:
            score(data, predictions, **options)
        for each in words:
            assert each in str(refused.value), words
        assert refused.value.hint


# ---------------------------------------------------------------- the command


def test_the_command_prints_json_or_text_or_nothing(tmp_path: Path, command: Callable[..., Any]) -> None:
    study = write_study(tmp_path / "study", images=4)
    write_predictions(study, tmp_path / "p.json")
    args = ("agree", "score", study.path, tmp_path / "p.json", "--resamples", 40)
    ran = command(*args, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out) == json.loads(json.dumps(score(study, tmp_path / "p.json").to_json()))
    ran = command(*args)
    assert (ran.code, ran.err) == (0, "")
    for words in ("model: 4 images that all have read", "with A", "difference", "a group is the case"):
        assert words in ran.out
    ran = command(*args, "--quiet")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    for wrong in (["--readers", "Z"], ["--least-score", "high"], ["--tolerance", "near"]):
        ran = command(*args, *wrong)
        assert (ran.code, ran.out) == (2, "")
        assert "Traceback" not in ran.err
