"""Deciding of a patient by the patient's images, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thyrodata.agreement.kappa import MISSING
from thyrodata.baselines.metrics.classification import Classified
from thyrodata.baselines.metrics.decisions import most_confident_box, most_pixels
from thyrodata.baselines.metrics.voting import (
    mean_probability,
    weighted_majority,
    weighted_majority_of_decisions,
)
from thyrodata.errors import UsageError


def of_malignancy(positive: list[float], labels: list[int]) -> Classified:
    rows = np.array([[1 - p, p] for p in positive])
    return Classified(classes=("benign", "malignant"), labels=np.array(labels), probabilities=rows)


@st.composite
def images(draw: st.DrawFn) -> tuple[Classified, list[str]]:
    rows = draw(st.lists(st.tuples(st.integers(0, 10), st.integers(0, 3)), min_size=1, max_size=12))
    groups = [f"patient-{group}" for _, group in rows]
    return of_malignancy([tenths / 10 for tenths, _ in rows], [group % 2 for _, group in rows]), groups


def test_a_vote_weighs_as_much_as_the_model_is_confident() -> None:
    # p/1: malignant by 0.9; benign by 0.6 and 0.6. Votes: malignant 0.9, benign 1.2: benign, 1.2 / 2.1.
    # The mean probability of malignant is (0.9 + 0.4 + 0.4) / 3 = 0.567: malignant.
    # p/2: malignant by 0.95; benign by 0.55: malignant 0.95 of 1.5.
    given = of_malignancy([0.9, 0.95, 0.4, 0.4, 0.45], [1, 1, 1, 1, 1])
    groups = ["p/1", "p/2", "p/1", "p/1", "p/2"]
    voted = weighted_majority(given, groups)
    assert voted.groups == ("p/1", "p/2")
    assert voted.classified.predicted.tolist() == [0, 1]
    assert voted.classified.probabilities[:, 1] == pytest.approx([0.9 / 2.1, 0.95 / 1.5])
    assert voted.classified.labels.tolist() == [1, 1]
    assert voted.tied == ()
    mean = mean_probability(given, groups)
    assert mean.classified.predicted.tolist() == [1, 1]
    assert mean.classified.probabilities[0, 1] == pytest.approx(1.7 / 3)


def test_a_tie_goes_to_the_first_class_and_is_named() -> None:
    """0.6 + 0.3 is not 0.9 in binary fractions, and yet they are as much."""
    rows = np.array([[0.2, 0.1, 0.6, 0.1], [0.2, 0.25, 0.3, 0.25], [0.02, 0.9, 0.04, 0.04]])
    given = Classified(classes=tuple("abcd"), labels=np.zeros(3, int), probabilities=rows)
    voted = weighted_majority(given, ["p", "p", "p"])  # c: 0.6 + 0.3, b: 0.9
    assert voted.tied == ("p",)
    assert voted.classified.predicted.tolist() == [1]


@given(images())
def test_a_vote_is_argmax_of_the_sum_of_weights(given_: tuple[Classified, list[str]]) -> None:
    """argmax over c of the sum over i of w_i 1(y_i = c), but where several have the sum."""
    given, groups = given_
    voted = weighted_majority(given, groups)
    for place, group in enumerate(voted.groups):
        sums = [0.0, 0.0]
        for row, of in enumerate(groups):
            if of == group:
                sums[int(given.probabilities[row, 1] > 0.5)] += max(given.probabilities[row])
        if group in voted.tied:
            assert sums[0] == pytest.approx(sums[1])
        else:
            assert voted.classified.predicted[place] == np.argmax(sums)


@given(images(), st.randoms(use_true_random=False))
def test_the_order_of_images_decides_nothing(given_: tuple[Classified, list[str]], random) -> None:
    given, groups = given_
    order = [*range(len(groups))]
    random.shuffle(order)
    other = Classified(
        classes=given.classes, labels=given.labels[order], probabilities=given.probabilities[order]
    )
    for decide in (weighted_majority, mean_probability):
        one, two = decide(given, groups), decide(other, [groups[k] for k in order])
        assert (one.groups, one.tied) == (two.groups, two.tied)
        assert one.classified.probabilities.tolist() == two.classified.probabilities.tolist()


@given(images())
def test_patients_of_one_image_are_decided_as_their_images(given_: tuple[Classified, list[str]]) -> None:
    given, _ = given_
    groups = [f"{k:03}" for k in range(given.labels.size)]
    for decide in (weighted_majority, mean_probability):
        assert decide(given, groups).classified.predicted.tolist() == given.predicted.tolist()


def test_a_patient_with_two_labels_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="2 different labels") as raised:
        weighted_majority(of_malignancy([0.1, 0.2], [0, 1]), ["p/7", "p/7"])
    assert raised.value.where == "p/7"


def test_an_image_without_a_group_is_refused() -> None:
    with pytest.raises(UsageError, match="2 images have 1 groups"):
        mean_probability(of_malignancy([0.1, 0.2], [0, 1]), ["p/7"])


# ---------------------------------------------------------------- of an image, by what was found


def test_an_image_is_of_the_class_of_its_most_confident_box() -> None:
    assert most_confident_box(np.array([1, 0, 1]), np.array([0.2, 0.9, 0.8]), without=None) == 0
    assert most_confident_box(np.array([1, 0]), np.array([0.9, 0.9]), without=None) == 0


def test_an_image_is_of_the_class_with_most_pixels() -> None:
    assert most_pixels(np.array([1, 0, 2]), without=None) == 2
    assert most_pixels(np.array([0, 5, 5]), without=None) == 1


@pytest.mark.parametrize("without", [0, None])
def test_an_image_in_which_nothing_was_found_is_what_is_said_of_such(without: int | None) -> None:
    assert most_confident_box(np.zeros(0, int), np.zeros(0), without=without) is without
    assert most_pixels(np.zeros(2, int), without=without) is without


# ---------------------------------------------------------------- of a group, by decisions of its images


@given(images())
def test_decisions_are_voted_on_as_probabilities_are(given_: tuple[Classified, list[str]]) -> None:
    """The vote of a classifier is that of its decisions, each as sure as its greatest probability."""
    given, groups = given_
    voted = weighted_majority(given, groups)
    sure = given.probabilities.max(axis=1)
    polled = weighted_majority_of_decisions(
        given.labels, given.predicted, sure, groups, classes=2, without=None
    )
    assert (polled.groups, polled.tied) == (voted.groups, voted.tied)
    assert polled.predicted.tolist() == voted.classified.predicted.tolist()
    assert polled.labels.tolist() == voted.classified.labels.tolist()


@pytest.mark.parametrize(("without", "said"), [(None, MISSING), (0, 0)])
def test_an_image_in_which_nothing_was_found_does_not_vote(without: int | None, said: int) -> None:
    # p/1: one image by 0.2, two of nothing: that one decides. p/2: nothing in any.
    polled = weighted_majority_of_decisions(
        np.array([1, 1, 1, 0]),
        np.array([MISSING, 1, MISSING, MISSING]),
        np.array([0.9, 0.2, 0.0, 0.0]),
        ["p/1", "p/1", "p/1", "p/2"],
        classes=2,
        without=without,
    )
    assert polled.predicted.tolist() == [1, said]
    assert polled.labels.tolist() == [1, 0]
