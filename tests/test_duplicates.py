"""Pictures that are the same at one scale are found, and no others."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from thyrodata.duplicates import How, Picture, Same, find_same
from thyrodata.errors import CaseError, DatasetError, UsageError
from thyrodata.phantoms import PhantomSpec, phantom

WIDTH, HEIGHT = 420, 280


def drawn(seed: int, **asked: Any) -> np.ndarray:
    return phantom(PhantomSpec(seed=seed, width=WIDTH, height=HEIGHT, **asked)).pixels


def stored(pixels: np.ndarray, form: str = "PNG", **how: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **how)
    return buffer.getvalue()


def noisy(pixels: np.ndarray, levels: int) -> np.ndarray:
    noise = np.random.default_rng(1).integers(-levels, levels + 1, pixels.shape)
    return np.clip(pixels.astype(int) + noise, 0, 255).astype(np.uint8)


def coloured(pixels: np.ndarray) -> np.ndarray:
    """The picture in colour, with a yellow rule in it."""
    colours = np.stack([pixels] * 3, axis=2)
    colours[100:103, 50:300] = (240, 220, 40)
    return colours


@pytest.fixture
def same(tmp_path: Path) -> Callable[..., tuple[Same, ...]]:
    """A function that writes files by name and searches them, in this process unless told otherwise."""

    def search(files: Mapping[str, bytes], workers: int = 1) -> tuple[Same, ...]:
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
        return find_same([at(tmp_path / name) for name in files], workers=workers)

    return search


def at(place: Path, sha256: str | None = None) -> Picture:
    return Picture(image_id=f"toy/{place.name}", place=str(place), sha256=sha256)


def links(found: tuple[Same, ...]) -> set[tuple[str, str]]:
    return {(a.removeprefix("toy/"), b.removeprefix("toy/")) for a, b in (s.image_ids for s in found)}


REENCODED = {
    "copied": (stored, How.BYTES),
    "png": (lambda p: stored(p, compress_level=1), How.PIXELS),
    "bmp": (lambda p: stored(p, "BMP"), How.PIXELS),
    "grey as colour": (lambda p: stored(np.stack([p] * 3, axis=2)), How.PIXELS),
    "jpeg 95": (lambda p: stored(p, "JPEG", quality=95), How.GREY_LEVELS),
    "jpeg 90": (lambda p: stored(p, "JPEG", quality=90), How.GREY_LEVELS),
    "jpeg 75": (lambda p: stored(p, "JPEG", quality=75), How.GREY_LEVELS),
    "noise of one level": (lambda p: stored(noisy(p, 1)), How.GREY_LEVELS),
    "noise of two levels": (lambda p: stored(noisy(p, 2)), How.GREY_LEVELS),
}


@pytest.mark.parametrize("name", REENCODED)
@pytest.mark.parametrize("seed", range(4))
def test_what_is_stored_again_is_the_same(same, name, seed):
    picture = drawn(seed, nodules=seed % 4)
    again, how = REENCODED[name]
    (found,) = same({"a.png": stored(picture), "b.png": again(picture)})
    assert found.image_ids == ("toy/a.png", "toy/b.png")
    assert (found.how, found.offset_px, found.overlap) == (how, (0, 0), 1.0)
    assert (found.max_difference == 0) == (how is not How.GREY_LEVELS)


def test_a_greyed_picture_is_the_same_by_the_luma_of_its_colours(same):
    picture = coloured(drawn(1))
    greyed = np.array(Image.fromarray(picture).convert("L"))
    (found,) = same({"a.png": stored(picture), "b.png": stored(greyed)})
    assert found.how is How.PIXELS


def test_a_crop_greyed_by_the_mean_of_the_colours_is_the_same(same):
    """Tools grey by other weights: only a mark's colour shows it."""
    picture = coloured(drawn(1))
    mean = np.rint(picture.mean(axis=2)).astype(np.uint8)[20:, 30:]
    (found,) = same({"a.png": stored(picture), "b.png": stored(mean)})
    assert (found.how, found.offset_px) == (How.GREY_LEVELS, (30, 20))
    assert found.max_difference == 205 - 167  # the rule's luma and the mean of its colours


PICTURES = [drawn(seed, nodules=seed % 4, dual=seed % 2 == 1) for seed in range(6)]


@given(st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_crop_is_found_with_its_place(same, data):
    """A crop of at least 120 px a side is the same as its picture, wherever it lies and however stored."""
    picture = data.draw(st.sampled_from(PICTURES))
    width, height = data.draw(st.integers(120, WIDTH)), data.draw(st.integers(120, HEIGHT - 40))
    x, y = data.draw(st.integers(0, WIDTH - width)), data.draw(st.integers(0, HEIGHT - 40 - height))
    quality = data.draw(st.sampled_from([None, 95, 90, 75]))
    cut = picture[y : y + height, x : x + width]
    data_of_crop = stored(cut) if quality is None else stored(cut, "JPEG", quality=quality)
    (found,) = same({"a": stored(picture), "b": data_of_crop})
    assert (found.offset_px, found.overlap) == ((x, y), 1.0)
    (turned,) = same({"b": data_of_crop, "a": stored(picture)})
    assert turned.offset_px == (-x, -y)
    shown = np.array(Image.open(io.BytesIO(data_of_crop))).astype(int)
    apart = np.abs(shown - cut)
    assert found.mean_difference == turned.mean_difference == pytest.approx(apart.mean())
    assert found.max_difference == turned.max_difference == apart.max()
    assert found.how is (How.PIXELS if apart.max() == 0 else How.GREY_LEVELS)


def test_halves_are_the_same_as_the_picture_and_not_as_each_other(same):
    picture = drawn(3)
    half = WIDTH // 2
    files = {"whole": picture, "left": picture[:, :half], "right": picture[:, half:]}
    found = same({name: stored(pixels) for name, pixels in files.items()})
    assert [(s.image_ids[1], s.offset_px) for s in found] == [("toy/left", (0, 0)), ("toy/right", (half, 0))]


@pytest.mark.parametrize(("shift", "expected"), [(40, 1), (115, 1), (125, 0)])
def test_crops_that_overlap_by_half_are_the_same(same, shift, expected):
    """240 columns each: at 40 px they share five sixths, at 115 px just above a half, at 125 px less."""
    picture = drawn(4, margin_text=False)
    one, two = picture[20:260, 10:250], picture[20:260, 10 + shift : 250 + shift]
    found = same({"a": stored(one), "b": stored(two, "JPEG", quality=90)})
    assert len(found) == expected
    assert [s.offset_px for s in found] == [(shift, 0)] * expected
    assert all(s.overlap == pytest.approx((240 - shift) / 240) for s in found)


def test_pictures_of_one_scanner_are_not_the_same(same):
    """They share the black margin, the grey bar, the ticks and all texts but one number."""
    pictures = {f"{seed}": stored(drawn(seed, nodules=seed % 3)) for seed in range(40)}
    assert same(pictures) == ()


def test_dark_pictures_of_one_scanner_are_not_the_same(same):
    """The tissue is so dark that compression leaves little of it, and the signs around it are bright."""
    files = {}
    for seed in range(30):
        x0, y0, x1, y1 = phantom(PhantomSpec(seed=seed, width=WIDTH, height=HEIGHT)).echo_box
        picture = drawn(seed)
        picture[y0:y1, x0:x1] //= 8
        files[f"{seed}"] = stored(picture, "JPEG", quality=75)
    assert same(files) == ()


def empty_screen(number: int) -> np.ndarray:
    """A scanner's screen without an echo, which names an examination."""
    screen = phantom(PhantomSpec(seed=1, width=WIDTH, height=HEIGHT))
    x0, y0, x1, y1 = screen.echo_box
    picture = Image.fromarray(screen.pixels)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((x0, y0, x1 - 1, y1 - 1), fill=0)
    draw.rectangle((0, 0, 140, y0 - 1), fill=0)
    draw.text((x0, 2), f"ID {number:04d}", fill=176)
    return np.array(picture)


def test_empty_screens_of_other_examinations_are_not_the_same(same):
    assert same({f"{n}": stored(empty_screen(n), "JPEG", quality=90) for n in range(30)}) == ()


def test_a_picture_without_texture_is_the_same_only_in_equal_pixels(same):
    screen, flat = empty_screen(7), np.full((HEIGHT, WIDTH), 30, np.uint8)
    files = {"a": stored(screen), "b": stored(screen, "BMP"), "c": stored(noisy(screen, 1))}
    assert links(same(files)) == {("a", "b")}
    assert links(same({"d": stored(flat), "e": stored(flat, "BMP"), "f": stored(flat + 1)})) == {("d", "e")}


def test_a_region_of_other_texture_refuses_the_pair(same):
    """A twentieth of the picture differs, and nowhere by more than compression may change a pixel."""
    picture = drawn(2)
    other = picture.astype(int)
    rows, columns = np.mgrid[0:80, 0:80]
    other[100:180, 150:230] += np.rint(24 * np.sin(rows / 3) * np.sin(columns / 3)).astype(int)
    assert np.abs(other - picture).max() <= 24
    assert same({"a": stored(picture), "b": stored(np.clip(other, 0, 255).astype(np.uint8))}) == ()


def test_a_faint_picture_is_the_same_only_in_equal_pixels(same):
    """In so little contrast noise and another frame cannot be told apart."""
    faint = drawn(2, margin_text=False) // 8
    files = {"a": faint, "noisy": noisy(faint, 1), "cut": faint[20:, 30:]}
    assert links(same({name: stored(pixels) for name, pixels in files.items()})) == {("a", "cut")}


def frames(seed: int) -> list[np.ndarray]:
    """A clip of one neck: each frame a pixel further, its speckle not the one before."""
    anatomy = drawn(seed).astype(float)
    smooth = np.array(Image.fromarray(anatomy.astype(np.uint8)).resize((WIDTH // 8, HEIGHT // 8)))
    smooth = np.array(Image.fromarray(smooth).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)).astype(float)
    rng = np.random.default_rng(seed)
    taken = []
    for step in range(6):
        white = rng.normal(size=(HEIGHT + 1, WIDTH + 2))
        speckle = (white[1:, 2:] + white[1:, 1:-1] + white[1:, :-2] + white[:-1, 1:-1]) / 2
        frame = np.roll(smooth, step, axis=1) * (1 + 0.3 * speckle)
        frame[:30], frame[-30:] = anatomy[:30], anatomy[-30:]
        taken.append(np.clip(frame, 0, 255).astype(np.uint8))
    return taken


@pytest.mark.parametrize("seed", range(3))
def test_frames_that_follow_one_another_are_not_the_same(same, seed):
    assert same({f"{i}": stored(frame) for i, frame in enumerate(frames(seed))}) == ()


@pytest.mark.parametrize(
    "marks",
    [
        {"calipers": "x"},
        {"calipers": "+", "mark_colour": "yellow"},
        {"dotted_line": True},
        {"burned_in_text": "TR4"},
    ],
    ids=str,
)
def test_a_picture_with_other_marks_is_not_the_same(same, marks):
    assert same({"a": stored(drawn(5)), "b": stored(drawn(5, **marks))}) == ()


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p[:, ::-1],
        np.rot90,
        lambda p: np.array(Image.fromarray(p).resize((WIDTH * 9 // 10, HEIGHT * 9 // 10))),
        lambda p: np.clip(p.astype(int) + 20, 0, 255).astype(np.uint8),
    ],
    ids=["mirrored", "turned", "scaled", "brighter"],
)
def test_what_is_not_looked_for_is_not_found(same, change):
    picture = drawn(6)
    assert same({"a": stored(picture), "b": stored(np.ascontiguousarray(change(picture)))}) == ()


def deep(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 400, (HEIGHT, WIDTH))
    return (drawn(seed).astype(np.uint16) * 200 + noise).astype(np.uint16)


def test_pictures_of_16_bits_are_the_same_only_in_equal_pixels(same):
    picture = deep(1)
    other = picture.copy()
    other[100, 100] += 1
    files = {"a": picture, "crop": picture[30:, 50:], "other": other[20:-20, 20:-20], "unlike": deep(2)}
    found = same({name: stored(pixels) for name, pixels in files.items()})
    assert [(s.image_ids[1], s.offset_px, s.how) for s in found] == [("toy/crop", (50, 30), How.PIXELS)]


def test_a_picture_of_16_bits_is_not_one_of_8(same):
    eight = drawn(1)
    assert same({"a": stored(eight), "b": stored(eight.astype(np.uint16))}) == ()


def test_equal_pictures_are_pairs_with_their_first(same):
    picture = drawn(2)
    again, cut = stored(picture, "BMP"), stored(picture[10:, 10:], "JPEG", quality=90)
    found = same({"a": stored(picture), "b": cut, "c": stored(picture), "d": again})
    assert [(s.image_ids, s.how) for s in found] == [
        (("toy/a", "toy/b"), How.GREY_LEVELS),
        (("toy/a", "toy/c"), How.BYTES),
        (("toy/a", "toy/d"), How.PIXELS),
        (("toy/b", "toy/c"), How.GREY_LEVELS),
        (("toy/b", "toy/d"), How.GREY_LEVELS),
    ]
    assert [s.offset_px for s in found] == [(10, 10), (0, 0), (0, 0), (-10, -10), (-10, -10)]


def test_more_copies_than_are_paired_directly_are_linked_through_one_another(same):
    picture = drawn(8)
    found = links(same({f"{q}": stored(picture, "JPEG", quality=q) for q in range(60, 100)}))
    reached = {"60"}
    for _ in range(40):
        reached |= {b for a, b in found if a in reached} | {a for a, b in found if b in reached}
    assert len(reached) == 40


def test_nothing_is_the_same_where_there_is_nothing(same):
    assert same({}) == ()
    assert same({"a": stored(drawn(1))}) == ()
    tiny = {f"{i}": stored(np.full((i, 1), 9, np.uint8)) for i in range(1, 4)}
    assert same(tiny) == ()


@pytest.mark.slow
def test_the_answer_is_the_same_on_two_workers(same):
    files = {f"{seed:03d}": stored(drawn(seed % 60)[seed // 60 * 8 :]) for seed in range(150)}
    alone = same(files)
    assert len(alone) == 120  # 30 necks three times, 30 twice
    assert same(files, workers=2) == alone


def test_progress_ends_where_it_said(tmp_path):
    (tmp_path / "a").write_bytes(stored(drawn(1)))
    (tmp_path / "b").write_bytes(stored(drawn(1)[20:, 20:]))
    seen: list[tuple[int, int]] = []
    find_same(
        [at(tmp_path / "a"), at(tmp_path / "b")], progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(2, 2), (3, 3)]


def test_what_is_wrong_is_named(tmp_path):
    place = tmp_path / "a.png"
    with pytest.raises(CaseError, match=r"toy/a\.png cannot be read") as missing:
        find_same([at(place)])
    assert missing.value.where == str(place)
    place.write_bytes(stored(drawn(1))[:-40])
    with pytest.raises(CaseError, match="cut") as cut:
        find_same([at(place)])
    assert cut.value.where == str(place)
    place.write_bytes(stored(drawn(1)))
    with pytest.raises(DatasetError, match="differs from its checksum") as changed:
        find_same([at(place, "0" * 64)])
    assert changed.value.where == str(place)
    with pytest.raises(UsageError, match="0 workers"):
        find_same([], workers=0)
