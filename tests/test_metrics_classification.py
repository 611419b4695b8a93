"""Figures of classification, against scikit-learn, definitions and hand-worked cases."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from thyrodata.agreement.kappa import MISSING
from thyrodata.baselines.metrics.classification import ECE_BINS, Classified, classification_figures
from thyrodata.baselines.metrics.figures import value_of
from thyrodata.baselines.metrics.rates import confusion, rate_figures
from thyrodata.errors import UsageError

BINARY = ("benign", "malignant")


def classified(labels: list[int], probabilities: list[list[float]], classes: tuple[str, ...] = BINARY):
    return Classified(classes=classes, labels=np.array(labels), probabilities=np.array(probabilities, float))


def values(figures) -> dict[str, float | None]:
    return {figure.name: value_of(figure) for figure in figures}


def of_positive(labels: list[int], positive: list[float]) -> dict[str, float | None]:
    return values(classification_figures(classified(labels, [[1 - p, p] for p in positive])))


@st.composite
def predictions(draw: st.DrawFn) -> Classified:
    """Up to four classes, some absent or never predicted, with equal probabilities among them."""
    classes, units = draw(st.integers(2, 4)), draw(st.integers(1, 25))
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=units, max_size=units))
    row = st.lists(st.integers(0, 4), min_size=classes, max_size=classes).filter(any)
    rows = np.array(draw(st.lists(row, min_size=units, max_size=units)), float)
    return classified(labels, (rows / rows.sum(axis=1, keepdims=True)).tolist(), tuple("abcd"[:classes]))


# ---------------------------------------------------------------- scikit-learn


def by_scikit_learn(given: Classified) -> dict[str, float | None]:
    """What of scikit-learn is defined; where it divides by zero it is told to say nan."""
    labels, predicted, probabilities = given.labels, given.predicted, given.probabilities
    places, present = range(len(given.classes)), sorted(set(labels.tolist()))
    options = {"labels": present, "average": "macro", "zero_division": np.nan}
    rates: dict[str, float] = {
        "accuracy": sk.accuracy_score(labels, predicted),
        "balanced_accuracy": sk.recall_score(labels, predicted, **options),
        "f1_macro": sk.f1_score(labels, predicted, **options),
        "brier": sk.brier_score_loss(labels, probabilities, labels=list(places)),
    }
    for place, name in enumerate(given.classes):
        one = {"labels": [place], "average": None, "zero_division": np.nan}
        rates[f"precision/{name}"] = sk.precision_score(labels, predicted, **one)[0]
        rates[f"recall/{name}"] = sk.recall_score(labels, predicted, **one)[0]
        rates[f"f1/{name}"] = sk.f1_score(labels, predicted, **one)[0]
        negative = {"pos_label": False, "zero_division": np.nan}
        rates[f"specificity/{name}"] = sk.recall_score(labels == place, predicted == place, **negative)
        is_so = labels == place
        rates[f"auc/{name}"] = (
            np.nan if is_so.all() or not is_so.any() else sk.roc_auc_score(is_so, probabilities[:, place])
        )
    return {name: None if np.isnan(rate) else float(rate) for name, rate in rates.items()}


@given(predictions())
def test_each_figure_is_scikit_learns(given: Classified) -> None:
    """Whatever is missing, what scikit-learn computes is the same and what it cannot is None."""
    ours = values(classification_figures(given))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of classes that are missing
        theirs = by_scikit_learn(given)
    for name, value in theirs.items():
        assert ours[name] == (None if value is None else pytest.approx(value, abs=1e-12)), name


@given(predictions())
def test_the_confusion_matrix_is_scikit_learns(given: Classified) -> None:
    places = len(given.classes)
    theirs = sk.confusion_matrix(given.labels, given.predicted, labels=range(places))
    assert confusion(given.labels, given.predicted, places).tolist() == theirs.tolist()


def test_the_macro_auc_is_scikit_learns_one_against_the_rest() -> None:
    random = np.random.default_rng(5)
    labels = random.integers(0, 3, 60)
    probabilities = random.dirichlet([1, 1, 1], 60)
    ours = values(classification_figures(classified(labels.tolist(), probabilities.tolist(), tuple("abc"))))
    assert ours["auc_macro"] == pytest.approx(sk.roc_auc_score(labels, probabilities, multi_class="ovr"))


# ---------------------------------------------------------------- laws


@given(predictions(), st.randoms(use_true_random=False))
def test_the_order_of_units_changes_no_figure(given: Classified, random) -> None:
    order = [*range(given.labels.size)]
    random.shuffle(order)
    other = Classified(
        classes=given.classes, labels=given.labels[order], probabilities=given.probabilities[order]
    )
    one, two = (values(classification_figures(each)) for each in (given, other))
    assert one == {name: None if v is None else pytest.approx(v, abs=1e-12) for name, v in two.items()}


@given(predictions())
def test_a_unit_of_weight_two_counts_as_two_units(given: Classified) -> None:
    """A weight is how often a unit is there."""
    weights = np.arange(given.labels.size) % 3
    copies = np.repeat(np.arange(given.labels.size), weights)
    if not copies.size:
        return
    copied = Classified(
        classes=given.classes, labels=given.labels[copies], probabilities=given.probabilities[copies]
    )
    expected = values(classification_figures(copied))
    for figure in classification_figures(given):
        value = float(figure.of(weights[None].astype(float))[0])
        wanted = expected[figure.name]
        assert value == pytest.approx(np.nan if wanted is None else wanted, abs=1e-12, nan_ok=True)


@given(predictions())
def test_every_figure_is_undefined_or_a_share(given: Classified) -> None:
    for name, value in values(classification_figures(given)).items():
        most = 2 if name == "brier" else 1
        assert value is None or -1e-12 <= value <= most + 1e-12, name


# ---------------------------------------------------------------- cases


def test_accuracy_stands_beside_the_rate_of_the_commonest_label() -> None:
    # Of ten, seven are benign; all are called benign: 7 / 10 right, and that is nothing.
    ours = of_positive([0] * 7 + [1] * 3, [0.2] * 10)
    assert (ours["accuracy"], ours["majority_rate"], ours["balanced_accuracy"]) == (0.7, 0.7, 0.5)
    assert ours["auc/malignant"] == 0.5


def test_what_cannot_be_known_is_none_and_neither_nought_nor_one() -> None:
    """Healthy patients alone, called healthy."""
    ours = of_positive([0, 0], [0.1, 0.2])
    assert ours["specificity/malignant"] == 1
    unknown = ("recall", "precision", "f1", "auc")
    assert [ours[f"{name}/malignant"] for name in unknown] == [None] * 4


def test_a_class_that_is_never_predicted_has_no_precision_but_an_f1_of_nought() -> None:
    ours = of_positive([0, 1], [0.1, 0.2])
    assert (ours["precision/malignant"], ours["precision_macro"]) == (None, None)
    assert (ours["recall/malignant"], ours["f1/malignant"]) == (0, 0)


def test_calibration_of_bins_by_hand() -> None:
    # Two bins are used. 0.9 is in (13/15, 14/15]: four units, three right: |0.75 - 0.9| = 0.15.
    # 0.6 is in (8/15, 9/15], at its end: one unit, right: |1 - 0.6| = 0.4. (4 x 0.15 + 1 x 0.4) / 5 = 0.2.
    assert ECE_BINS == 15
    ours = of_positive([1, 1, 1, 0, 0], [0.9, 0.9, 0.9, 0.9, 0.4])
    assert ours["ece"] == pytest.approx(0.2)
    # (3 x 0.1² + 0.9² + 0.4²) / 5
    assert ours["brier"] == pytest.approx((0.03 + 0.81 + 0.16) / 5)


@given(predictions())
def test_calibration_equals_its_definition(given: Classified) -> None:
    """The gap of each bin between how sure and how often right, weighed by its units."""
    sure, right = given.probabilities.max(axis=1), given.predicted == given.labels
    total = 0.0
    for m in range(ECE_BINS):
        inside = (sure * ECE_BINS > m) & (sure * ECE_BINS <= m + 1)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - sure[inside].mean())
    ours = values(classification_figures(given))["ece"]
    assert ours == pytest.approx(total, abs=1e-12)


def test_an_undecided_unit_is_in_no_figure_and_not_counted() -> None:
    labels, predicted = np.array([0, 1, 1]), np.array([0, 1, MISSING])
    figures = {figure.name: figure for figure in rate_figures(BINARY, labels, predicted)}
    assert value_of(figures["accuracy"]) == 1
    assert figures["accuracy"].tells.tolist() == [True, True, False]
    assert figures["recall/malignant"].tells.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("labels", "probabilities", "told"),
    [
        ([2], [[0.5, 0.5]], "a label is 2"),
        ([0, 1], [[0.5, 0.5]], "shape"),
        ([0], [[1.7, -0.7]], "no probabilities"),
        ([0], [[3.1, 2.0]], "no probabilities"),
        ([0], [[float("nan"), 1.0]], "no probabilities"),
        ([0], [[1.0]], "shape"),
    ],
)
def test_what_is_no_prediction_is_refused(labels, probabilities, told) -> None:
    with pytest.raises(UsageError, match=told):
        classified(labels, probabilities)


def test_no_unit_and_one_class_are_refused() -> None:
    with pytest.raises(UsageError, match="no unit"):
        Classified(classes=BINARY, labels=np.zeros(0, int), probabilities=np.zeros((0, 2)))
    with pytest.raises(UsageError, match="1 classes"):
        classified([0], [[1.0]], ("benign",))
