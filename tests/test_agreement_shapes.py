"""Rasters of drawings, and what several readers' drawings come to."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import SimpleITK
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.ndimage import distance_transform_edt

from thyrodata.agreement.raster import Raster, box_iou, crop, dice, iou, overlap, raster_of, stack
from thyrodata.agreement.shapes import at_share, intersection, mean_shape, shares, staple, union
from thyrodata.errors import UsageError
from thyrodata.io.masks import decode_mask, encode_mask
from thyrodata.io.rasters import covered
from thyrodata.schema.geometry import Box, Mask, Polygon, PolygonPart

# pycocotools 2.0.11 decodes with a call that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))
coordinates = st.floats(-3, 15, allow_nan=False).map(lambda value: round(value, 2))


def masks(shape):
    return npst.arrays(np.bool_, shape).filter(np.any)


@st.composite
def readings(draw, least=2, most=5):
    """Several readers' masks of one image."""
    shape = draw(shapes)
    return draw(st.lists(masks(shape), min_size=least, max_size=most))


def cropped(mask) -> Raster:
    raster = crop(mask)
    assert raster is not None
    return raster


def rasters_of(frames):
    return [cropped(frame) for frame in frames]


def framed(raster, like):
    """The pixels of a raster in a frame of the size of another: all false if there is no raster."""
    frame = np.zeros_like(like)
    if raster is not None:
        height, width = raster.pixels.shape
        frame[raster.top : raster.top + height, raster.left : raster.left + width] = raster.pixels
    return frame


def disc(radius, *, y=40, x=40, size=80):
    rows, columns = np.mgrid[:size, :size]
    return np.hypot(rows - y, columns - x) <= radius


# ---------------------------------------------------------------- rasters


@given(shapes.flatmap(lambda shape: npst.arrays(np.bool_, shape)))
def test_a_crop_loses_no_pixel_and_keeps_no_margin(mask):
    """Laid back into its frame a crop is the mask; its outer rows and columns hold pixels."""
    raster = crop(mask)
    assert np.array_equal(framed(raster, mask), mask)
    if raster is not None:
        assert all(side.any() for side in (*raster.pixels[[0, -1]], *raster.pixels.T[[0, -1]]))
        assert raster.area == mask.sum()
        assert not np.shares_memory(raster.pixels, mask)
    else:
        assert not mask.any()


@given(shapes.flatmap(lambda shape: npst.arrays(np.bool_, shape)))
def test_a_mask_is_the_raster_of_its_pixels(mask):
    """Decoded from COCO's runs or cropped from the pixels, it is the same."""
    height, width = mask.shape
    assert np.array_equal(framed(raster_of(encode_mask(mask), width, height), mask), mask)


@given(coordinates, coordinates, coordinates.map(abs), coordinates.map(abs))
def test_a_box_and_a_polygon_have_the_pixels_of_the_coco_export(x, y, width, height):
    """In the image and over its border; where the export has none there is no raster."""
    box = Box(x=x, y=y, width=width, height=height)
    corners = ((x, y), (x + width, y), (x + width, y + height))
    for geometry in (box, Polygon(parts=(PolygonPart(exterior=corners),))):
        mask = covered(geometry, 12, 10)
        pixels = decode_mask(mask) if mask else np.zeros((10, 12), np.bool_)
        assert np.array_equal(framed(raster_of(geometry, 12, 10), pixels), pixels)


def test_runs_of_no_length_are_no_pixels():
    raster = raster_of(Mask(height=2, width=3, counts="202000"), 3, 2)  # 2 0 2 0 2 0 pixels
    assert raster is None


def test_a_raster_with_a_margin_cannot_be():
    with pytest.raises(ValueError, match="extent"):
        Raster(left=0, top=0, pixels=np.array([[True, False]]))
    with pytest.raises(ValueError, match="extent"):
        Raster(left=0, top=0, pixels=np.zeros((0, 0), np.bool_))


@given(readings(most=2))
def test_overlaps_are_those_of_the_whole_frames(frames):
    """Shared pixels, IoU and Dice equal those counted over the image, whichever comes first."""
    a, b = frames
    one, other = rasters_of(frames)
    assert overlap(one, other) == overlap(other, one) == (a & b).sum()
    assert iou(one, other) == iou(other, one) == (a & b).sum() / (a | b).sum()
    assert dice(one, other) == dice(other, one) == 2 * (a & b).sum() / (a.sum() + b.sum())


def test_the_iou_of_boxes_is_that_of_their_areas():
    a = Box(x=0, y=0, width=4, height=2)
    assert box_iou(a, a) == 1
    assert box_iou(a, Box(x=1, y=0, width=4, height=2)) == 6 / 10
    assert box_iou(a, Box(x=0.5, y=0.5, width=1, height=0.5)) == 0.5 / 8
    assert box_iou(a, Box(x=4, y=0, width=4, height=2)) == 0  # a side in common
    assert box_iou(a, Box(x=9, y=9, width=1, height=1)) == 0


def test_boxes_of_no_area_share_nothing():
    line = Box(x=1, y=1, width=3, height=0)
    assert box_iou(line, line) == 0
    assert box_iou(line, Box(x=0, y=0, width=9, height=9)) == 0


@given(readings(), st.integers(0, 3))
def test_stacked_rasters_stand_where_they_stood(frames, margin):
    """Each layer is its reader's drawing, with the margin around the extent of all."""
    left, top, layers = stack(rasters_of(frames), margin=margin)
    rows, columns = np.nonzero(np.any(frames, axis=0))
    assert (left, top) == (columns.min() - margin, rows.min() - margin)
    padded = np.pad(frames, ((0, 0), (margin, margin), (margin, margin)))
    height, width = layers.shape[1:]
    assert np.array_equal(layers, padded[:, top + margin :, left + margin :][:, :height, :width])
    assert (height, width) == (np.ptp(rows) + 1 + 2 * margin, np.ptp(columns) + 1 + 2 * margin)


# ---------------------------------------------------------------- consensus: laws


def consensus_shapes(readers, width, height):
    yield intersection(readers)
    yield union(readers)
    yield mean_shape(readers)
    yield at_share(readers, 0.5)
    if len(readers) >= 3:
        yield staple(readers, width, height)


def same(a, b):
    if a is None or b is None:
        return a is b
    return (a.left, a.top) == (b.left, b.top) and np.array_equal(a.pixels, b.pixels)


@given(readings(), st.randoms(use_true_random=False))
def test_no_reader_comes_first(frames, random):
    """In any order of the readers each shape is the same in every pixel."""
    height, width = frames[0].shape
    readers = rasters_of(frames)
    mixed = random.sample(readers, len(readers))
    for one, other in zip(
        consensus_shapes(readers, width, height), consensus_shapes(mixed, width, height), strict=True
    ):
        assert same(one, other)
    assert np.array_equal(shares(readers)[2], shares(mixed)[2])


@given(shapes.flatmap(masks), st.integers(2, 4))
def test_readers_that_drew_the_same_agree_on_it(mask, count):
    """Whatever the method, also where all of them drew the whole image."""
    height, width = mask.shape
    readers = [cropped(mask)] * count
    assert all(same(shape, readers[0]) for shape in consensus_shapes(readers, width, height))


@given(readings())
def test_every_shape_lies_between_the_intersection_and_the_union(frames):
    """No pixel is in that no reader drew, and none is out that all of them drew."""
    everyone, anyone = np.all(frames, axis=0), np.any(frames, axis=0)
    readers = rasters_of(frames)
    assert np.array_equal(framed(intersection(readers), anyone), everyone)
    assert np.array_equal(framed(union(readers), anyone), anyone)
    for shape in (mean_shape(readers), at_share(readers, 0.6)):
        pixels = framed(shape, anyone)
        assert not (everyone & ~pixels).any()
        assert not (pixels & ~anyone).any()


@given(readings(), st.integers(1, 5), st.integers(1, 5))
def test_a_share_of_the_readers_is_counted_per_pixel(frames, some, of):
    """At k of n the pixels are in that n readers' drawings cover k times or more, exactly."""
    assume(some <= of)
    readers = rasters_of(frames)
    left, top, counts = shares(readers)
    height, width = counts.shape
    whole = np.sum(frames, axis=0)
    assert counts.dtype == np.uint8
    assert np.array_equal(counts, whole[top : top + height, left : left + width])
    assert np.array_equal(framed(at_share(readers, some / of), frames[0]), whole * of >= some * len(frames))


@given(readings())
def test_a_mean_shape_is_where_the_mean_signed_distance_is_negative(frames):
    """Over the whole frame, with a rim of which nothing is drawn; but for means that round to about zero."""
    maps = [
        np.where(frame, -distance_transform_edt(frame) + 0.5, distance_transform_edt(~frame) - 0.5)
        for frame in np.pad(frames, ((0, 0), (1, 1), (1, 1)))
    ]
    mean = np.mean(maps, axis=0)[1:-1, 1:-1]
    clear = np.abs(mean) > 1e-9
    assert np.array_equal(framed(mean_shape(rasters_of(frames)), frames[0])[clear], mean[clear] < 0)


@given(readings(), st.booleans(), st.booleans())
def test_a_mirrored_consensus_is_that_of_the_mirrored_drawings(frames, upright, sideways):
    """Neither left nor right, up nor down comes first."""
    height, width = frames[0].shape
    mirror = (slice(None, None, -1 if upright else 1), slice(None, None, -1 if sideways else 1))
    straight = consensus_shapes(rasters_of(frames), width, height)
    mirrored = consensus_shapes(rasters_of([frame[mirror] for frame in frames]), width, height)
    for one, other in zip(straight, mirrored, strict=True):
        assert np.array_equal(framed(one, frames[0])[mirror], framed(other, frames[0]))


@given(readings(most=3))
def test_staple_prefers_no_side_where_the_readers_do_not(frames):
    """If for each reader there is one who drew the mirror image, the estimate is its own mirror image."""
    height, width = frames[0].shape
    found = framed(
        staple(rasters_of([*frames, *(frame[:, ::-1] for frame in frames)]), width, height), frames[0]
    )
    assert np.array_equal(found, found[:, ::-1])


def itk_staple(frames):
    """What SimpleITK finds on whole images, in the order given."""
    images = [SimpleITK.GetImageFromArray(frame.astype(np.uint8)) for frame in frames]
    return SimpleITK.GetArrayFromImage(SimpleITK.STAPLE(images, 1.0))


@pytest.mark.parametrize("seed", range(40))
def test_staple_finds_what_simpleitk_does(seed):
    """Readers of unlike skill, of whom each has flipped pixels of one drawing."""
    random = np.random.default_rng(seed)
    truth = random.random((12, 18)) < random.uniform(0.1, 0.6)
    skills = random.uniform(0.02, 0.3, random.integers(3, 8))
    margin = seed % 2 * 20  # which changes the prior, and with it what is found
    frames = [np.pad(truth ^ (random.random(truth.shape) < skill), margin) for skill in skills]
    height, width = frames[0].shape
    probability = itk_staple(frames)
    pixels = framed(staple(rasters_of(frames), width, height), frames[0])
    assert (np.abs(probability - 0.5) > 1e-6).all()
    assert np.array_equal(pixels, probability >= 0.5)


# ---------------------------------------------------------------- consensus: cases


@pytest.mark.parametrize("radii", [(10, 20), (10, 20, 30), (12, 12, 18)])
def test_the_mean_shape_of_nested_discs_has_the_mean_radius(radii):
    shape = mean_shape(rasters_of([disc(radius) for radius in radii]))
    assert shape is not None
    assert np.sqrt(shape.area / np.pi) == pytest.approx(np.mean(radii), abs=0.3)


def test_a_pixel_halfway_between_two_readers_is_out_of_their_mean_shape():
    small, large = np.zeros((2, 9, 9), np.bool_)
    small[3:6, 3:6] = True
    large[2:7, 2:7] = True
    assert same(mean_shape(rasters_of([small, large])), cropped(small))


def test_a_mean_of_zero_is_zero_in_every_order_of_the_readers():
    """A pixel is 2 and 3 diagonals outside of two drawings, 1 and 4 inside of two: rounding may say else."""
    frames = np.zeros((4, 15, 15), np.bool_)
    frames[0, 9, 9] = frames[1, 10, 10] = True
    frames[2:] = True
    frames[2, 8, 8] = frames[3, 11, 11] = False
    orders = [mean_shape(rasters_of(order)) for order in permutations(frames)]
    assert all(same(shape, orders[0]) for shape in orders)
    assert not framed(orders[0], frames[0])[7, 7]


def test_the_mean_shape_of_two_shifted_discs_lies_midway():
    shape = mean_shape(rasters_of([disc(20, x=36), disc(20, x=44)]))
    midway = cropped(disc(20, x=40))
    assert shape is not None
    assert iou(shape, midway) > 0.96
    assert shape.left - midway.left == (midway.left + midway.pixels.shape[1]) - (
        shape.left + shape.pixels.shape[1]
    )


def test_drawings_that_lie_apart_leave_no_pixel():
    apart = rasters_of([disc(6, y=y, x=x) for y, x in ((10, 10), (10, 70), (70, 40))])
    assert intersection(apart) is None
    assert mean_shape(apart) is None
    assert at_share(apart, 0.5) is None
    assert staple(apart, 80, 80) is None


def test_staple_of_two_readers_is_refused():
    with pytest.raises(UsageError, match="STAPLE needs 3 readers, and there are 2"):
        staple(rasters_of([disc(5), disc(6)]), 80, 80)


def test_staple_outvotes_a_reader_who_strays_and_every_order_gives_the_same():
    readers = rasters_of([disc(20), disc(21), disc(20, x=41), disc(9, x=60)])
    orders = [staple(order, 80, 80) for order in permutations(readers)]
    assert all(same(shape, orders[0]) for shape in orders)
    assert orders[0] is not None
    assert iou(orders[0], readers[0]) > 0.9


def test_staple_prefers_neither_of_two_even_camps():
    """In SimpleITK's the rounding of sums grows until one camp is right, by the order of the readers."""
    one, other = (np.array([pixels], np.bool_) for pixels in ([1, 1, 0, 1], [1, 0, 1, 1]))
    for frames in ([one, other, other, one], [other, one, one, other], [one, one, other, other]):
        probability = itk_staple(frames)[0]
        assert sorted(probability.round(6)) == [0, 1, 1, 1]
        assert same(staple(rasters_of(frames), 4, 1), cropped(one | other))


@pytest.mark.parametrize("level", [0.0, -0.5, 1.1, float("nan")])
def test_a_level_that_is_no_share_of_readers_is_refused(level):
    with pytest.raises(UsageError, match="share of readers"):
        at_share(rasters_of([disc(5), disc(6)]), level)


@pytest.mark.parametrize(("level", "readers"), [(0.7, 7), (0.3, 3), (0.1, 1), (1.0, 10)])
def test_a_share_written_in_decimals_is_met_by_as_many_readers(level, readers):
    """Of ten: 0.7 x 10 is 7.000000000000001 in binary fractions, and seven are 0.7 all the same."""
    inner, outer = cropped(disc(5)), cropped(disc(9))
    assert same(at_share([outer] * readers + [inner] * (10 - readers), level), outer)
