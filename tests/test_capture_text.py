"""Text burned into a picture is found and hidden, whatever it is written in, and tissue is left alone."""

import difflib
import traceback
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.burnedin import SCRIPTS, burn, covered, jpeg, script_font, tissue
from thyrodata.capture import ocr
from thyrodata.capture import text as guard
from thyrodata.capture.text import TextDetector, blank, hide
from thyrodata.errors import CaseError, MissingExtraError

DETECTOR = TextDetector()
BLACK = np.zeros((300, 400), np.uint8)
YELLOW, CYAN, GREEN, RED = (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0.1, 0.1)


def unhidden(picture, words):
    """The words of which some ink is outside of what was found."""
    mask = covered(DETECTOR.find(picture), picture.shape)
    return [word.text for word in words if not mask[word.ink].all()]


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("size", [12, 28])
def test_text_of_contrast_80_is_found_in_every_script(script, size):
    font = script_font(script, size)
    for background in (BLACK, tissue(3, 300, 400)):
        picture, words = burn(background, SCRIPTS[script], font, seed=size)
        assert len(words) >= 2
        assert unhidden(picture, words) == []


@pytest.mark.parametrize("colour", [YELLOW, CYAN, GREEN, RED], ids=["yellow", "cyan", "green", "red"])
def test_coloured_text_is_found(colour):
    picture, words = burn(
        tissue(4, 300, 400), SCRIPTS["Latin"], script_font("Latin", 16), seed=1, contrast=100, colour=colour
    )
    assert picture.shape == (300, 400, 3)
    assert unhidden(picture, words) == []


@pytest.mark.parametrize("quality", [75, 90])
def test_text_is_found_after_a_lossy_jpeg(quality):
    picture, words = burn(tissue(5, 300, 400), SCRIPTS["digits"], script_font("digits", 14), seed=2)
    assert unhidden(jpeg(picture, quality), words) == []


def test_dark_text_on_bright_tissue_is_found():
    bright = np.clip(tissue(6, 300, 400).astype(int) + 90, 0, 255).astype(np.uint8)
    picture, words = burn(bright, SCRIPTS["Latin"], script_font("Latin", 18), seed=3, contrast=-110)
    assert unhidden(picture, words) == []


def test_text_upright_along_an_edge_is_found():
    picture, words = burn(tissue(7, 400, 300), SCRIPTS["digits"], script_font("digits", 18), seed=4)
    mask = covered(DETECTOR.find(np.rot90(picture)), (300, 400))
    assert all(mask[np.rot90(word.ink)].all() for word in words)


@pytest.mark.parametrize("letters", ["R", "LT", "7"])
def test_a_mark_of_few_letters_is_found_in_black_also_in_the_corner(letters):
    picture = BLACK.copy()
    written, words = burn(BLACK[:40, :40], [letters], script_font("Latin", 16), seed=5, contrast=150)
    picture[:40, :40] = written
    (word,) = words
    rows, columns = np.nonzero(word.ink)
    corner = np.roll(picture, (-rows.min(), -columns.min()), axis=(0, 1))
    for shown, ink in ((picture, word.ink), (corner, word.ink[rows.min() :, columns.min() :])):
        assert covered(DETECTOR.find(shown), shown.shape)[: ink.shape[0], : ink.shape[1]][ink].all()


@pytest.mark.parametrize("seed", [11, 12])
def test_hardly_any_tissue_is_taken_for_text(seed):
    clean = tissue(seed, 300, 400)
    assert covered(DETECTOR.find(clean), clean.shape).mean() < 0.005


@pytest.mark.parametrize(
    "plain",
    [
        np.zeros((1, 1), np.uint8),
        np.zeros((3, 700), np.uint8),
        np.zeros((300, 400), np.uint16),
        np.full((200, 100, 3), 255, np.uint8),
        np.random.default_rng(0).integers(0, 256, (300, 400), np.uint8),
    ],
    ids=["a pixel", "a line", "black", "white", "noise"],
)
def test_nothing_is_found_in_nothing(plain):
    """Without reference lines the network finds hundreds of texts in plain black."""
    assert DETECTOR.find(plain) == ()


def test_equal_pictures_give_equal_sorted_boxes_inside_the_picture():
    picture, _ = burn(tissue(8, 300, 400), SCRIPTS["Latin"], script_font("Latin", 20), seed=6)
    boxes = DETECTOR.find(picture)
    assert boxes == TextDetector().find(picture.copy())
    assert list(boxes) == sorted(boxes, key=lambda box: (box[1], box[0], box[3], box[2]))
    assert boxes
    for x0, y0, x1, y1 in boxes:
        assert 0 <= x0 < x1 <= 400
        assert 0 <= y0 < y1 <= 300


def test_sixteen_bits_are_looked_at_like_eight():
    picture, _ = burn(BLACK, SCRIPTS["Latin"], script_font("Latin", 20), seed=7, contrast=255)
    assert DETECTOR.find(picture.astype(np.uint16) * 16) == DETECTOR.find(picture)


def test_text_across_the_tiles_of_a_large_picture_is_found():
    picture, words = burn(
        np.zeros((80, 2400), np.uint8), ["MARY SMITH 1958"] * 12, script_font("Latin", 24), seed=8
    )
    assert len(words) == 12
    assert unhidden(picture, words) == []
    assert unhidden(picture.T, []) == []


def test_what_is_written_is_read():
    font = script_font("Latin", 24)
    picture, words = burn(BLACK, ["SMITH MARY", "12/03/1958"], font, seed=9, contrast=200)
    read = {line.text.replace(" ", "") for line in DETECTOR.read(picture)}
    for word in words:
        assert difflib.get_close_matches(word.text.replace(" ", ""), read, cutoff=0.8)


def test_nothing_is_said_while_reading(capfd):
    picture, _ = burn(BLACK, ["MARY"], script_font("Latin", 24), seed=9, contrast=200)
    assert TextDetector().read(picture)
    assert capfd.readouterr() == ("", "")


class Network:
    """Stands in for the network that finds text."""

    def __init__(self, answer):
        self.run = answer

    def get_inputs(self):
        return [SimpleNamespace(name="x")]


def test_a_network_that_misses_its_reference_is_not_believed(monkeypatch):
    blind = Network(lambda names, inputs: [np.zeros((1, 1, *inputs["x"].shape[2:]), np.float32)])
    monkeypatch.setattr(ocr, "_network", lambda: blind)
    with pytest.raises(CaseError, match="reference"):
        DETECTOR.find(BLACK)


def fail(*args, **options):
    raise RuntimeError("SMITH, MARY")


def test_a_network_that_fails_is_an_error_that_quotes_nothing(monkeypatch):
    monkeypatch.setattr(ocr, "_network", lambda: Network(fail))
    monkeypatch.setattr(ocr, "_reader", lambda: fail)
    for look in (DETECTOR.find, ocr.read_line):
        with pytest.raises(CaseError, match="failed") as caught:
            look(BLACK)
        assert "SMITH" not in "".join(traceback.format_exception(caught.value))


def test_an_ocr_without_networks_is_an_extra_that_is_missing(monkeypatch, tmp_path):
    class Hollow:
        __file__ = str(tmp_path / "__init__.py")

    monkeypatch.setattr(ocr, "load_extra", lambda module, extra: Hollow)
    with pytest.raises(MissingExtraError, match="no network"):
        ocr._model("det")


# Blanking and hiding


BOXES = st.lists(
    st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(1, 9), st.integers(1, 9)).map(
        lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
    ),
    max_size=4,
)


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12))), BOXES)
def test_blanking_changes_nothing_but_the_boxes(picture, boxes):
    """Inside of the boxes all is 0, outside nothing changes, and neither does the original."""
    before = picture.copy()
    blanked = blank(picture, boxes)
    inside = covered(boxes, picture.shape)
    assert (blanked[inside] == 0).all()
    assert (blanked[~inside] == picture[~inside]).all()
    assert (picture == before).all()


@given(BOXES)
def test_merged_boxes_cover_what_the_boxes_cover(boxes):
    """No pixel of a box is lost by merging, and merging twice changes nothing that matters."""
    merged = guard._merged(boxes)
    assert (covered(merged, (20, 20)) >= covered(boxes, (20, 20))).all()
    assert len(merged) <= len(set(boxes))


@given(st.integers(1, 300))
def test_tiles_cover_a_side_and_overlap(strides):
    """Tiles are multiples of the stride, no longer than a tile, and share pixels with their neighbours."""
    side = 32 * strides
    spans = list(ocr._spans(side))
    assert (spans[0][0], spans[-1][1]) == (0, side)
    assert all(stop - start <= ocr.TILE and (stop - start) % 32 == 0 for start, stop in spans)
    assert all(second[0] == first[1] - ocr.OVERLAP for first, second in pairwise(spans))


class Scripted(TextDetector):
    """Finds what it is told, look by look."""

    def __init__(self, *looks):
        self.looks = list(looks)
        self.number = 0

    def find(self, picture, *, again=False):
        self.number += 1
        return self.looks.pop(0) if self.looks else ()


def test_a_clean_picture_needs_one_look():
    detector = Scripted(())
    hidden = hide(detector, [BLACK])
    assert (hidden.boxes, hidden.clean, detector.number) == ((), True, 1)


def test_pictures_of_a_clip_that_moves_are_looked_at_together():
    """The strokes that stand on it show what the enlarged views would."""
    asked = []

    class Asked(TextDetector):
        def find(self, picture, *, again=False):
            asked.append("alone")
            return ()

        def find_together(self, *pictures, again=False):
            asked.append(f"{len(pictures)} together")
            return ()

        def find_in_strokes(self, strokes, *, again=False):
            asked.append("strokes")
            return ()

    hide(Asked(), [BLACK, BLACK])
    assert asked == ["alone", "alone"]
    asked.clear()
    hide(Asked(), [BLACK, BLACK], [BLACK])
    assert asked == ["2 together", "strokes"]


def test_text_on_either_picture_of_a_clip_is_found():
    drawn = [
        burn(tissue(seed, 300, 400), SCRIPTS["Latin"], script_font("Latin", 18), seed=seed, contrast=contrast)
        for seed, contrast in ((13, 90), (14, -90))
    ]
    mask = covered(DETECTOR.find_together(*(picture for picture, _ in drawn)), (300, 400))
    inks = [word.ink for _, words in drawn for word in words]
    assert len(inks) > len(SCRIPTS["Latin"])
    assert all(mask[ink].mean() > 0.99 for ink in inks)


@pytest.mark.parametrize("letter", ["L", "7"])
def test_a_letter_that_the_network_misses_is_hidden(letter, monkeypatch):
    """The network is told to see nothing; what is left between two patches is no letter."""
    monkeypatch.setattr(guard, "text_map", lambda view, scale: np.zeros((1, 1), np.float32))
    picture, (word,) = burn(tissue(12, 300, 400), [letter], script_font("Latin", 20), seed=3, contrast=100)
    hidden = hide(DETECTOR, [picture])
    assert hidden.clean
    assert covered(hidden.boxes, picture.shape)[word.ink].all()
    picture[:, 100:102] = 255
    assert DETECTOR.find(picture, again=True) == ()


def test_what_another_look_finds_is_hidden_too():
    hidden = hide(Scripted([(0, 0, 9, 9)], [(50, 50, 60, 60)], ()), [BLACK])
    assert hidden.clean
    assert hidden.boxes == ((0, 0, 9, 9), (50, 50, 60, 60))


def test_what_one_picture_shows_is_hidden_in_all():
    hidden = hide(Scripted([(0, 0, 9, 9)], [(50, 50, 60, 60)]), [BLACK, BLACK])
    assert hidden.clean
    assert len(hidden.boxes) == 2


def test_what_is_seen_in_a_patch_is_no_text():
    hidden = hide(Scripted([(0, 0, 9, 9)], *([(1, 1, 8, 8)] for _ in range(9))), [BLACK])
    assert (hidden.boxes, hidden.clean) == (((0, 0, 9, 9),), True)


def test_text_that_does_not_end_is_said_to_remain():
    detector = Scripted(*([(20 * look, 0, 20 * look + 9, 9)] for look in range(50)))
    hidden = hide(detector, [BLACK])
    assert not hidden.clean
    assert detector.number == 1 + guard.ROUNDS


def test_hiding_leaves_no_ink_in_the_picture():
    picture, words = burn(tissue(9, 300, 400), SCRIPTS["Latin"], script_font("Latin", 18), seed=10)
    hidden = hide(DETECTOR, [picture])
    assert hidden.clean
    left = blank(picture, hidden.boxes)
    assert words
    assert not any(left[word.ink].any() for word in words)
