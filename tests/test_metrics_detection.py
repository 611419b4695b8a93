"""Figures of boxes, which hotcoco matches, against pycocotools, hand-worked cases and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from thyrodata.baselines.metrics.boxes import BoxedImage
from thyrodata.baselines.metrics.detection import coco_figures, froc_figures
from thyrodata.baselines.metrics.figures import value_of
from thyrodata.errors import UsageError

CLASSES = ("benign", "malignant")
OURS = ("ap", "ap50", "ap75", "ar_100")
PLACES = (0, 1, 2, 8)
"""Where pycocotools' twelve numbers hold them."""

Box = tuple[float, float, float, float]


def image(truth=(), predicted=(), *, name="a/1", crowd=None) -> BoxedImage:
    """True boxes with labels; predicted boxes with labels and scores."""
    return BoxedImage(
        image_id=name,
        truth=np.array([box for box, _ in truth], float).reshape(-1, 4),
        truth_labels=np.array([label for _, label in truth], int),
        crowd=np.array(crowd if crowd is not None else [False] * len(truth), bool),
        predicted=np.array([box for box, _, _ in predicted], float).reshape(-1, 4),
        predicted_labels=np.array([label for _, label, _ in predicted], int),
        scores=np.array([score for _, _, score in predicted], float),
    )


def values(figures) -> dict[str, float | None]:
    return {figure.name: value_of(figure) for figure in figures}


def by_pycocotools(images: list[BoxedImage]) -> dict[str, float | None]:
    pictures = [{"id": k + 1, "width": 900, "height": 300} for k in range(len(images))]
    truth, predicted = COCO(), COCO()
    boxes = []
    for k, each in enumerate(images):
        for (x, y, right, bottom), label, crowd in zip(
            each.truth.tolist(), each.truth_labels.tolist(), each.crowd.tolist(), strict=True
        ):
            box = [x, y, right - x, bottom - y]
            boxes.append({"image_id": k + 1, "category_id": label + 1, "bbox": box, "iscrowd": int(crowd)})
    for k, each in enumerate(boxes):
        each.update(id=k + 1, area=each["bbox"][2] * each["bbox"][3])
    categories = [{"id": k + 1, "name": name} for k, name in enumerate(CLASSES)]
    truth.dataset = {"images": pictures, "annotations": boxes, "categories": categories}
    truth.createIndex()
    found = [
        {"image_id": k + 1, "category_id": label + 1, "bbox": [x, y, right - x, bottom - y], "score": score}
        for k, each in enumerate(images)
        for (x, y, right, bottom), label, score in zip(
            each.predicted.tolist(), each.predicted_labels.tolist(), each.scores.tolist(), strict=True
        )
    ]
    if found:
        predicted = truth.loadRes(found)
    else:
        predicted.dataset = {**truth.dataset, "annotations": []}
        predicted.createIndex()
    evaluation = COCOeval(truth, predicted, "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    stats = evaluation.stats
    return {name: None if stats[k] < 0 else float(stats[k]) for name, k in zip(OURS, PLACES, strict=True)}


@st.composite
def boxed_images(draw: st.DrawFn, *, narrowest: int = 2) -> list[BoxedImage]:
    """Boxes that overlap in many ways; scores of one image differ, and may be those of another."""
    side = st.integers(narrowest, 12)
    box = st.builds(lambda x, y, w, h: (x, y, x + w, y + h), st.integers(0, 6), st.integers(0, 6), side, side)
    label = st.integers(0, 1)
    images = []
    for k in range(draw(st.integers(1, 4))):
        truth = draw(st.lists(st.tuples(box, label), max_size=4))
        found = draw(
            st.lists(st.tuples(box, label, st.integers(0, 20)), max_size=6, unique_by=lambda b: b[2])
        )
        crowd = [draw(st.integers(0, 5)) == 0 for _ in truth]
        images.append(image(truth, found, name=f"a/{k}", crowd=crowd))
    return images


@given(boxed_images(narrowest=0))
def test_ap_and_ar_are_pycocotools(images: list[BoxedImage]) -> None:
    """Also of boxes without an area."""
    ours = values(coco_figures(images, CLASSES))
    for name, value in by_pycocotools(images).items():
        assert ours[name] == (None if value is None else pytest.approx(value, abs=1e-12)), name


def crowded(seed: int, count: int) -> list[BoxedImage]:
    """Images of up to three boxes, each found some times over, with equal scores and crowds among them."""
    random = np.random.default_rng(seed)
    made = []
    for k in range(count):
        truths = int(random.integers(0, 4))
        corners = random.integers(0, 300, (truths, 2))
        truth = np.hstack([corners, corners + random.integers(60, 130, (truths, 2))]).astype(float)
        found = np.repeat(truth, 90, axis=0) + random.normal(0, 5, (90 * truths, 4))
        made.append(
            BoxedImage(
                image_id=f"a/{k}",
                truth=truth,
                truth_labels=random.integers(0, 2, truths),
                crowd=random.random(truths) < 0.1,
                predicted=found,
                predicted_labels=random.integers(0, 2, 90 * truths),
                scores=np.round(random.random(90 * truths), 1),
            )
        )
    return made


@pytest.mark.parametrize("seed", range(3))
def test_equal_scores_crowds_and_more_than_a_hundred_boxes_are_as_in_pycocotools(seed: int) -> None:
    images = crowded(seed, 60)
    assert max(np.bincount(each.predicted_labels).max(initial=0) for each in images) > 100
    ours = values(coco_figures(images, CLASSES))
    for name, value in by_pycocotools(images).items():
        assert ours[name] == pytest.approx(value, abs=1e-12), name


@given(boxed_images(), st.data())
def test_weights_are_copies_of_images(images: list[BoxedImage], data: st.DataObject) -> None:
    """A resample that holds an image twice is what pycocotools gives of two such images, side by side."""
    counts = data.draw(st.lists(st.integers(0, 3), min_size=len(images), max_size=len(images)).filter(any))
    copies = [each for each, count in zip(images, counts, strict=True) for _ in range(count)]
    theirs = by_pycocotools(copies)
    for figure in coco_figures(images, CLASSES):
        if figure.name in theirs:
            value = float(figure.of(np.array([counts], float))[0])
            wanted = theirs[figure.name]
            assert value == pytest.approx(np.nan if wanted is None else wanted, abs=1e-12, nan_ok=True)


@given(boxed_images())
def test_the_figures_of_one_class_are_those_of_its_boxes_alone(images: list[BoxedImage]) -> None:
    ours = values(coco_figures(images, CLASSES))
    for label, name in enumerate(CLASSES):
        alone = []
        for each in images:
            true, said = each.truth_labels == label, each.predicted_labels == label
            alone.append(
                BoxedImage(
                    image_id=each.image_id,
                    truth=each.truth[true],
                    truth_labels=each.truth_labels[true],
                    crowd=each.crowd[true],
                    predicted=each.predicted[said],
                    predicted_labels=each.predicted_labels[said],
                    scores=each.scores[said],
                )
            )
        for key, value in by_pycocotools(alone).items():
            assert ours[f"{key}/{name}"] == (None if value is None else pytest.approx(value, abs=1e-12))


def test_no_prediction_is_nought_and_no_truth_is_undefined() -> None:
    box = (0, 0, 10, 10)
    silent = values(coco_figures([image(truth=[(box, 0)])], CLASSES))
    assert [silent[name] for name in OURS] == [0] * 4
    assert [silent[f"{name}/malignant"] for name in OURS] == [None] * 4
    healthy = [*coco_figures([image(predicted=[(box, 0, 0.9)])], CLASSES)]
    healthy += froc_figures([image(predicted=[(box, 0, 0.9)])], 2)
    assert set(values(healthy).values()) == {None}


def test_average_precision_by_hand() -> None:
    # One class, two true boxes in an image of two. Scores 0.9: hit, 0.8: false, 0.7: hit.
    # Precision 1 at recall 0.5, 2/3 at recall 1. Of the recalls 0, 0.01, ..., 1 there are 51 up to 0.5 and 50
    # above: (51 x 1 + 50 x 2/3) / 101.
    one, other, away = (0, 0, 10, 20), (50, 0, 60, 20), (200, 100, 220, 110)
    images = [
        image(truth=[(one, 0), (other, 0)], predicted=[(one, 0, 0.9), (other, 0, 0.7)]),
        image(predicted=[(away, 0, 0.8)], name="a/2"),
    ]
    ours = values(coco_figures(images, ("nodule",)))
    by_hand = (51 + 50 * 2 / 3) / 101
    assert [ours[name] for name in OURS] == pytest.approx([by_hand, by_hand, by_hand, 1])


# ---------------------------------------------------------------- FROC


def froc_by_definition(images: list[BoxedImage], iou: float, rate: float) -> float | None:
    """Every score as a threshold, each image matched anew."""
    truths = sum(int((~each.crowd).sum()) for each in images)
    if not truths:
        return None
    best = 0.0
    for threshold in {float(score) for each in images for score in each.scores}:
        hits = false = 0
        for each in images:
            free = [k for k in range(len(each.truth)) if not each.crowd[k]]
            crowds = [k for k in range(len(each.truth)) if each.crowd[k]]
            for row in np.argsort(-each.scores, kind="stable"):
                if each.scores[row] < threshold:
                    continue
                box = each.predicted[row]
                near = [(overlap(box, each.truth[k]), k) for k in free]
                near = [(value, k) for value, k in near if value >= iou]
                if near:
                    hits += 1
                    free.remove(max(near)[1])
                elif not any(overlap(box, each.truth[k], of_first=True) >= iou for k in crowds):
                    false += 1
        if false <= rate * len(images) + 1e-9:
            best = max(best, hits / truths)
    return best


def overlap(a: np.ndarray, b: np.ndarray, *, of_first: bool = False) -> float:
    width, height = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = max(width, 0) * max(height, 0)
    area, other = (float(np.prod(box[2:] - box[:2])) for box in (a, b))
    return shared / (area if of_first else area + other - shared)


@settings(max_examples=60)
@given(boxed_images(), st.sampled_from([0.3, 0.5]))
def test_froc_equals_its_definition(images: list[BoxedImage], iou: float) -> None:
    """At each rate, the greatest sensitivity of any threshold that has as few false positives."""
    rates = (0.0, 0.25, 1.0, 3.0)
    ours = values(froc_figures(images, 2, iou=iou, false_positives=rates))
    theirs = [froc_by_definition(images, iou, rate) for rate in rates]
    assert [ours[f"froc@{rate:g}"] for rate in rates] == [
        None if value is None else pytest.approx(value) for value in theirs
    ]
    assert ours["froc_mean"] == (None if None in theirs else pytest.approx(np.mean(theirs)))


@settings(max_examples=60)
@given(boxed_images(), st.data())
def test_froc_counts_an_image_as_often_as_its_weight(images: list[BoxedImage], data: st.DataObject) -> None:
    counts = data.draw(st.lists(st.integers(0, 3), min_size=len(images), max_size=len(images)).filter(any))
    copies = [each for each, count in zip(images, counts, strict=True) for _ in range(count)]
    for figure in froc_figures(images, 2, false_positives=(0.0, 0.5, 2.0)):
        wanted = values(froc_figures(copies, 2, false_positives=(0.0, 0.5, 2.0)))[figure.name]
        value = float(figure.of(np.array([counts], float))[0])
        assert value == pytest.approx(np.nan if wanted is None else wanted, abs=1e-12, nan_ok=True)


@given(boxed_images())
def test_more_false_positives_allow_no_less_sensitivity(images: list[BoxedImage]) -> None:
    ours = [value for value in values(froc_figures(images, 2)[:-1]).values() if value is not None]
    assert ours == sorted(ours)
    assert all(0 <= value <= 1 for value in ours)


def test_froc_by_hand() -> None:
    # Two images, three true boxes. From the greatest score on: 0.9 false (image 2), 0.8 hit, 0.7 hit and, of
    # the same score, 0.7 false, 0.6 a second prediction of a box that was found: false, 0.5 hit.
    # After 0.9: 0 of 3 at 0.5 false positives an image; 0.8: 1 of 3 at 0.5; 0.7: 2 of 3 at 1; 0.6: 2 of 3 at
    # 1.5; 0.5: 3 of 3 at 1.5.
    one, two, three = (0, 0, 10, 10), (30, 0, 40, 10), (60, 0, 70, 10)
    away, far = (200, 50, 210, 90), (300, 50, 310, 90)
    images = [
        image(truth=[(one, 0), (two, 1)], predicted=[(one, 0, 0.8), (one, 0, 0.6), (two, 0, 0.7)]),
        image(truth=[(three, 0)], predicted=[(away, 0, 0.9), (far, 0, 0.7), (three, 0, 0.5)], name="a/2"),
    ]
    ours = values(froc_figures(images, 2, iou=0.5, false_positives=(0.25, 0.5, 1, 1.4, 1.5)))
    expected = [0, 1 / 3, 2 / 3, 2 / 3, 1]
    assert [*ours.values()] == pytest.approx([*expected, np.mean(expected)])


def test_a_rate_that_is_reached_but_for_rounding_is_reached() -> None:
    """29 false positives in 100 images are 0.29 an image, though 0.29 x 100 is 28.999999999999996."""
    box, away = (0, 0, 10, 10), (200, 50, 210, 90)
    images = [image(predicted=[(away, 0, 0.9)], name=f"a/{k}") for k in range(29)]
    images += [image(truth=[(box, 0)], predicted=[(box, 0, 0.8)]), *[image()] * 70]
    assert values(froc_figures(images, 1, false_positives=(0.28, 0.29))) == {
        "froc@0.28": 0,
        "froc@0.29": 1,
        "froc_mean": 0.5,
    }


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: image(truth=[((30, 30, 10, 12), 0)]), "no box"),
        (lambda: image(predicted=[((0, 0, float("nan"), 12), 0, 0.5)]), "no box"),
        (lambda: image(predicted=[((0, 0, 9, 9), 0, float("nan"))]), "score is not a number"),
        (lambda: image(truth=[((0, 0, 9, 9), 0)], crowd=[True, False]), "columns"),
    ],
)
def test_what_are_no_boxes_is_refused_by_the_image(made, told: str) -> None:
    with pytest.raises(UsageError, match=told) as raised:
        made()
    assert raised.value.where == "a/1"


def test_a_label_that_is_no_class_is_refused() -> None:
    with pytest.raises(UsageError, match="none of the 2 classes"):
        coco_figures([image(truth=[((0, 0, 9, 9), 2)])], CLASSES)


@pytest.mark.parametrize(
    "options", [{"iou": 0}, {"iou": 1.5}, {"false_positives": ()}, {"false_positives": (-1,)}]
)
def test_froc_at_no_rate_or_no_overlap_is_refused(options) -> None:
    with pytest.raises(UsageError):
        froc_figures([image()], 1, **options)


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    coco_figures([image()], CLASSES)
    froc_figures([image()], 2)
    assert capsys.readouterr() == ("", "")
