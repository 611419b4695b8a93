"""Deriving is a map of points that composes and inverts; masks, spacing, ledgers and pixels agree with it."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from math import ceil, floor

import numpy as np
from hypothesis import assume, given, reject
from hypothesis import strategies as st

from tests import strategies as some
from thyrodata.derivation.affine import Affine, Vector, map_vector, to_frame
from thyrodata.derivation.extents import Margin, nodule_box
from thyrodata.derivation.framing import Framing, Letterbox, Resize, framed, framing
from thyrodata.derivation.names import new_names, png_name
from thyrodata.derivation.pixels import resized, with_bits
from thyrodata.derivation.rasters import cut_pixels, resample_pixels
from thyrodata.derivation.records import derive_record
from thyrodata.errors import SchemaError
from thyrodata.io.masks import decode_mask
from thyrodata.schema.geometry import Box, Calipers, Line, Mask, Point, Polygon
from thyrodata.schema.record import Finding, ImageRecord, ImageRef, Read
from thyrodata.schema.vocab import Coverage, Structure

near = st.floats(-2000, 2000, allow_nan=False)
some_points = st.tuples(near, near)
some_rings = some.tuples_of(some_points, min_size=3, max_size=6)
some_segments = st.tuples(some_points, some_points)
vectors = st.one_of(
    st.builds(Box, x=near, y=near, width=st.floats(0, 2000), height=st.floats(0, 2000)),
    st.builds(Calipers, long=some_segments, short=some.maybe(some_segments)),
    st.builds(Line, points=some.tuples_of(some_points, min_size=2, max_size=5)),
    some.tuples_of(
        st.builds(some.PolygonPart, exterior=some_rings, holes=some.tuples_of(some_rings, max_size=2)),
        min_size=1,
    ).map(lambda parts: Polygon(parts=parts)),
)
images = st.builds(
    ImageRef,
    width=st.integers(1, 900),
    height=st.integers(1, 900),
    spacing_mm=some.maybe(st.tuples(st.floats(0.01, 2), st.floats(0.01, 2))),
)
fits = st.none() | st.builds(Resize, width=st.integers(1, 900), height=st.integers(1, 900))
fits |= st.builds(Letterbox, width=st.integers(1, 900), height=st.integers(1, 900))


@st.composite
def framings(draw: st.DrawFn, image: ImageRef) -> Framing:
    """A crop, a scaling, both or neither, of an image."""
    box = draw(some.maybe(some.pixel_boxes(image.width, image.height)))
    return framing(image, box, draw(fits))


@st.composite
def derivations(draw: st.DrawFn) -> tuple[list[ImageRef], list[Framing]]:
    """An image and what one to three derivations make of it, with the framing of each."""
    refs, steps = [draw(images)], []
    for _ in range(draw(st.integers(1, 3))):
        step = draw(framings(refs[-1]))
        steps.append(step)
        refs.append(framed(refs[-1], step, "the frame"))
    return refs, steps


def points_of(geometry: Vector) -> list[Point]:
    match geometry:
        case Box():
            corner = (geometry.x + geometry.width, geometry.y + geometry.height)
            return [(geometry.x, geometry.y), corner]
        case Calipers():
            return [*geometry.long, *(geometry.short or ())]
        case Line():
            return [*geometry.points]
        case Polygon():
            rings = [ring for part in geometry.parts for ring in (part.exterior, *part.holes)]
            return [*chain.from_iterable(rings)]


def close(one: Point, other: Point, within: float = 1e-6) -> bool:
    return abs(one[0] - other[0]) <= within and abs(one[1] - other[1]) <= within


def in_range(geometry: Vector, affine: Affine) -> Vector:
    """Map a geometry; an example that leaves the range of coordinates, which is an error, is given up."""
    try:
        return map_vector(geometry, affine)
    except SchemaError:
        reject()


# ---------------------------------------------------------------- points


@given(vectors, derivations())
def test_vectors_come_back(geometry: Vector, derived: tuple[list[ImageRef], list[Framing]]) -> None:
    """A geometry mapped to the new image and back is where it was, within 1e-6 px, also outside of it."""
    _, steps = derived
    for step in steps:
        back = in_range(in_range(geometry, step.affine), step.affine.inverse())
        assert type(back) is type(geometry)
        pairs = zip(points_of(back), points_of(geometry), strict=True)
        assert all(close(one, other) for one, other in pairs)


@given(vectors, images, st.data())
def test_a_geometry_keeps_its_shape(geometry: Vector, image: ImageRef, data: st.DataObject) -> None:
    """Parts, holes and points stay in number and order; each point goes where the written rule says."""
    step = data.draw(framings(image))
    x0, y0, x1, y1 = step.box
    sx, sy = step.scaled[0] / (x1 - x0), step.scaled[1] / (y1 - y0)
    mapped = in_range(geometry, step.affine)
    for (x, y), new in zip(points_of(geometry), points_of(mapped), strict=True):
        assert close(new, ((x - x0) * sx + step.placed[0], (y - y0) * sy + step.placed[1]))
    if isinstance(geometry, Polygon) and isinstance(mapped, Polygon):
        assert [[len(r) for r in (p.exterior, *p.holes)] for p in mapped.parts] == [
            [len(r) for r in (p.exterior, *p.holes)] for p in geometry.parts
        ]


@given(derivations(), some_points)
def test_deriving_twice_is_composing(derived: tuple[list[ImageRef], list[Framing]], point: Point) -> None:
    """The ledgers of an image that was derived several times lead back to the same place in the frame."""
    refs, steps = derived
    whole = Affine()
    for step in steps:
        whole = whole.then(step.affine)
    walked = point
    for step in steps:
        walked = step.affine.point(walked)
    assert close(whole.point(point), walked, 1e-6 * max(1, abs(walked[0]), abs(walked[1])))
    scale = min(whole.scale_x, whole.scale_y)
    assert close(to_frame(refs[-1]).point(walked), point, 1e-6 * max(1, 1 / scale))


@given(derivations())
def test_the_ledger_names_one_frame(derived: tuple[list[ImageRef], list[Framing]]) -> None:
    """The frame's size and key outlast every derivation, and the kept box is what the scaling starts from."""
    refs, _ = derived
    for ref in refs[1:]:
        assert ref.crop is not None
        assert (ref.crop.source_width, ref.crop.source_height) == (refs[0].width, refs[0].height)
        assert ref.crop.frame_key == "the frame"
        x0, y0, x1, y1 = ref.crop.kept_box
        before = ref.scaling
        described = (before.source_width, before.source_height) if before else (ref.width, ref.height)
        assert described == (x1 - x0, y1 - y0)


@given(some_rings, images, st.data())
def test_areas_scale_by_both_scales(ring: tuple[Point, ...], image: ImageRef, data: st.DataObject) -> None:
    """The area of a polygon is multiplied by the product of the two scales."""
    step = data.draw(framings(image))
    polygon = Polygon(parts=(some.PolygonPart(exterior=ring),))
    mapped = in_range(polygon, step.affine)
    assert isinstance(mapped, Polygon)
    before, after = shoelace(ring), shoelace(mapped.parts[0].exterior)
    factor = step.affine.scale_x * step.affine.scale_y
    assert abs(after - before * factor) <= 1e-9 * max(1.0, 4000**2 * factor + 4000 * 900)


def shoelace(ring: tuple[Point, ...]) -> float:
    around = zip(ring, (*ring[1:], ring[0]), strict=True)
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in around) / 2


@given(derivations())
def test_millimetres_stay(derived: tuple[list[ImageRef], list[Framing]]) -> None:
    """Spacing times the number of pixels of what is kept is the same before and after, down and along."""
    refs, steps = derived
    for old, new, step in zip(refs, refs[1:], steps, strict=False):
        if old.spacing_mm is None or new.spacing_mm is None:
            assert old.spacing_mm is new.spacing_mm
            continue
        x0, y0, x1, y1 = step.box
        assert np.isclose(new.spacing_mm[0] * step.scaled[1], old.spacing_mm[0] * (y1 - y0), rtol=1e-12)
        assert np.isclose(new.spacing_mm[1] * step.scaled[0], old.spacing_mm[1] * (x1 - x0), rtol=1e-12)


@given(images, st.integers(1, 900), st.integers(1, 900))
def test_a_letterbox_keeps_the_aspect(image: ImageRef, width: int, height: int) -> None:
    """The picture touches two bars at most, fills a side, and its aspect is kept to within whole pixels."""
    step = framing(image, None, Letterbox(width=width, height=height))
    assert step.size == (width, height)
    assert step.scaled[0] == width or step.scaled[1] == height
    for axis in (0, 1):
        before = step.placed[axis]
        after = step.size[axis] - step.scaled[axis] - before
        assert after - before in {0, 1}
    factor = min(width / image.width, height / image.height)
    for side, scaled in zip((image.width, image.height), step.scaled, strict=True):
        assert abs(scaled - side * factor) <= 0.5 + 1e-9 or scaled == 1


# ---------------------------------------------------------------- masks


@st.composite
def pixel_masks(draw: st.DrawFn) -> np.ndarray:
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    seed, share = draw(st.integers(0, 2**32)), draw(st.floats(0, 1))
    noise = np.random.default_rng(seed).random((height, width))
    blocks = np.kron(noise[::4, ::4], np.ones((4, 4)))[:height, :width]
    return (blocks if draw(st.booleans()) else noise) < share


@given(pixel_masks(), st.data())
def test_a_mask_is_sampled_at_centres(pixels: np.ndarray, data: st.DataObject) -> None:
    """A new pixel is set if its centre, mapped back, lies in an old pixel that is set."""
    image = ImageRef(width=pixels.shape[1], height=pixels.shape[0])
    step = framing(image, None, data.draw(fits))
    width, height = min(step.size[0], 60), min(step.size[1], 60)
    new = resample_pixels(pixels, step.scaling, width=width, height=height)
    sx, sy = step.scaled[0] / image.width, step.scaled[1] / image.height
    for row in range(height):
        for column in range(width):
            x, y = (column + 0.5 - step.placed[0]) / sx, (row + 0.5 - step.placed[1]) / sy
            if min(abs(x - round(x)), abs(y - round(y))) < 1e-9:
                continue  # on an edge: either side is right
            inside = 0 <= x < image.width and 0 <= y < image.height
            assert new[row, column] == (inside and pixels[floor(y), floor(x)])


@given(pixel_masks(), fits)
def test_a_mask_comes_back_but_for_its_edge(pixels: np.ndarray, fit: Resize | Letterbox | None) -> None:
    """After forth and back a pixel differs only within one old and one new pixel of the mask's edge."""
    height, width = pixels.shape
    step = framing(ImageRef(width=width, height=height), None, fit)
    new = resample_pixels(pixels, step.scaling, width=step.size[0], height=step.size[1])
    back = resample_pixels(new, step.scaling.inverse(), width=width, height=height)
    reach_x = ceil(1 + 1 / step.scaling.scale_x)
    reach_y = ceil(1 + 1 / step.scaling.scale_y)
    for row, column in np.argwhere(back != pixels):
        rows = slice(max(row - reach_y, 0), row + reach_y + 1)
        columns = slice(max(column - reach_x, 0), column + reach_x + 1)
        assert (pixels[rows, columns] != pixels[row, column]).any()


@given(pixel_masks(), st.integers(1, 4), st.integers(1, 4))
def test_a_mask_enlarged_by_whole_numbers_comes_back_whole(
    pixels: np.ndarray, across: int, down: int
) -> None:
    """Where each old pixel becomes whole new ones, nothing is lost, and the area grows by both factors."""
    height, width = pixels.shape
    fit = Resize(width=width * across, height=height * down)
    step = framing(ImageRef(width=width, height=height), None, fit)
    new = resample_pixels(pixels, step.scaling, width=fit.width, height=fit.height)
    assert np.array_equal(new, np.repeat(np.repeat(pixels, down, axis=0), across, axis=1))
    assert np.array_equal(resample_pixels(new, step.scaling.inverse(), width=width, height=height), pixels)


@given(pixel_masks(), st.data())
def test_a_cut_mask_is_the_part_inside(pixels: np.ndarray, data: st.DataObject) -> None:
    """What a crop leaves of a mask are its pixels inside of the box, no other and no fewer."""
    height, width = pixels.shape
    x0, y0, x1, y1 = data.draw(some.pixel_boxes(width, height))
    expected = [[bool(pixels[y, x]) for x in range(x0, x1)] for y in range(y0, y1)]
    assert cut_pixels(pixels, (x0, y0, x1, y1)).tolist() == expected


# ---------------------------------------------------------------- records


@given(some.image_records(), st.data())
def test_no_finding_is_lost_unsaid(record: ImageRecord, data: st.DataObject) -> None:
    """A finding is kept with its geometries, or named; its image then says so, and its reading is partial."""
    image = ImageRef(width=record.image.width, height=record.image.height)
    assume(all(_is_near(geometry) for finding in record.findings for geometry in finding.geometries))
    record = replace(record, image=image)
    step = data.draw(framings(image))
    new, changes = derive_record(record, step, "key", None)
    said = {change.finding_id: change for change in changes}
    kept = {finding.finding_id: finding for finding in new.findings}
    for old in record.findings:
        change = said.get(old.finding_id)
        lost = change is not None and change.left_out
        assert (old.finding_id in kept) != lost
        masks = [g for g in old.geometries if isinstance(g, Mask)]
        if not lost:
            found = kept[old.finding_id]
            assert replace(found, geometries=old.geometries) == old
            dropped = len(old.geometries) - len(found.geometries)
            assert dropped == (change is not None and change.mask_emptied)
        else:
            assert masks == [*old.geometries]
            _check_reading(new, old)
        if change and change.mask_emptied:
            assert change.mask_pixels == np.count_nonzero(decode_mask(masks[0])) > 0
    left_out = [remark for remark in new.remarks if remark.code == "finding-left-out"]
    before = [remark for remark in record.remarks if remark.code == "finding-left-out"]
    assert len(left_out) - len(before) == sum(change.left_out for change in changes)
    assert (new.nodules, new.source_fields) == (record.nodules, record.source_fields)


def _is_near(geometry: object) -> bool:
    """Whether it stays below the million pixels that a coordinate may have, whatever is derived."""
    return isinstance(geometry, Mask) or all(
        abs(number) < 1000
        for point in points_of(geometry)  # type: ignore[arg-type]
        for number in point
    )


def _check_reading(new: ImageRecord, lost: Finding) -> None:
    if lost.structure is Structure.MARKER:
        return
    for reading in new.readings:
        if not isinstance(lost.origin, Read) or reading.reader == lost.origin.reader:
            assert reading.coverage in {Coverage.PARTIAL, Coverage.NONE}


@given(
    st.lists(st.builds(Box, x=near, y=near, width=st.floats(0, 99), height=st.floats(0, 99)), max_size=4),
    st.integers(1, 300),
    st.integers(1, 300),
    st.integers(0, 50),
)
def test_the_box_around_nodules_holds_them(boxes: list[Box], width: int, height: int, wide: int) -> None:
    """What of a nodule lies in the image lies in its crop, with the margin as far as the image goes."""
    findings = [
        Finding(finding_id=str(number), structure=Structure.NODULE, geometries=(box,))
        for number, box in enumerate(boxes)
    ]
    crop = nodule_box(findings, Margin(pixels=wide), width, height)
    touched = [
        (x, y)
        for box in boxes
        for x in (max(box.x, 0), min(box.x + box.width, width))
        for y in (max(box.y, 0), min(box.y + box.height, height))
        if box.x + box.width > 0 and box.y + box.height > 0 and box.x < width and box.y < height
    ]
    if crop is None:
        assert touched == []
        return
    x0, y0, x1, y1 = crop
    assert 0 <= x0 < x1 <= width
    assert 0 <= y0 < y1 <= height
    for x, y in touched:
        assert x0 <= max(x - wide, 0)
        assert x1 >= min(x + wide, width)
        assert y0 <= max(y - wide, 0)
        assert y1 >= min(y + wide, height)


# ---------------------------------------------------------------- pixels


def triangle(source: np.ndarray, length: int) -> np.ndarray:
    """Resample the columns of a float64 image: weights fall off linearly over one pixel of the coarser grid.

    See "Filters" of Pillow's documentation: bilinear interpolation where pixels become more, and a triangle
    as wide as two new pixels where they become fewer, normalised, with the image's edge as the end.
    """
    scale = source.shape[1] / length
    support = max(scale, 1.0)
    centres = (np.arange(length) + 0.5) * scale
    places = np.arange(source.shape[1]) + 0.5
    weights = np.maximum(0, 1 - np.abs(places[np.newaxis] - centres[:, np.newaxis]) / support)
    weights /= weights.sum(axis=1, keepdims=True)
    return source @ weights.T


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 80),
    st.integers(1, 80),
    st.sampled_from([np.uint8, np.uint16]),
    st.integers(0, 2**32),
)
def test_pixels_are_resampled_as_written(
    height: int, width: int, new_height: int, new_width: int, kind: type, seed: int
) -> None:
    """Pixels are those of an independent bilinear filter, within the rounding of their own type."""
    top = np.iinfo(kind).max
    pixels = np.random.default_rng(seed).integers(0, top + 1, (height, width)).astype(kind)
    new = resized(pixels, new_width, new_height)
    assert (new.shape, new.dtype) == ((new_height, new_width), pixels.dtype)
    expected = triangle(triangle(pixels.astype(np.float64), new_width).T, new_height).T
    # 8 bits are rounded after each axis; 16 bits once, from floats that hold 24.
    assert np.abs(new - expected).max() <= (1.01 if kind is np.uint8 else 0.51)


@given(st.integers(0, 255))
def test_8_bits_come_back_from_16(value: int) -> None:
    """Every grey of 8 bits is the same after 16 bits, and black and white stay black and white."""
    grey = np.array([[value]], np.uint8)
    deep = with_bits(grey, 16)
    assert deep.dtype == np.uint16
    assert with_bits(deep, 8).tolist() == [[value]]
    assert [with_bits(np.array([[end]], np.uint8), 16).item() for end in (0, 255)] == [0, 65535]


def test_16_bits_become_the_nearest_of_8() -> None:
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    expected = [round(value * 255 / 65535) for value in range(65536)]
    assert with_bits(every, 8).ravel().tolist() == expected


stems = st.sampled_from(["a", "A", "b", "a-2", "a.b", "x/a", ".a", ""])
suffixes = st.sampled_from(["", ".png", ".PNG", ".jpg", ".bmp", "."])


@given(st.lists(st.builds("{}{}".format, stems, suffixes).filter(bool), unique=True, max_size=12))
def test_no_two_files_have_one_name(paths: list[str]) -> None:
    """A new file has a name of its own, which is no other image's old one, whatever the case of letters."""
    given_paths = [(f"toy/{number}", path) for number, path in enumerate(paths)]
    names = new_names(given_paths)
    new = [names.get(image_id, png_name(path)) for image_id, path in given_paths]
    assert len({name.casefold() for name in new}) == len(new)
    for name, path in zip(new, paths, strict=True):
        assert name.endswith(".png")
        others = {other.casefold() for other in paths if other != path}
        assert name.casefold() not in others
