"""The figures of a pair of drawings, against other libraries and against their definitions written anew.

Each reference works on whole frames: edges by erosion, distances by comparing all with all, overlaps by
SimpleITK, surfels by DeepMind's surface-distance.
"""

from __future__ import annotations

from dataclasses import asdict
from itertools import combinations
from math import sqrt

import nibabel
import numpy as np
import pytest
import SimpleITK
import surface_distance
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.ndimage import binary_erosion
from scipy.spatial import ConvexHull
from scipy.spatial.distance import cdist

from thyrodata.agreement.outlines import edge, nearest, nearest_in_trees
from thyrodata.agreement.raster import Raster, crop
from thyrodata.agreement.surfaces import measure
from thyrodata.errors import UsageError

# surface-distance calls scipy's functions by names of old
pytestmark = pytest.mark.filterwarnings("ignore:Please (import|use) `:DeprecationWarning")

FOLDERS = (
    "RadiologistSegmentations/Segmentations_1",
    "ResidentSegmentations/Segmentations_1",
    "ResidentSegmentations/Segmentations_2",
)
SWAPPED = {"area_a": "area_b", "area_b": "area_a", "diameter_a": "diameter_b", "diameter_b": "diameter_a"}

shapes = st.tuples(st.integers(1, 12), st.integers(1, 12))
spacings = st.sampled_from([(1.0, 1.0), (0.07, 0.07), (0.5, 0.2), (1.0, 3.0)])
tolerances = st.sampled_from([0.0, 0.15, 1.0, 2.5])


@st.composite
def pairs_of_masks(draw):
    """Two frames of one size with any pixels in: holes, many parts, one pixel, the border."""
    shape = draw(shapes)
    mask = npst.arrays(np.bool_, shape).filter(np.any)
    return draw(mask), draw(mask)


def blob(height, width, *, y, x, radius, lobes=0):
    """A disc, or a flower of some petals."""
    rows, columns = np.mgrid[:height, :width]
    angle = np.arctan2(rows - y, columns - x)
    return np.hypot(rows - y, columns - x) <= radius * (1 + 0.3 * np.cos(lobes * angle) * (lobes > 0))


def compared(a, b, **options):
    return measure(cropped(a), cropped(b), **{"tolerance": 1.0, **options})


def cropped(mask) -> Raster:
    raster = crop(mask)
    assert raster is not None
    return raster


# ---------------------------------------------------------------- the definitions, written anew


def eroded(mask):
    return mask & ~binary_erosion(mask)


def edge_figures(a, b, tolerance, spacing):
    edges = [np.argwhere(eroded(mask)) * spacing for mask in (a, b)]
    distances = cdist(*edges)
    from_a, from_b = distances.min(axis=1), distances.min(axis=0)
    both = np.concatenate((from_a, from_b))
    precision, recall = ((ways <= tolerance + 1e-9).mean() for ways in (from_a, from_b))
    return {
        "hausdorff": both.max(),
        "hd95_pooled": np.percentile(both, 95),
        "hd95_max": max(np.percentile(from_a, 95), np.percentile(from_b, 95)),
        "assd": both.mean(),
        "boundary_f": 2 * precision * recall / (precision + recall) if precision + recall else 0,
    }


def surfel_figures(a, b, tolerance, spacing):
    distances = surface_distance.compute_surface_distances(a, b, spacing)
    return {
        "assd_surfel": np.mean(surface_distance.compute_average_surface_distance(distances)),
        "hd95_surfel": surface_distance.compute_robust_hausdorff(distances, 95),
        "surface_dice": surface_distance.compute_surface_dice_at_tolerance(distances, tolerance + 1e-9),
    }


def overlap_figures(a, b):
    overlaps = SimpleITK.LabelOverlapMeasuresImageFilter()
    overlaps.Execute(*(SimpleITK.GetImageFromArray(mask.astype(np.uint8)) for mask in (a, b)))
    return {"dice": overlaps.GetDiceCoefficient(), "iou": overlaps.GetJaccardCoefficient()}


def size_figures(a, b, spacing):
    sizes = {}
    for name, mask in (("a", a), ("b", b)):
        corners = np.concatenate([np.argwhere(mask) + offset for offset in np.ndindex(2, 2)]) * spacing
        hull = corners[ConvexHull(corners).vertices]
        sizes[f"area_{name}"] = mask.sum() * np.prod(spacing)
        sizes[f"diameter_{name}"] = cdist(hull, hull).max()
    return sizes


def reference(a, b, *, tolerance, spacing=(1.0, 1.0)):
    return {
        **edge_figures(a, b, tolerance, spacing),
        **surfel_figures(a, b, tolerance, spacing),
        **overlap_figures(a, b),
        **size_figures(a, b, spacing),
    }


# ---------------------------------------------------------------- published samples


def candidates(folder):
    """All readers' masks of one image; then each image's first with the next one's, the one after, ..."""
    images = {}
    for reader in FOLDERS:
        for path in sorted((folder / reader).glob("*.nii")):
            mask = np.asanyarray(nibabel.load(path).dataobj)[:, :, 0].T.astype(bool)
            if mask.any():
                images.setdefault(path.stem, []).append(mask)
    for name in sorted(images):
        yield from combinations(images[name], 2)
    firsts = [images[name][0] for name in sorted(images)]
    for step in range(1, len(firsts)):
        yield from zip(firsts, firsts[step:], strict=False)


@pytest.fixture(scope="module")
def real_pairs(samples):
    """240 pairs of unlike masks, none twice: the two residents' are mostly equal."""
    pairs = {}
    for a, b in candidates(samples / "ddti_v2"):
        if a.shape == b.shape and not np.array_equal(a, b):
            pairs.setdefault(frozenset((a.tobytes(), b.tobytes())), (a, b))
        if len(pairs) == 240:
            break
    return list(pairs.values())


@pytest.mark.slow
def test_each_figure_of_real_pairs_equals_an_independent_one(real_pairs):
    assert len(real_pairs) == 240
    for a, b in real_pairs:
        assert asdict(compared(a, b, tolerance=2.0)) == pytest.approx(
            reference(a, b, tolerance=2.0), rel=0, abs=1e-6
        )


@pytest.mark.slow
def test_each_figure_of_real_pairs_in_mm_equals_an_independent_one(real_pairs):
    for a, b in real_pairs[::8]:
        options = {"tolerance": 0.151, "spacing": (0.08, 0.05)}
        assert asdict(compared(a, b, **options)) == pytest.approx(reference(a, b, **options), rel=0, abs=1e-6)


@pytest.mark.slow
def test_the_hausdorff_distance_of_real_pairs_is_simpleitks_between_edges(real_pairs):
    for a, b in real_pairs[::4]:
        assert compared(a, b).hausdorff == pytest.approx(itk_hausdorff(eroded(a), eroded(b)), abs=1e-6)


def itk_hausdorff(a, b):
    distance = SimpleITK.HausdorffDistanceImageFilter()
    distance.Execute(*(SimpleITK.GetImageFromArray(mask.astype(np.uint8)) for mask in (a, b)))
    return distance.GetHausdorffDistance()


# ---------------------------------------------------------------- laws


@given(pairs_of_masks(), tolerances, spacings)
def test_each_figure_equals_its_definition(masks, tolerance, spacing):
    """Whatever the pixels, the spacing and the tolerance, each figure is the reference's."""
    assert asdict(compared(*masks, tolerance=tolerance, spacing=spacing)) == pytest.approx(
        reference(*masks, tolerance=tolerance, spacing=spacing), rel=0, abs=1e-6
    )


@given(pairs_of_masks(), tolerances, spacings)
def test_neither_reader_comes_first(masks, tolerance, spacing):
    """With the readers exchanged every figure is the same to the last bit."""
    a, b = masks
    one, other = (asdict(compared(*pair, tolerance=tolerance, spacing=spacing)) for pair in ((a, b), (b, a)))
    assert one == {SWAPPED.get(name, name): figure for name, figure in other.items()}


@given(pairs_of_masks(), st.integers(0, 40), st.integers(0, 40), spacings)
def test_the_place_in_the_image_does_not_matter(masks, down, along, spacing):
    """Two drawings moved together, away from the border or along it, agree as before."""
    moved = (np.pad(mask, ((down, 1), (along, 0))) for mask in masks)
    assert asdict(compared(*moved, spacing=spacing)) == pytest.approx(
        asdict(compared(*masks, spacing=spacing)), rel=1e-12
    )


@given(pairs_of_masks())
def test_lengths_are_in_the_unit_of_the_spacing(masks):
    """Half a millimetre a pixel halves all lengths, quarters the areas and leaves the shares."""
    px = asdict(compared(*masks, tolerance=2.0))
    mm = asdict(compared(*masks, tolerance=1.0, spacing=(0.5, 0.5)))
    shares = {"dice", "iou", "boundary_f", "surface_dice"}
    for name, figure in px.items():
        scale = 1 if name in shares else 0.25 if name.startswith("area") else 0.5
        assert mm[name] == pytest.approx(figure * scale, rel=1e-12), name


@given(pairs_of_masks())
def test_a_table_and_trees_give_the_same_distances_to_the_last_bit(masks):
    """Which way is quicker decides nothing else."""
    a, b = (edge(cropped(mask)) for mask in masks)
    for table, tree in zip(nearest(a, b, (1.0, 1.0)), nearest_in_trees(a, b, (1.0, 1.0)), strict=True):
        assert table.tolist() == tree.tolist()


# ---------------------------------------------------------------- cases


def test_a_drawing_agrees_with_itself():
    flower = blob(90, 120, y=40, x=60, radius=25, lobes=5)
    figures = compared(flower, flower, tolerance=0.0)
    assert (figures.dice, figures.iou, figures.boundary_f, figures.surface_dice) == (1, 1, 1, 1)
    distances = (figures.hausdorff, figures.hd95_pooled, figures.hd95_max, figures.hd95_surfel)
    assert (*distances, figures.assd, figures.assd_surfel) == (0,) * 6


def test_a_square_moved_by_three_pixels_has_the_figures_that_follow():
    square = np.zeros((30, 30), np.bool_)
    square[10:20, 5:15] = True
    figures = compared(square, np.roll(square, 3, axis=1), tolerance=2.0)
    assert figures.dice == 0.7
    assert figures.iou == 70 / 130
    assert figures.hausdorff == figures.hd95_max == figures.hd95_pooled == figures.hd95_surfel == 3
    # Of 36 px the left side is 3 px from the other's, 30 in all; of top and bottom two pixels each stick out,
    # 6 in all; the right side is inside, 0 to 3 px from the other's top, bottom and right, 18 in all.
    assert figures.assd == 54 / 36
    assert figures.boundary_f == pytest.approx(22 / 36)
    assert figures.area_a == figures.area_b == 100
    assert figures.diameter_a == figures.diameter_b == np.hypot(10, 10)


def test_large_outlines_are_measured_block_by_block():
    a = blob(900, 900, y=450, x=450, radius=300, lobes=7)
    b = blob(900, 900, y=455, x=440, radius=310, lobes=6)
    assert asdict(compared(a, b, tolerance=3.0)) == pytest.approx(reference(a, b, tolerance=3.0), abs=1e-6)


def test_drawings_at_the_ends_of_a_wide_image_are_measured():
    dot = np.ones((1, 1), np.bool_)
    a = Raster(left=0, top=0, pixels=dot)
    b = Raster(left=30_001, top=40_002, pixels=dot)
    figures = measure(a, b, tolerance=1.0)
    assert figures.hausdorff == figures.hd95_pooled == figures.assd == sqrt(30_001**2 + 40_002**2)
    assert figures.dice == figures.boundary_f == figures.surface_dice == 0


def test_three_pixels_of_a_tenth_of_a_millimetre_are_within_three_tenths():
    """They are 0.30000000000000004 mm in binary fractions."""
    a, b = (Raster(left=left, top=0, pixels=np.ones((1, 1), np.bool_)) for left in (0, 3))
    assert measure(a, b, tolerance=0.3, spacing=(0.1, 0.1)).boundary_f == 1
    assert measure(a, b, tolerance=0.29, spacing=(0.1, 0.1)).boundary_f == 0


def test_simpleitk_measures_between_whole_regions():
    """A disc in a disc: the inner one is no distance from the outer, but its edge is."""
    outer, inner = (blob(80, 80, y=40, x=x, radius=radius) for x, radius in ((40, 30), (60, 8)))
    assert compared(outer, inner).hausdorff == pytest.approx(itk_hausdorff(eroded(outer), eroded(inner)))
    ring = outer & ~blob(80, 80, y=40, x=40, radius=28)
    core = blob(80, 80, y=40, x=40, radius=27)
    assert itk_hausdorff(ring, core) > compared(ring, core).hausdorff
    shifted = blob(80, 80, y=40, x=42, radius=22)
    assert itk_hausdorff(outer, shifted) <= compared(outer, shifted).hausdorff


def test_the_three_hd95_differ_where_one_outline_strays():
    """Which of them a report gives matters: so each has its name."""
    a = blob(100, 100, y=50, x=50, radius=20)
    b = a.copy()
    b[45:55, 70:90] = True
    figures = compared(a, b)
    assert len({figures.hd95_pooled, figures.hd95_max, figures.hd95_surfel}) == 3
    assert max(figures.hd95_pooled, figures.hd95_max, figures.hd95_surfel) < figures.hausdorff


@pytest.mark.parametrize("tolerance", [-1.0, float("nan"), float("inf")])
def test_a_tolerance_that_is_no_distance_is_refused(tolerance):
    mask = np.ones((2, 2), np.bool_)
    with pytest.raises(UsageError, match="tolerance"):
        compared(mask, mask, tolerance=tolerance)


@pytest.mark.parametrize("spacing", [(0.0, 1.0), (1.0, -1.0), (float("nan"), 1.0)])
def test_a_spacing_that_is_no_distance_is_refused(spacing):
    mask = np.ones((2, 2), np.bool_)
    with pytest.raises(UsageError, match="spacing"):
        compared(mask, mask, spacing=spacing)
