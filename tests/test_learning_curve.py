"""The picture of a training's curves."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st
from PIL import Image

from thyrodata.reports.learningcurve import TrainedEpoch, draw_curves


def epochs(count, **figures):
    """Epochs whose loss falls to the middle one, which is the best, and rises again."""
    return [
        TrainedEpoch(
            epoch=n,
            learning_rate=1e-3 / n,
            training={"loss": 1 / n},
            validation={"loss": 1 + abs(n - count // 2) / count, **figures},
            best=n <= max(count // 2, 1),
        )
        for n in range(1, count + 1)
    ]


def pixels(data):
    image = Image.open(BytesIO(data))
    assert image.format == "PNG"
    return np.asarray(image.convert("RGB"))


def test_equal_epochs_give_equal_bytes_and_others_do_not():
    said = {"title": "small/segment", "watched": "iou"}
    first = draw_curves(epochs(20, iou=0.5), **said)
    assert draw_curves(epochs(20, iou=0.5), **said) == first
    assert draw_curves(epochs(20, iou=0.6), **said) != first
    assert draw_curves(epochs(21, iou=0.5), **said) != first
    assert draw_curves(epochs(20, iou=0.5), title="small/classify", watched="iou") != first


def test_figures_beside_losses_have_a_panel_of_their_own():
    bare, figured = (
        pixels(draw_curves(epochs(8, **some), title="x", watched="loss")) for some in ({}, {"iou": 0.5})
    )
    assert figured.shape[1] == pytest.approx(bare.shape[1] * 3 / 2)
    for drawn in (bare, figured):
        assert (drawn != 255).any(2).mean() > 0.01


def test_the_best_epoch_is_marked_where_it_is():
    """The dotted line of the last best epoch moves with it, and there is none where none was best."""
    grey = np.array([0x7C, 0x88, 0x96])

    def column(best):
        some = [
            TrainedEpoch(epoch=n, learning_rate=1, training={"loss": 1}, validation={}, best=n in (1, best))
            for n in range(1, 41)
        ]
        drawn = pixels(draw_curves(some, title="", watched="loss"))[:, : 440 - 1]
        at = (np.abs(drawn.astype(int) - grey) < 12).all(2).sum(0)
        return int(at.argmax())

    places = [column(best) for best in (5, 20, 35)]
    assert places == sorted(set(places))
    assert places[2] - places[1] == pytest.approx(places[1] - places[0], abs=2)


@pytest.mark.slow
@tried(max_examples=10)
@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.one_of(st.none(), st.floats(0, 1))), min_size=1, max_size=15),
    st.text(st.characters(exclude_categories=("C", "M"), codec="latin-1"), max_size=20),
)
def test_any_training_can_be_drawn(values, title):
    """Law: whatever is finite, missing or called is drawn."""
    some = [
        TrainedEpoch(
            epoch=n,
            learning_rate=0,
            training={"loss": loss},
            validation={"loss": loss} if auc is None else {"loss": loss, "auc": auc},
            best=False,
        )
        for n, (loss, auc) in enumerate(values, 1)
    ]
    assert pixels(draw_curves(some, title=title, watched="auc")).any()
