"""The figures of a pair of drawings beside those of surface-distance and MONAI, on the same arrays.

Wall milliseconds per pair of boolean arrays of 560 x 360, all in one process and by turns. thyrodata computes
all its figures each time, and cuts the arrays to their extent first; ``measure`` alone is what a report pays
per pair. The others compute what a user would ask of them: surface-distance Dice, average surface distance,
HD95 and surface Dice; MONAI Dice, HD95 and average symmetric surface distance. What they give is compared
first. MONAI is run where ``BENCH_MONAI`` names a folder that pip has installed it to (``pip install
--target``).
"""

from __future__ import annotations

import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from math import isclose

import numpy as np
from numpy.typing import NDArray

from thyrodata.agreement.raster import Raster, crop
from thyrodata.agreement.surfaces import ShapeAgreement, measure

WIDTH, HEIGHT = 560, 360
PAIRS = 100
ROUNDS = 7
TOLERANCE = 2.0
"""Pixels."""
RADII = (25, 45, 65, 90, 130)
"""Pixels: outlines of 140 to 920 edge pixels; readers drew 170 to 1,300 in images of this size."""
SAME = 1e-6
"""Of a figure: MONAI's are in float32."""

Mask = NDArray[np.bool_]
Pair = tuple[Mask, Mask]


# ---------------------------------------------------------------- the drawings


def draw(seed: int) -> Pair:
    """Draw a nodule as two readers would: a wobbly outline, and a little aside one that wobbles otherwise."""
    random = np.random.default_rng(seed)
    radius = RADII[seed % len(RADII)]
    center = np.array([HEIGHT, WIDTH]) / 2 + random.normal(0, 15, 2)
    wobble = random.normal(0, 0.05, (2, 6))
    mine, other = random.normal(0, 0.01, (2, 2, 12))
    aside = random.normal(0, 0.03 * radius, 2)
    return (
        _blob(center, radius, (wobble, mine)),
        _blob(center + aside, radius * random.normal(1, 0.04), (wobble, other)),
    )


def _blob(center: NDArray[np.float64], radius: float, wobbles: tuple[NDArray[np.float64], ...]) -> Mask:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    angles = np.arctan2(rows - center[0], columns - center[1])
    reach = np.full(angles.shape, float(radius))
    for cosines, sines in wobbles:
        for number, (cosine, sine) in enumerate(zip(cosines, sines, strict=True), 1):
            reach += radius * (cosine * np.cos(number * angles) + sine * np.sin(number * angles))
    inside: Mask = np.hypot(rows - center[0], columns - center[1]) <= reach
    return inside


# ---------------------------------------------------------------- what is measured


def raster(mask: Mask) -> Raster:
    cut = crop(mask)
    if cut is None:
        raise ValueError("a drawing of the benchmark is empty")
    return cut


def thyrodata(a: Mask, b: Mask) -> ShapeAgreement:
    """All figures, from arrays."""
    return measure(raster(a), raster(b), tolerance=TOLERANCE)


def surface_distance(a: Mask, b: Mask) -> dict[str, float]:
    """What its README computes of a pair; of the average distance, the mean of the two directions."""
    import surface_distance as other  # noqa: PLC0415

    distances = other.compute_surface_distances(a, b, (1.0, 1.0))
    return {
        "dice": other.compute_dice_coefficient(a, b),
        "assd_surfel": sum(other.compute_average_surface_distance(distances)) / 2,
        "hd95_surfel": other.compute_robust_hausdorff(distances, 95),
        "surface_dice": other.compute_surface_dice_at_tolerance(distances, TOLERANCE),
    }


def monai(a: Mask, b: Mask) -> dict[str, float]:
    """Its functional metrics, each of one image of one class."""
    import torch  # noqa: PLC0415
    from monai import metrics  # noqa: PLC0415

    one, two = (torch.from_numpy(mask)[None, None] for mask in (a, b))
    return {
        "dice": float(metrics.compute_dice(one, two)),
        "hd95_max": float(
            metrics.compute_hausdorff_distance(one, two, include_background=True, percentile=95)
        ),
        "assd": float(
            metrics.compute_average_surface_distance(one, two, include_background=True, symmetric=True)
        ),
    }


OTHERS: dict[str, tuple[Callable[[Mask, Mask], dict[str, float]], float]] = {
    "surface_distance": (surface_distance, 3),
    "monai": (monai, 5),
}
"""What one would use instead, and how many times its time per pair thyrodata is to be quicker."""


def compare(pairs: list[Pair], others: list[str]) -> None:
    """Refuse to time what gives other figures.

    Raises:
        ValueError: A figure differs by more than a millionth of it.
    """
    for a, b in pairs:
        ours = thyrodata(a, b)
        for name in others:
            for figure, value in OTHERS[name][0](a, b).items():
                if not isclose(getattr(ours, figure), value, rel_tol=SAME):
                    raise ValueError(f"{figure}: {getattr(ours, figure)}, and {value} of {name}")


def main() -> None:
    warnings.simplefilter("ignore")  # surface-distance calls scipy by names of old, MONAI itself
    if folder := os.environ.get("BENCH_MONAI"):
        sys.path.append(folder)
    others = [name for name in OTHERS if find_spec(name)]
    for name in OTHERS.keys() - set(others):
        print(f"{name}: not installed, and not compared")
    pairs = [draw(seed) for seed in range(PAIRS)]
    cut = [(raster(a), raster(b)) for a, b in pairs]
    compare(pairs, others)
    print(f"{len(pairs)} pairs; equal to {SAME:g} of each figure: {', '.join(others) or 'nobody asked'}")

    jobs: dict[str, Callable[[], object]] = {
        "measure alone": lambda: [measure(a, b, tolerance=TOLERANCE) for a, b in cut],
        "thyrodata": lambda: [thyrodata(a, b) for a, b in pairs],
        **{name: lambda job=OTHERS[name][0]: [job(a, b) for a, b in pairs] for name in others},  # type: ignore[misc]
    }
    took: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(ROUNDS):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            took[name].append((time.perf_counter() - start) / len(pairs) * 1000)
    ours = took["thyrodata"]
    for name, times in took.items():
        line = f"{name:16} best {min(times):6.3f} ms, median {statistics.median(times):6.3f} ms"
        if name in others:
            ratio = statistics.median(theirs / own for theirs, own in zip(times, ours, strict=True))
            line += f" = {ratio:4.1f} thyrodata; target {OTHERS[name][1]:g} or more"
        print(line, flush=True)


if __name__ == "__main__":
    main()
