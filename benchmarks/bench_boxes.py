"""COCO's figures beside pycocotools: the same boxes, in one process and by turns.

500,000 predictions in 5,000 images. thyrodata gives ap, ap50, ap75 and ar_100 of every class and all; and,
what pycocotools cannot, the interval of ap by 1,000 resamples of the images. Values are compared first.
"""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from math import isclose
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from thyrodata.agreement.resampling import Resampling
from thyrodata.baselines.metrics.boxes import BoxedImage
from thyrodata.baselines.metrics.detection import coco_figures
from thyrodata.baselines.metrics.figures import value_of
from thyrodata.baselines.metrics.intervals import measured

IMAGES, FOUND, ROUNDS = 5_000, 100, 3
CLASSES = ("benign", "malignant")


def drawn(number: int) -> BoxedImage:
    """Two true boxes, and predictions scattered about them."""
    random = np.random.default_rng(number)
    corners = random.uniform(0, 300, (2, 2))
    truth = np.column_stack([corners, corners + random.uniform(20, 120, (2, 2))])
    predicted = truth[random.integers(0, 2, FOUND)] + random.normal(0, 12, (FOUND, 4))
    predicted[:, 2:] = np.maximum(predicted[:, 2:], predicted[:, :2] + 1)
    return BoxedImage(
        image_id=str(number),
        truth=truth,
        truth_labels=random.integers(0, 2, 2),
        crowd=np.zeros(2, np.bool_),
        predicted=predicted,
        predicted_labels=random.integers(0, 2, FOUND),
        scores=random.uniform(0, 1, FOUND),
    )


def thyrodatas(images: list[BoxedImage]) -> list[float | None]:
    """Return ap, ap50, ap75 and ar_100."""
    values = {figure.name: value_of(figure) for figure in coco_figures(images, CLASSES)}
    return [values[name] for name in ("ap", "ap50", "ap75", "ar_100")]


def pycocotoolss(images: list[BoxedImage]) -> list[float]:
    """Return the same by pycocotools, of annotations that are made beforehand no more than ours are."""
    truth: Any = COCO()
    truth.dataset = {
        "images": [{"id": n} for n in range(len(images))],
        "categories": [{"id": k, "name": name} for k, name in enumerate(CLASSES)],
        "annotations": [
            {"id": 2 * n + k + 1, "image_id": n, "category_id": int(label), **box_of(box), "iscrowd": 0}
            for n, image in enumerate(images)
            for k, (box, label) in enumerate(zip(image.truth, image.truth_labels, strict=True))
        ],
    }
    with redirect_stdout(io.StringIO()):
        truth.createIndex()
        found = truth.loadRes(
            np.concatenate(
                [
                    np.column_stack(
                        [
                            np.full(len(image.scores), n),
                            image.predicted[:, :2],
                            image.predicted[:, 2:] - image.predicted[:, :2],
                            image.scores,
                            image.predicted_labels,
                        ]
                    )
                    for n, image in enumerate(images)
                ]
            )
        )
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(evaluation.stats[place]) for place in (0, 1, 2, 8)]


def box_of(box: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Return a box as COCO writes it."""
    width, height = (box[2:] - box[:2]).tolist()
    return {"bbox": [*box[:2].tolist(), width, height], "area": width * height}


def seconds(work: Callable[[], object]) -> float:
    """Return how long a call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Print seconds, ratio, and those of an interval."""
    images = [drawn(number) for number in range(IMAGES)]
    for ours, theirs in zip(thyrodatas(images), pycocotoolss(images), strict=True):
        if ours is None or not isclose(ours, theirs, abs_tol=1e-9):
            raise SystemExit(f"the figures differ: {ours} and {theirs}")
    rounds = [
        (seconds(lambda: thyrodatas(images)), seconds(lambda: pycocotoolss(images))) for _ in range(ROUNDS)
    ]
    ours, theirs = (statistics.median(each) for each in zip(*rounds, strict=True))
    print(f"{IMAGES * FOUND:,} predictions: thyrodata {ours:.2f} s, pycocotools {theirs:.2f} s")
    print(f"ratio {theirs / ours:.1f}")
    (ap, *_) = coco_figures(images, CLASSES)
    groups = [image.image_id for image in images]
    took = seconds(lambda: measured(ap, groups, Resampling(seed=0, resamples=1000)))
    print(f"interval of ap by 1,000 resamples: {took:.2f} s")


if __name__ == "__main__":
    main()
