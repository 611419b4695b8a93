"""HDF5 files that are whole, cut, corrupt, or lie: read as h5py wrote them, or refused by name."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thyrodata.errors import CaseError, RawLayoutError, ThyrodataError
from thyrodata.io import hdf5
from thyrodata.io.hdf5 import open_hdf5
from thyrodata.io.images import MAX_PIXELS
from thyrodata.io.raw import Raw

FRAMES = np.arange(5 * 6 * 7, dtype=np.uint8).reshape(5, 6, 7)


@pytest.fixture
def written(tmp_path):
    """A function that writes the only file of a source, and returns it."""

    def write(fill, **options):
        with h5py.File(tmp_path / "set.hdf5", "w", **options) as file:
            fill(file)
        return Raw(tmp_path).files[0]

    return write


def plain(file):
    file["image"] = FRAMES
    file["id"] = np.array([b"7_", b"7_", b"10_", b"", b"3"])


def refused(file, use, kind=RawLayoutError):
    """Return the error of a use of the file, which names the file and says what to do."""
    with pytest.raises(kind) as caught, open_hdf5(file) as opened:
        use(opened)
    error = caught.value
    assert error.where.startswith(str(file))
    assert error.hint
    assert str(file.raw.root) not in f"{error.message}{error.where}"
    return error


@pytest.mark.parametrize("libver", ["earliest", "v108", "v110", "v112", "latest"])
def test_whole_files_of_every_version_are_read(written, libver):
    file = written(plain, libver=libver)
    with open_hdf5(file) as opened:
        assert opened.stack_shape("image") == FRAMES.shape
        assert np.array_equal(opened.frames("image", 1, 4), FRAMES[1:4])
        assert opened.strings("id", 5) == (b"7_", b"7_", b"10_", b"", b"3")


@pytest.mark.parametrize("chunks", [None, (1, 6, 7), (3, 4, 2)])
@pytest.mark.parametrize("compression", [None, "gzip"])
def test_any_storage_gives_the_same_frames(written, chunks, compression):
    if compression and not chunks:
        chunks = True
    file = written(lambda f: f.create_dataset("image", data=FRAMES, chunks=chunks, compression=compression))
    with open_hdf5(file) as opened:
        assert np.array_equal(opened.frames("image", 2, 5), FRAMES[2:5])


@pytest.mark.parametrize("text", [h5py.string_dtype("utf-8"), h5py.string_dtype("ascii"), "S9"])
def test_strings_of_fixed_and_of_variable_length_are_read(written, text):
    file = written(lambda f: f.create_dataset("id", data=[b"103_", b"7_"], dtype=text))
    with open_hdf5(file) as opened:
        assert opened.strings("id", 2) == (b"103_", b"7_")


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_a_file_that_lacks_even_its_last_byte_is_cut(written, libver):
    file = written(plain, libver=libver)
    whole = file.local.read_bytes()
    for length in [*range(1, len(whole), 97), len(whole) - 1]:
        file.local.write_bytes(whole[:length])
        refused(file, lambda opened: opened.strings("id", 5))
    file.local.write_bytes(whole)
    with open_hdf5(file) as opened:
        assert opened.strings("id", 5)


def test_bytes_after_the_end_are_left_alone(written):
    file = written(plain)
    file.local.write_bytes(file.local.read_bytes() + b"and more")
    with open_hdf5(file) as opened:
        assert np.array_equal(opened.frames("image", 0, 5), FRAMES)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"<html></html>", "is no HDF5"),
        (b"\x89HDF\r\n\x1a\n", "superblock"),
        (b"\x89HDF\r\n\x1a\n\x07" + 90 * b"\0", "superblock"),
        (b"\x89HDF\r\n\x1a\n\x02\x00\x08" + 90 * b"\0", "superblock"),
        (b"\x89HDF\r\n\x1a\n\x02\x08\x08\x00" + 90 * b"\0", "cannot be read"),
        (b"\x89HDF\r\n\x1a\n\x02\x08\x08\x00" + 90 * b"\xff", "superblock"),
        (b"\x89HDF\r\n\x1a\n" + 600 * b"\0" + b"\x89HDF\r\n\x1a\n", "superblock"),
    ],
)
def test_what_is_no_hdf5_is_named(tmp_path, data, said):
    (tmp_path / "set.hdf5").write_bytes(data)
    assert said in refused(Raw(tmp_path).files[0], lambda opened: opened.strings("id", 5)).message


def test_a_file_that_is_gone_is_named(written):
    file = written(plain)
    file.local.unlink()
    refused(file, lambda opened: None)


@pytest.mark.parametrize(
    "fill",
    [
        lambda f: None,
        lambda f: f.create_group("image"),
        lambda f: f.create_dataset("image", data=FRAMES.astype("u2")),
        lambda f: f.create_dataset("image", data=FRAMES.astype("i1")),
        lambda f: f.create_dataset("image", data=FRAMES > 3),
        lambda f: f.create_dataset("image", data=FRAMES[0]),
        lambda f: f.create_dataset("image", data=FRAMES[None]),
        lambda f: f.create_dataset("image", data=np.uint8(3)),
        lambda f: f.create_dataset("image", data=h5py.Empty("u1")),
        lambda f: f.create_dataset("image", data=[b"frame"]),
        lambda f: f.create_dataset("image", data=np.zeros((2, 3, 4), [("grey", "u1")])),
        lambda f: f.create_dataset("image", (2, 0, 4), "u1"),
        lambda f: f.create_dataset("image", (0, 3, 4), "u1"),
        lambda f: f.create_dataset("image", (1, 2, MAX_PIXELS), "u1", chunks=(1, 1, 64)),
        lambda f: f.create_dataset("image", (2**40, 2**15, 2**13), "u1", chunks=(2, 2**6, 2**6)),
        lambda f: f.create_dataset(
            "image", (3, 2**10, 2**10), "u1", chunks=(2**9, 2**10, 2**10), maxshape=(None, None, None)
        ),
        lambda f: f.create_dataset("image", (3,), h5py.ref_dtype),
        lambda f: f.create_dataset("image", (3,), h5py.regionref_dtype),
    ],
)
def test_a_stack_of_another_kind_or_of_a_lying_size_is_refused(written, fill):
    refused(written(fill), lambda opened: opened.stack_shape("image"))


@pytest.mark.parametrize(
    "fill",
    [
        lambda f: f.create_dataset("id", data=[1, 2]),
        lambda f: f.create_dataset("id", data=[[b"7_"]]),
        lambda f: f.create_dataset("id", data=np.array([65 * b"9"])),
        lambda f: f.create_dataset("id", data=[65 * b"9"], dtype=h5py.string_dtype()),
        lambda f: f.create_dataset("id", (2**21,), "S3", chunks=(8,)),
        lambda f: f.create_dataset("id", (3,), h5py.ref_dtype),
        lambda f: f.create_dataset("id", (3,), h5py.vlen_dtype("u1")),
    ],
)
def test_strings_of_another_kind_are_refused(written, fill):
    refused(written(fill), lambda opened: opened.strings("id", opened._opened["id"].shape[0]))


def test_datasets_that_do_not_fit_together_are_refused(written):
    def unlike(f):
        plain(f)
        f["mask"] = FRAMES[:, :, :-1]

    file = written(unlike)
    assert "mask (5, 6, 6)" in refused(file, lambda opened: opened.stack_shape("image", "mask")).message
    refused(file, lambda opened: opened.strings("id", 4))
    refused(file, lambda opened: opened.strings("id", 6))


def soft(f):
    f["elsewhere"] = FRAMES
    f["image"] = h5py.SoftLink("/elsewhere")


def external_link(f):
    f["image"] = h5py.ExternalLink("other.hdf5", "/image")


def external_storage(f):
    f.create_dataset("image", (5, 6, 7), "u1", external=[("/etc/passwd", 0, 210)])


def virtual(f):
    layout = h5py.VirtualLayout((5, 6, 7), "u1")
    layout[:] = h5py.VirtualSource("other.hdf5", "image", (5, 6, 7))
    f.create_virtual_dataset("image", layout)


@pytest.mark.parametrize("fill", [soft, external_link, external_storage, virtual])
def test_bytes_that_lie_elsewhere_are_refused(written, tmp_path, fill):
    """The library itself follows every one of these, also out of the source."""
    (tmp_path / "beside").mkdir()
    with h5py.File(tmp_path / "other.hdf5", "w") as other:
        other["image"] = FRAMES
    file = next(f for f in [written(fill), *Raw(tmp_path).files] if f.name == "set.hdf5")
    with h5py.File(file.local) as followed:
        assert followed["image"].shape == (5, 6, 7)
    error = refused(file, lambda opened: opened.stack_shape("image"))
    assert "its bytes are not its own" in error.message
    refused(file, lambda opened: opened.frames("image", 0, 1))


def test_a_damaged_chunk_is_found_when_it_is_read(written):
    def checked(f):
        f.create_dataset("image", data=np.tile(FRAMES, (1, 9, 9)), chunks=(1, 54, 63), fletcher32=True)

    file = written(checked)
    data = bytearray(file.local.read_bytes())
    data[data.index(np.tile(FRAMES, (1, 9, 9))[2].tobytes()) + 9] ^= 1
    file.local.write_bytes(data)
    with open_hdf5(file) as opened:
        assert opened.frames("image", 0, 2).shape == (2, 54, 63)
    refused(file, lambda opened: opened.frames("image", 1, 3), CaseError)


def test_frames_beyond_the_end_are_not_made_up(written):
    file = written(plain)
    refused(file, lambda opened: opened.frames("image", 3, 6), CaseError)


def test_without_the_library_the_extra_is_named(written, monkeypatch):
    def missing(module, extra):
        raise ThyrodataError(f"{module}: {extra}")

    monkeypatch.setattr(hdf5, "load_extra", missing)
    with pytest.raises(ThyrodataError, match="h5py: formats"), open_hdf5(written(plain)):
        pass


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_changed_byte_is_read_or_refused(written, data):
    """Whatever byte of the file's own structures changes, it is read, or refused as an error of ours."""
    file = written(plain)
    original = bytearray(file.local.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        original[data.draw(st.integers(0, len(original) - 1))] = data.draw(st.integers(0, 255))
    file.local.write_bytes(original)
    try:
        with open_hdf5(file) as opened:
            frames, height, width = opened.stack_shape("image")
            assert opened.frames("image", 0, 1).shape == (1, height, width)
            assert frames > 0
            opened.strings("id", 5)
    except (RawLayoutError, CaseError) as error:
        named = error.where.startswith("set.hdf5")
        assert named
