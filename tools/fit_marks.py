"""Fits what `thyrodata.qc.marks` weighs its candidates by, on phantoms and marks planted on them alone.

`python tools/fit_marks.py` writes `calipers.csv` and `ink.csv` beside the code, the same bytes each time. No
picture of a scanner is read. It takes a few minutes.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.ensemble import HistGradientBoostingClassifier

sys.path.insert(0, str(Path(__file__).parents[1]))  # the planter of marks is that of the tests

from tests.planted import KINDS, inside, jpeg, plant
from thyrodata.phantoms import PhantomSpec, phantom
from thyrodata.qc.marks import blobs, crossings
from thyrodata.qc.marks.evidence import Evidence, gather
from thyrodata.qc.marks.region import marked_area

FRAMES = 600
HALF = 127
DEPTH = {"calipers": (80, 5, 0.2), "ink": (60, 6, 0.2)}
"""Trees, leaves of each, and how much each tree adds."""

FOLDER = Path(__file__).parents[1] / "thyrodata" / "qc" / "marks"


def pictures() -> Iterator[tuple[np.ndarray, np.ndarray, tuple[str, ...], list]]:
    """Yield each echo region, its ink, the kinds of mark in it and the calipers' centres."""
    for seed in range(FRAMES):
        chance = np.random.default_rng([3, seed])
        height = int(chance.integers(260, 760))
        width = int(height * chance.uniform(1.25, 1.6))
        drawn = phantom(
            PhantomSpec(seed=seed, height=height, width=width, dual=seed % 3 == 0, nodules=seed % 4)
        )
        gain, black = chance.choice([chance.uniform(0.7, 1), chance.uniform(1, 2.5)]), chance.uniform(-20, 20)
        curve = (drawn.pixels / 255) ** np.exp(chance.uniform(-0.5, 0.4))
        frame = np.where(drawn.pixels > 0, np.clip(gain * 255 * curve - black * gain, 0, 255), 0)
        frame = np.round(frame).astype(np.uint8)
        scale = float(chance.choice([1, chance.uniform(0.5, 1), chance.uniform(1, 2)]))
        filter_ = int(chance.choice([1, 2, 3]))
        quality = int(chance.integers(75, 96))
        inner = inside(drawn.echo_box)
        other = str(chance.choice(KINDS[2:]))
        for kinds in ((), ("x",), ("+",), (other,)):
            planted = plant(frame, inner, kinds, chance)
            size = (round(width * scale), round(height * scale))
            pixels = np.array(Image.fromarray(planted.pixels).resize(size, filter_))
            ink = np.array(Image.fromarray(planted.ink.astype(np.uint8) * 255).resize(size, 2)) > HALF
            x0, y0, x1, y1 = (round(side * scale) for side in drawn.echo_box)
            centres = [
                ((x + 0.5) * scale - 0.5 - x0, (y + 0.5) * scale - 0.5 - y0) for x, y in planted.centres
            ]
            echo = (slice(y0, y1), slice(x0, x1))
            yield jpeg(pixels, quality).max(axis=2)[echo], ink[echo], kinds, centres


def caliper_rows(evidence: Evidence, kinds: tuple[str, ...], centres: list) -> Iterator[tuple]:
    """Yield the measures of candidates, and whether each is the centre of a caliper."""
    found = evidence.crossings
    true = np.zeros(len(found.x), bool)
    for x, y in centres:
        true |= np.hypot(found.x - x, found.y - y) < 1.6 * found.scale
    true &= found.diagonal == ("x" in kinds)
    for measures, is_caliper in zip(found.measures, true, strict=True):
        if is_caliper or not kinds:
            yield measures, bool(is_caliper)


def ink_rows(evidence: Evidence, kinds: tuple[str, ...], ink: np.ndarray) -> Iterator[tuple]:
    """Yield the measures of blobs, and whether each is drawn."""
    found = evidence.blobs
    sizes = np.bincount(found.labels.ravel(), minlength=len(found.boxes) + 1)[1:]
    share = np.bincount(found.labels.ravel(), ink.ravel(), len(found.boxes) + 1)[1:] / np.maximum(sizes, 1)
    for measures, part in zip(found.measures, share, strict=True):
        is_drawn = part > HALF / 255
        if is_drawn or not kinds:
            yield measures, bool(is_drawn)


def fit(rows: list[tuple], name: str, features: tuple[str, ...]) -> None:
    """Fit trees and write them as numbers."""
    trees, leaves, rate = DEPTH[name]
    model = HistGradientBoostingClassifier(
        max_iter=trees,
        max_leaf_nodes=leaves,
        learning_rate=rate,
        class_weight="balanced",
        l2_regularization=1,
        early_stopping=False,
        random_state=0,
    )
    model.fit(np.array([row for row, _ in rows]), np.array([true for _, true in rows]))
    base = float(model._baseline_prediction.ravel()[0])  # noqa: SLF001 -- scikit-learn has no public way to it
    with (FOLDER / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["tree", "node", "depth", "feature", "threshold", "left", "right", "value"])
        out.writerow([0, 0, 0, "", "", "", "", f"{base:.4f}"])
        for tree, (predictor,) in enumerate(model._predictors, start=1):  # noqa: SLF001 -- as above
            for index, node in enumerate(predictor.nodes):
                if node["is_leaf"]:
                    out.writerow([tree, index, node["depth"], "", "", "", "", f"{node['value']:.4f}"])
                else:
                    name_ = features[node["feature_idx"]]
                    limit = f"{node['num_threshold']:.4f}"
                    out.writerow([tree, index, node["depth"], name_, limit, node["left"], node["right"], ""])


def main() -> None:
    """Measure all candidates of all pictures, and fit both files."""
    calipers: list[tuple] = []
    inks: list[tuple] = []
    for grey, ink, kinds, centres in pictures():
        evidence = gather(grey, marked_area(grey))
        calipers += caliper_rows(evidence, kinds, centres)
        inks += ink_rows(evidence, kinds, ink)
    fit(calipers, "calipers", crossings.FEATURES)
    fit(inks, "ink", blobs.FEATURES)


if __name__ == "__main__":
    main()
