"""NIfTI masks, and how a mask fits outlines: against nibabel, Pillow, and naive readings."""

from __future__ import annotations

import gzip
import struct

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from tests.fixtures.ddti_v2.make import nifti
from thyrodata.errors import CaseError
from thyrodata.io.nifti import read_nifti_mask
from thyrodata.io.orientation import AS_IS, dice_of_flips, fill_rings
from thyrodata.io.raw import Raw

FILES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

masks = st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1)).map(
    lambda drawn: np.random.default_rng(drawn[2]).integers(0, 2, drawn[:2], np.int16)
)


def read(folder, data):
    (folder / "m.nii").write_bytes(data)
    (file,) = Raw(folder).files
    return read_nifti_mask(file)


def refused(folder, data):
    with pytest.raises(CaseError) as caught:
        read(folder, data)
    assert caught.value.where == "m.nii"
    assert caught.value.hint
    return caught.value.message


def patched(data, offset, form, *values):
    changed = bytearray(data)
    struct.pack_into(form, changed, offset, *values)
    return bytes(changed)


def decoded_naively(folder, data):
    """Return what SimpleITK makes of a file that nobody has looked at before."""
    (folder / "naive.nii").write_bytes(data)
    found = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(folder / "naive.nii")))
    (folder / "naive.nii").unlink()
    return found


# ---------------------------------------------------------------- what is read


@FILES
@given(masks, st.sampled_from(["u1", "i1", "<i2", ">i2", "<u2", ">u2", "<i4", ">i4", "<u4"]), st.booleans())
def test_what_nibabel_writes_is_read_with_its_axes_turned(tmp_path, mask, kind, flat):
    """A mask (x, y) or (x, y, 1) of any whole-number type and byte order comes back as (row, column)."""
    header = nibabel.Nifti1Header(endianness=">" if kind.startswith(">") else "<")
    array = mask.T.astype(kind) if flat else mask.T[:, :, np.newaxis].astype(kind)
    image = nibabel.Nifti1Image(array, np.diag([-1, -1, 1, 1]), header)
    image.set_data_dtype(kind)
    assert (read(tmp_path, image.to_bytes()) == (mask == 1)).all()


def test_a_mask_that_is_not_turned_is_another(tmp_path):
    """The counter-example: nibabel's array as it is, and its numbers in the order of rows."""
    mask = np.zeros((4, 6), np.int16)
    mask[0, 1:5] = 1
    data = nifti(mask)
    found = read(tmp_path, data)
    naive = np.asanyarray(nibabel.Nifti1Image.from_bytes(data).dataobj)[..., 0]
    assert found.shape == (4, 6)
    assert naive.shape == (6, 4)
    assert (found == naive.T).all()
    assert not (found == naive.reshape(4, 6)).all()


@pytest.mark.parametrize("scaling", [(float("nan"), float("nan")), (0, 0), (1, 0)])
def test_a_scaling_that_is_none_changes_nothing(tmp_path, scaling):
    mask = np.eye(5, 7, dtype=np.int16)
    assert (read(tmp_path, patched(nifti(mask), 112, "<2f", *scaling)) == (mask == 1)).all()


def test_the_orientation_in_space_is_not_applied(tmp_path):
    mask = np.eye(5, 7, dtype=np.int16)
    turned = patched(nifti(mask), 280, "<12f", 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0)
    turned = patched(turned, 252, "<2h", 0, 1)
    assert (read(tmp_path, turned) == (mask == 1)).all()


# ---------------------------------------------------------------- what is refused


@FILES
@given(masks, st.data())
def test_every_cut_is_caught(tmp_path, mask, data):
    """A file that lacks its end, wherever it is cut, is refused."""
    whole = nifti(mask)
    length = data.draw(st.integers(0, len(whole) - 1))
    refused(tmp_path, whole[:length])


def test_the_library_alone_reads_a_cut_file_and_claims_without_measure(tmp_path):
    """The counter-example: it pads what is not there, and says nothing."""
    whole = nifti(np.ones((40, 60), np.int16))
    assert decoded_naively(tmp_path, whole[:-2000]).shape == (1, 40, 60)
    assert "is cut" in refused(tmp_path, whole[:-2000])
    large = patched(whole, 40, "<4h", 3, 3000, 3000, 1)
    assert decoded_naively(tmp_path, large).shape == (1, 3000, 3000)
    assert "is cut" in refused(tmp_path, large)


@FILES
@given(st.integers(0, 351), st.binary(min_size=1, max_size=8))
def test_a_damaged_header_is_read_as_the_mask_or_refused(tmp_path, offset, noise):
    """Whatever the header says, what comes is the mask's pixels in some shape, or a CaseError."""
    mask = np.eye(6, 9, dtype=np.int16)
    data = bytearray(nifti(mask))
    data[offset : offset + len(noise)] = noise
    try:
        size = read(tmp_path, bytes(data[: len(nifti(mask))])).size
    except CaseError as error:
        size, where = mask.size, error.where
    else:
        where = "m.nii"
    assert (size, where) == (mask.size, "m.nii")


DATA = nifti(np.eye(20, 30, dtype=np.int16))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "ends inside its header"),
        (gzip.compress(DATA, mtime=0), "ends inside its header"),
        (bytes(len(DATA)), "no single-file NIfTI-1"),
        (patched(DATA, 344, "4s", b"ni1\0"), "no single-file NIfTI-1"),
        (patched(DATA, 0, "<i", 540), "no single-file NIfTI-1"),
        (DATA + b"\0", "too long"),
        (patched(DATA, 40, "<4h", 3, 29, 20, 1), "too long"),
        (patched(DATA, 40, "<4h", 3, 31, 20, 1), "is cut"),
        (patched(DATA, 40, "<4h", 3, 32767, 32767, 1), "more than 67108864"),
        (patched(DATA, 40, "<4h", 3, 0, 20, 1), "no single slice, but 0 x 20 x 1"),
        (patched(DATA, 40, "<4h", 3, -30, -20, 1), "no single slice"),
        (patched(DATA, 40, "<4h", 3, 30, 10, 2), "no single slice, but 30 x 10 x 2"),
        (patched(DATA, 40, "<5h", 4, 30, 10, 1, 2), "no single slice, but 30 x 10 x 1 x 2"),
        (patched(DATA, 40, "<5h", 4, 30, 20, 1, 1), "no single slice"),
        (patched(DATA, 40, "<2h", -5, 30), "no single slice, but nothing"),
        (patched(DATA, 70, "<2h", 16, 32), "no whole numbers"),
        (patched(DATA, 70, "<2h", 4, 8), "no whole numbers"),
        (patched(DATA, 70, "<2h", 128, 24), "no whole numbers"),
        (patched(DATA, 108, "<f", 351), "extensions"),
        (patched(DATA, 108, "<f", float("nan")), "extensions"),
        (patched(DATA, 348, "B", 1), "extensions"),
        (patched(DATA, 112, "<2f", 2, 0), "scaled"),
        (patched(DATA, 112, "<2f", 1, 1), "scaled"),
        (patched(DATA, 112, "<2f", 0, 3), "scaled"),
        (patched(DATA, 80, "<f", float("inf")), "place in space"),
        (patched(DATA, 280, "<f", float("nan")), "place in space"),
        (patched(DATA, 352 + 2, "<h", 2), "the value 2"),
        (patched(DATA, 352 + 2, "<h", -1), "the value -1"),
        (patched(DATA, 352 + 2, "<h", 255), "the value 255"),
    ],
)
def test_what_is_no_mask_is_refused(tmp_path, data, message):
    assert message in refused(tmp_path, data)


def test_a_pixel_that_is_no_number_is_refused(tmp_path):
    pixels = np.full((9, 4), np.nan, np.float32)
    assert "no whole numbers" in refused(tmp_path, nibabel.Nifti1Image(pixels, np.eye(4)).to_bytes())


def test_what_the_library_says_is_a_case_error_and_not_printed(tmp_path, capfd):
    skewed = patched(patched(DATA, 252, "<2h", 0, 1), 280, "<12f", 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0)
    assert "unexpected scales" in refused(tmp_path, skewed)  # a warning, and then an error
    zero = patched(patched(DATA, 252, "<2h", 0, 1), 280, "<12f", *[0] * 12)
    assert "orthonormal" in refused(tmp_path, zero)
    assert capfd.readouterr() == ("", "")


def test_the_library_may_warn_others_again_afterwards(tmp_path, capfd):
    read(tmp_path, DATA)
    SimpleITK.ProcessObject.GlobalWarningDisplayOn()
    decoded_naively(tmp_path, patched(DATA, 76, "<4f", 1, -1, -1, -1))
    assert "unexpected scales" in capfd.readouterr().err


# ---------------------------------------------------------------- how a mask fits outlines

points = st.tuples(st.integers(-10, 40), st.integers(-10, 30)).map(lambda p: (float(p[0]), float(p[1])))


def inside(ring, x, y):
    """Return whether a point is inside a curve: the crossings of a ray to the left, one by one."""
    turned = False
    for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], ring[0]], strict=True):
        if (y0 <= y) != (y1 <= y) and x0 + (y - y0) * (x1 - x0) / (y1 - y0) < x:
            turned = not turned
    return turned


@given(st.lists(st.lists(points, min_size=3, max_size=6), max_size=3))
def test_a_pixel_is_filled_where_its_centre_is_inside_a_ring(rings):
    """Each pixel is what the ray through its centre says of it, for any rings, also outside the raster."""
    filled = fill_rings(map(tuple, rings), 20, 30)
    for row in range(20):
        for column in range(30):
            x, y = column + 0.5, row + 0.5
            # A centre exactly on an edge is on either side; no whole corner is, but a slope may lead there.
            if not any(on_edge(ring, x, y) for ring in rings):
                assert filled[row, column] == any(inside(ring, x, y) for ring in rings)


def on_edge(ring, x, y):
    return any(
        abs((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) < 1e-9
        for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], ring[0]], strict=True)
    )


def test_pillow_fills_nearly_the_same():
    ring = tuple(
        (100 + 60 * np.cos(t), 80 + 30 * np.sin(t) + 10 * np.cos(3 * t)) for t in np.linspace(0, 6, 40)
    )
    picture = Image.new("1", (200, 160))
    ImageDraw.Draw(picture).polygon(ring, fill=1)
    ours = fill_rings([ring], 160, 200)
    assert abs(int(ours.sum()) - int(np.array(picture).sum())) < 0.05 * ours.sum()
    assert (ours & np.array(picture)).sum() > 0.97 * ours.sum()


@given(st.integers(0, 2**32 - 1))
def test_dice_is_that_of_sets_of_pixels(seed):
    """Each number is 2 |A and B| / (|A| + |B|) of the sets of pixels, the mask's being flipped."""
    mask = np.random.default_rng(seed).integers(0, 2, (12, 16)).astype(bool)
    assume(mask.any())
    ring = ((2.0, 1.0), (9.0, 1.0), (9.0, 7.0), (2.0, 7.0))
    box = {(row, column) for row in range(1, 7) for column in range(2, 9)}
    pixels = {(int(row), int(column)) for row, column in zip(*np.nonzero(mask), strict=True)}
    turns = {
        AS_IS: pixels,
        "left to right": {(row, 15 - column) for row, column in pixels},
        "upside down": {(11 - row, column) for row, column in pixels},
        "both ways": {(11 - row, 15 - column) for row, column in pixels},
    }
    expected = {how: 2 * len(box & found) / (len(box) + len(found)) for how, found in turns.items()}
    assert dice_of_flips(mask, [ring]) == pytest.approx(expected)


@pytest.mark.parametrize("rings", [[], [((50.0, 50.0), (60.0, 50.0), (60.0, 60.0))]])
def test_nothing_to_compare_is_no_number(rings):
    """No outline, or one outside of the image."""
    assert dice_of_flips(np.ones((12, 16), np.bool_), rings) == {}
    assert dice_of_flips(np.zeros((12, 16), np.bool_), [((0.0, 0.0), (9.0, 0.0), (9.0, 9.0))]) == {}
