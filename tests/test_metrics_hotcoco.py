"""COCO's figures against hotcoco, an independent implementation of pycocotools."""

from __future__ import annotations

import numpy as np
import pytest

from thyrodata.baselines.metrics.boxes import BoxedImage
from thyrodata.baselines.metrics.detection import coco_figures
from thyrodata.baselines.metrics.figures import value_of

hotcoco = pytest.importorskip("hotcoco")

CLASSES = ("benign", "malignant", "never")
PLACES = {"ap": 0, "ap50": 1, "ap75": 2, "ar_100": 8}


def images_of(seed: int, count: int) -> list[BoxedImage]:
    """Images of up to three boxes, each found some times over, with equal scores and crowds among them."""
    random = np.random.default_rng(seed)
    made = []
    for k in range(count):
        truths = int(random.integers(0, 4))
        corners = random.integers(0, 300, (truths, 2))
        truth = np.hstack([corners, corners + random.integers(60, 130, (truths, 2))]).astype(float)
        found = np.repeat(truth, 4, axis=0) + random.normal(0, 5, (4 * truths, 4))
        made.append(
            BoxedImage(
                image_id=f"a/{k}",
                truth=truth,
                truth_labels=random.integers(0, 2, truths),
                crowd=random.random(truths) < 0.1,
                predicted=found,
                predicted_labels=random.integers(0, 2, 4 * truths),
                scores=np.round(random.random(4 * truths), 1),
            )
        )
    return made


def by_hotcoco(images: list[BoxedImage]) -> list[float]:
    pictures = [{"id": k + 1, "width": 400, "height": 900} for k in range(len(images))]
    categories = [{"id": k + 1, "name": name} for k, name in enumerate(CLASSES)]
    truth, found = [], []
    for k, image in enumerate(images):
        for box, label, crowd in zip(image.truth, image.truth_labels, image.crowd, strict=True):
            size = box[2:] - box[:2]
            truth.append(
                {
                    "id": len(truth) + 1,
                    "image_id": k + 1,
                    "category_id": int(label) + 1,
                    "bbox": [*box[:2].tolist(), *size.tolist()],
                    "area": float(size.prod()),
                    "iscrowd": int(crowd),
                }
            )
        for box, label, score in zip(image.predicted, image.predicted_labels, image.scores, strict=True):
            found.append(
                {
                    "image_id": k + 1,
                    "category_id": int(label) + 1,
                    "bbox": [*box[:2].tolist(), *(box[2:] - box[:2]).tolist()],
                    "score": float(score),
                }
            )
    given = hotcoco.COCO({"images": pictures, "categories": categories, "annotations": truth})
    evaluation = hotcoco.COCOeval(given, given.load_res(found), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return [float(value) for value in evaluation.stats]


@pytest.mark.parametrize("seed", range(5))
def test_coco_figures_are_hotcocos(seed: int) -> None:
    images = images_of(seed, 60)
    ours = {figure.name: value_of(figure) for figure in coco_figures(images, CLASSES)}
    theirs = by_hotcoco(images)
    for name, place in PLACES.items():
        assert ours[name] == pytest.approx(theirs[place], abs=1e-12), name
    assert ours["ap/never"] is None
