"""Fits what `thyrodata.qc.marks` weighs its candidates by, on phantoms and marks planted on them alone.

`python tools/fit_marks.py` writes `calipers.csv`, `ink.csv` and a file for each kind of mark beside the code,
the same bytes each time. No picture of a scanner is read. It takes some ten minutes.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

sys.path.insert(0, str(Path(__file__).parents[1]))  # the planter of marks is that of the tests

from tests.planted import KINDS, degraded, inside, plant
from thyrodata.phantoms import PhantomSpec, phantom
from thyrodata.qc.marks import MarkKind, blobs, crossings, shapes
from thyrodata.qc.marks.evidence import Evidence, gather
from thyrodata.qc.marks.region import marked_area
from thyrodata.qc.marks.search import painted_marks
from thyrodata.qc.marks.shapes import measured

FRAMES = 400
DRAWN = 0.5
"""Share of a blob that is ink for it to be drawn."""
NAMED = 250
"""Frames of which each kind of mark is planted on each."""
CALIPERS, INK, SHAPE = (80, 5, 0.2), (60, 6, 0.2), (25, 6, 0.2)
"""Trees, leaves of each, and how much each tree adds."""

FOLDER = Path(__file__).parents[1] / "thyrodata" / "qc" / "marks"


def frame_of(seed: int) -> tuple[np.ndarray, tuple[int, int, int, int], float, np.random.Generator]:
    """Return a clean frame of any gain, its echo region, what to scale it by, and what chooses all else."""
    chance = np.random.default_rng([3, seed])
    height = int(chance.integers(260, 760))
    width = int(height * chance.uniform(1.25, 1.6))
    drawn = phantom(PhantomSpec(seed=seed, height=height, width=width, dual=seed % 3 == 0, nodules=seed % 4))
    gain, black = chance.choice([chance.uniform(0.7, 1), chance.uniform(1, 2.5)]), chance.uniform(-20, 20)
    curve = (drawn.pixels / 255) ** np.exp(chance.uniform(-0.5, 0.4))
    frame = np.where(drawn.pixels > 0, np.clip(gain * 255 * curve - black * gain, 0, 255), 0)
    scale = float(chance.choice([1, chance.uniform(0.5, 1), chance.uniform(1, 2)]))
    return np.round(frame).astype(np.uint8), drawn.echo_box, scale, chance


def pictures() -> Iterator[tuple[np.ndarray, dict[str, np.ndarray], list]]:
    """Yield each echo region, its ink by kind of mark, and the calipers' centres."""
    for seed in range(FRAMES):
        frame, box, scale, chance = frame_of(seed)
        x0, y0, x1, y1 = (round(side * scale) for side in box)
        echo = (slice(y0, y1), slice(x0, x1))
        other = str(chance.choice([*KINDS][2:]))
        for kinds in ((), ("x",), ("+",), (other,)):
            made = degraded(plant(frame, inside(box), kinds, chance), chance, scale)
            inks = {kind: ink[echo] for kind, ink in made.inks.items()}
            yield made.pixels.max(axis=2)[echo], inks, [(x - x0, y - y0) for x, y in made.centres]


def shape_rows() -> Iterator[tuple[np.ndarray, MarkKind]]:
    """Yield the measures of the ink of each mark that is found, and what was planted there."""
    for seed in range(FRAMES, FRAMES + NAMED):
        frame, box, scale, chance = frame_of(seed)
        x0, y0, x1, y1 = (round(side * scale) for side in box)
        for kind in KINDS:
            made = degraded(plant(frame, inside(box), (kind,), chance), chance, scale)
            for mark in painted_marks(made.pixels[y0:y1, x0:x1])[0]:
                at = (mark.rows + y0, mark.columns + x0)
                shares = {name: float(ink[at].mean()) for name, ink in made.inks.items()}
                name = max(shares, key=lambda one: shares[one])
                if shares[name] > DRAWN:
                    yield measured(mark.rows, mark.columns), KINDS[name]


def caliper_rows(evidence: Evidence, inks: dict[str, np.ndarray], centres: list) -> Iterator[tuple]:
    """Yield the measures of candidates, and whether each is the centre of a caliper.

    Of marked pictures those on echo are left out, which may be the arms of a caliper. Letters are none.
    """
    found = evidence.crossings
    true = np.zeros(len(found.x), bool)
    for x, y in centres:
        true |= np.hypot(found.x - x, found.y - y) < 1.6 * found.scale
    true &= found.diagonal == ("x" in inks)
    drawn = np.zeros(len(found.x), bool)
    for kind, ink in inks.items():
        if kind not in {"x", "+"}:
            rows, columns = (
                np.clip(np.rint(at).astype(int), 0, n - 1)
                for at, n in zip((found.y, found.x), ink.shape, strict=True)
            )
            drawn |= ink[rows, columns]
    for measures, is_caliper, is_other in zip(found.measures, true, drawn, strict=True):
        if is_caliper or is_other or not inks:
            yield measures, bool(is_caliper)


def ink_rows(evidence: Evidence, inks: dict[str, np.ndarray]) -> Iterator[tuple]:
    """Yield the measures of blobs, and whether each is drawn."""
    found = evidence.blobs
    labels = found.labels.ravel()
    ink = np.logical_or.reduce([np.zeros(found.labels.shape, bool), *inks.values()])
    sizes = np.bincount(labels, minlength=len(found.boxes) + 1)[1:]
    share = np.bincount(labels, ink.ravel(), len(found.boxes) + 1)[1:] / np.maximum(sizes, 1)
    for measures, part in zip(found.measures, share, strict=True):
        is_drawn = part > DRAWN
        if is_drawn or not inks:
            yield measures, bool(is_drawn)


def fit(rows: list[tuple], name: str, features: tuple[str, ...], size: tuple[int, int, float]) -> None:
    """Fit trees and write them as numbers."""
    trees, leaves, rate = size
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
    """Measure all candidates of all pictures, then all marks that are found, and fit the files."""
    calipers: list[tuple] = []
    inks: list[tuple] = []
    for grey, drawn, centres in pictures():
        evidence = gather(grey, marked_area(grey))
        calipers += caliper_rows(evidence, drawn, centres)
        inks += ink_rows(evidence, drawn)
    fit(calipers, "calipers", crossings.FEATURES, CALIPERS)
    fit(inks, "ink", blobs.FEATURES, INK)
    shapes_of = list(shape_rows())  # of marks that are found by what has just been fitted
    for kind in MarkKind:
        fit([(row, is_ is kind) for row, is_ in shapes_of], kind.value, shapes.FEATURES, SHAPE)


if __name__ == "__main__":
    main()
