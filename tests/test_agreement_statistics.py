"""The statistics of agreement, against reference implementations, published examples and definitions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import cohen_kappa_score

from thyrodata.agreement import resampling as module
from thyrodata.agreement.alpha import alpha_interval, alpha_nominal, alpha_ordinal, coincidences
from thyrodata.agreement.definitions import DEFINITIONS
from thyrodata.agreement.differences import (
    bias,
    difference_sums,
    f1_sums,
    loa_high,
    loa_low,
    mean_sums,
    ratio,
    sd,
)
from thyrodata.agreement.intraclass import icc_a1, icc_c1, icc_sums
from thyrodata.agreement.kappa import (
    MISSING,
    category_counts,
    cohen,
    cohen_quadratic,
    contingency,
    fleiss,
    fleiss_sums,
    observed_agreement,
)
from thyrodata.agreement.resampling import Estimate, Resampling, Statistic, by_group, estimate, median
from thyrodata.errors import UsageError

LEVELS = 5


def of(statistic: Statistic, sums: np.ndarray) -> float:
    return float(statistic(sums.sum(axis=0)))


def pairs_of(table: list[list[int]]) -> np.ndarray:
    """The two ratings of each thing that a table counts."""
    return np.array([(i, j) for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)])


def both(ratings: np.ndarray, levels: int) -> np.ndarray:
    return contingency(ratings[:, 0], ratings[:, 1], levels)


def grades(raters: int, least: int = 0) -> st.SearchStrategy[np.ndarray]:
    return st.integers(1, 12).flatmap(
        lambda things: arrays(np.int64, (things, raters), elements=st.integers(least, LEVELS - 1))
    )


# ---------------------------------------------------------------- categories


@given(grades(2))
def test_kappa_plain_and_quadratic_is_scikit_learns(ratings: np.ndarray) -> None:
    assume(len(np.unique(ratings)) > 1)
    for statistic, weights in ((cohen, None), (cohen_quadratic, "quadratic")):
        theirs = cohen_kappa_score(*ratings.T, labels=[*range(LEVELS)], weights=weights)
        assert of(statistic, both(ratings, LEVELS)) == pytest.approx(theirs, abs=1e-12)


def test_kappa_of_the_anxiety_ratings_is_that_of_the_irr_package() -> None:
    # R, irr: kappa2(anxiety[, 2:3]) and kappa2(anxiety[, 2:3], "squared"). Nobody was rated 4, and irr leaves
    # that step of the scale out.
    second = [3, 6, 4, 6, 2, 4, 2, 4, 3, 3, 2, 3, 3, 3, 2, 2, 1, 3, 3, 4]
    third = [2, 1, 4, 4, 3, 2, 1, 6, 1, 1, 1, 2, 3, 3, 1, 1, 3, 3, 2, 2]
    used, codes = np.unique([second, third], return_inverse=True)
    sums = contingency(*codes.reshape(2, -1), len(used))
    assert of(cohen, sums) == pytest.approx(-0.006289308, abs=1e-9)
    assert of(cohen_quadratic, sums) == pytest.approx(0.2520325, abs=1e-7)


def test_kappa_of_two_readers_of_mammograms_is_the_manuals() -> None:
    # Stata, manual of kap: two radiologists, 85 xeromammograms (Boyd et al. 1982)
    table = [[21, 12, 0, 0], [4, 17, 1, 0], [3, 9, 15, 2], [0, 0, 0, 1]]
    sums = both(pairs_of(table), 4)
    assert of(observed_agreement, sums) == pytest.approx(0.6353, abs=5e-5)
    assert of(cohen, sums) == pytest.approx(0.4728, abs=5e-5)


@given(grades(2))
def test_kappa_is_the_same_with_the_readers_exchanged(ratings: np.ndarray) -> None:
    for statistic in (cohen, cohen_quadratic, observed_agreement):
        forth, back = (of(statistic, both(each, LEVELS)) for each in (ratings, ratings[:, ::-1]))
        assert forth == back or np.isnan([forth, back]).all()


@pytest.mark.parametrize("category", [0, 2])
def test_agreement_beyond_chance_is_not_defined_where_all_ratings_are_of_one_category(category: int) -> None:
    ratings = np.full((7, 3), category)
    assert all(np.isnan(of(statistic, both(ratings, 4))) for statistic in (cohen, cohen_quadratic))
    assert np.isnan(of(fleiss, fleiss_sums(ratings, 4)))
    for statistic in (alpha_nominal, alpha_ordinal, alpha_interval):
        assert np.isnan(of(statistic, coincidences(ratings, 4)))


FLEISS_WORKED = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]
"""Ten things, 14 raters, five categories: kappa .210, the usual worked example."""

FLEISS_1971 = (
    "444444 222555 233335 555555 222444 113333 333355 113334 114444 555555 144444 124444 222333 144444 "
    "224445 333335 111455 111112 224444 133555 555555 244444 224555 114444 144445 222224 "
    "111155 224444 133333 555555"
)
"""Thirty patients, six raters, five diagnoses: kappa .430 (Fleiss 1971; R, irr, kappam.fleiss: .4302445)."""


def test_fleiss_kappa_is_that_of_the_published_examples() -> None:
    worked = np.array([np.repeat(np.arange(5), counts) for counts in FLEISS_WORKED])
    diagnoses = np.array([[int(digit) - 1 for digit in row] for row in FLEISS_1971.split()])
    assert of(fleiss, fleiss_sums(worked, 5)) == pytest.approx(0.210, abs=5e-4)
    assert of(fleiss, fleiss_sums(diagnoses, 5)) == pytest.approx(0.4302445, abs=5e-8)


KRIPPENDORFF_2011 = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]
"""Four observers, twelve units; a point is a rating that is missing: Krippendorff 2011."""


@pytest.mark.parametrize(
    ("statistic", "published"), [(alpha_nominal, 0.743), (alpha_ordinal, 0.815), (alpha_interval, 0.849)]
)
def test_alpha_is_that_of_krippendorffs_example(statistic: Statistic, published: float) -> None:
    rows = [[MISSING if each == "." else int(each) - 1 for each in row] for row in KRIPPENDORFF_2011]
    assert of(statistic, coincidences(np.array(rows).T, 5)) == pytest.approx(published, abs=5e-4)


def alpha_by_definition(ratings: np.ndarray, differ: Callable[[int, int, list[int]], float]) -> float:
    """Alpha by its words: pairs within units seen, pairs among all pairable ratings expected."""
    units = [[int(each) for each in row if each != MISSING] for row in ratings]
    units = [unit for unit in units if len(unit) > 1]
    values = [each for unit in units for each in unit]
    seen = sum(
        differ(a, b, values) / (len(unit) - 1)
        for unit in units
        for i, a in enumerate(unit)
        for j, b in enumerate(unit)
        if i != j
    )
    expected = sum(differ(a, b, values) for a in values for b in values)
    return 1 - seen / len(values) / (expected / len(values) / (len(values) - 1)) if expected else np.nan


def ordinal(a: int, b: int, values: list[int]) -> float:
    low, high = sorted((a, b))
    between = sum(low <= each <= high for each in values)
    return (between - (values.count(low) + values.count(high)) / 2) ** 2 if low != high else 0


@given(grades(4, MISSING))
def test_alpha_is_what_its_definition_says(ratings: np.ndarray) -> None:
    forms = [
        (alpha_nominal, lambda a, b, _: float(a != b)),
        (alpha_ordinal, ordinal),
        (alpha_interval, lambda a, b, _: float((a - b) ** 2)),
    ]
    for statistic, differ in forms:
        expected = alpha_by_definition(ratings, differ)
        assert of(statistic, coincidences(ratings, LEVELS)) == pytest.approx(expected, abs=1e-9, nan_ok=True)


@given(grades(3))
def test_with_all_ratings_alpha_is_fleiss_kappa_but_for_the_size_of_the_sample(ratings: np.ndarray) -> None:
    kappa, alpha = of(fleiss, fleiss_sums(ratings, LEVELS)), of(alpha_nominal, coincidences(ratings, LEVELS))
    by_size = (ratings.size - 1) / ratings.size
    assert 1 - alpha == pytest.approx((1 - kappa) * by_size, abs=1e-9, nan_ok=True)


def test_a_thing_with_one_rating_or_none_says_nothing() -> None:
    alone = np.array([[MISSING, 2, MISSING], [MISSING, MISSING, MISSING]])
    assert not coincidences(alone, 3).any()
    assert not contingency(alone[:, 0], alone[:, 1], 3).any()


def test_a_rating_outside_its_scale_is_refused() -> None:
    for outside in (3, -2):
        with pytest.raises(UsageError, match="categories 0 to 2"):
            category_counts(np.array([[0, outside]]), 3)
    with pytest.raises(UsageError, match="every rater"):
        fleiss_sums(np.array([[0, MISSING]]), 3)


# ---------------------------------------------------------------- measurements

SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], np.float64
)
"""Six targets, four judges: Shrout and Fleiss 1979, table 2."""


def test_icc_is_that_of_shrout_and_fleiss() -> None:
    assert of(icc_a1, icc_sums(SHROUT_FLEISS)) == pytest.approx(0.29, abs=5e-3)  # their ICC(2,1)
    assert of(icc_c1, icc_sums(SHROUT_FLEISS)) == pytest.approx(0.71, abs=5e-3)  # their ICC(3,1)


def icc_by_analysis_of_variance(table: np.ndarray) -> tuple[float, float]:
    """ICC(A,1) and ICC(C,1) from deviations of rows, columns and cells from their means."""
    n, k = table.shape
    mean, rows, columns = table.mean(), table.mean(axis=1, keepdims=True), table.mean(axis=0, keepdims=True)
    msr = k * ((rows - mean) ** 2).sum() / (n - 1)
    msc = n * ((columns - mean) ** 2).sum() / (k - 1)
    mse = ((table - rows - columns + mean) ** 2).sum() / ((n - 1) * (k - 1))
    return (
        (msr - mse) / (msr + (k - 1) * mse + k / n * (msc - mse)),
        (msr - mse) / (msr + (k - 1) * mse),
    )


measured = st.tuples(st.integers(2, 9), st.integers(2, 4)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(-1000, 1000).map(lambda n: n / 8))
)


@given(measured)
def test_icc_is_that_of_the_analysis_of_variance(table: np.ndarray) -> None:
    things = table - table.mean(axis=0)
    assume(np.ptp(things) > 0.1)  # else consistency is not defined
    absolute, consistent = icc_by_analysis_of_variance(table)
    assert of(icc_a1, icc_sums(table)) == pytest.approx(absolute, abs=1e-9)
    assert of(icc_c1, icc_sums(table)) == pytest.approx(consistent, abs=1e-9)


@given(measured, st.sampled_from([1e6, 1e9, -1e9]))
def test_what_is_far_from_zero_loses_no_digit_of_icc_and_of_differences(
    table: np.ndarray, far: float
) -> None:
    assert np.array_equal(icc_sums(table + far), icc_sums(table))
    near, moved = (difference_sums(table[:, 0] + by, table[:, 1]) for by in (0, far))
    assert np.array_equal(near[:, 2:], moved[:, 2:])
    assert of(sd, near) == pytest.approx(np.std(table[:, 0] - table[:, 1], ddof=1), abs=1e-9)


@pytest.mark.parametrize(
    "table",
    [
        np.full((4, 2), 0.1),
        np.array([[0.1, 0.3]]),
        np.array([[0.1], [0.3], [0.7]]),
    ],
    ids=["all the same", "one thing", "one rater"],
)
def test_icc_is_not_defined_without_spread_things_or_raters(table: np.ndarray) -> None:
    assert np.isnan(of(icc_a1, icc_sums(table)))
    assert np.isnan(of(icc_c1, icc_sums(table)))


def test_rounding_is_no_spread_between_things() -> None:
    drawn_alone = 7 * icc_sums(np.array([[0.1, 0.4], [0.3, 0.5], [1.7, 1.9]]))[1]
    assert np.isnan(float(icc_c1(drawn_alone)))
    assert float(icc_a1(drawn_alone)) == 0


WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]
"""Peak expiratory flow in l/min of 17 subjects by two meters: Bland and Altman 1986, first measurements."""


def test_bland_altman_is_that_of_the_two_flow_meters() -> None:
    sums = difference_sums(np.array(WRIGHT, np.float64), np.array(MINI, np.float64))
    assert of(bias, sums) == pytest.approx(-2.1, abs=0.05)
    assert of(sd, sums) == pytest.approx(38.8, abs=0.05)
    # The paper's limits, -79.7 and 75.5, are of 2 SD and of the rounded figures above.
    assert round(of(bias, sums), 1) - 2 * round(of(sd, sums), 1) == pytest.approx(-79.7)
    assert round(of(bias, sums), 1) + 2 * round(of(sd, sums), 1) == pytest.approx(75.5)
    assert of(loa_low, sums) == pytest.approx(-2.1176 - 1.96 * 38.7651, abs=1e-3)
    assert of(loa_high, sums) == pytest.approx(-2.1176 + 1.96 * 38.7651, abs=1e-3)


def test_differences_of_one_thing_have_a_bias_and_no_spread() -> None:
    sums = difference_sums(np.array([5.0]), np.array([3.0]))
    assert of(bias, sums) == 2
    assert np.isnan(of(sd, sums))
    assert np.isnan(of(loa_low, sums))


def test_detection_f1_counts_drawings_of_all_images_and_is_not_defined_where_none_is() -> None:
    matched, first, second = np.array([2, 0, 0]), np.array([2, 1, 0]), np.array([3, 2, 0])
    assert of(ratio, f1_sums(matched, first, second)) == 2 * 2 / (3 + 5)
    assert np.isnan(of(ratio, f1_sums(*np.zeros((3, 4), np.int64))))


# ---------------------------------------------------------------- intervals

FEW = Resampling(seed=3, resamples=80)


def planted(seed: int, groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Groups of 1 to 5 units, and for each unit two measurements that share the group's size."""
    random = np.random.default_rng(seed)
    names = np.repeat([f"case {k}" for k in range(groups)], random.integers(1, 6, groups))
    shared = {name: random.normal() for name in names}
    return names, np.array([shared[name] for name in names])[:, None] + random.normal(size=(len(names), 2))


def graded(values: np.ndarray) -> np.ndarray:
    return np.clip(np.round(values + 2), 0, LEVELS - 1).astype(np.int64)


def by_a_loop(names: np.ndarray, units: np.ndarray, compute: Callable[[np.ndarray], float]) -> list[float]:
    """The interval of a statistic computed anew from the units of the groups of each resample."""
    groups = sorted(set(names))
    draws = np.random.default_rng(FEW.seed).multinomial(
        len(groups), np.full(len(groups), 1 / len(groups)), size=FEW.resamples
    )
    values = [
        compute(
            np.concatenate(
                [units[names == name] for name, n in zip(groups, draw, strict=True) for _ in range(n)]
            )
        )
        for draw in draws
    ]
    return [float(np.quantile(values, share)) for share in (0.025, 0.975)]


@pytest.mark.parametrize(
    ("sums", "statistic", "compute"),
    [
        (lambda u: mean_sums(u[:, 0]), ratio, lambda u: u[:, 0].mean()),
        (lambda u: both(graded(u), LEVELS), cohen, lambda u: cohen_kappa_score(*graded(u).T)),
        (
            lambda u: both(graded(u), LEVELS),
            cohen_quadratic,
            lambda u: cohen_kappa_score(*graded(u).T, labels=[*range(LEVELS)], weights="quadratic"),
        ),
        (
            lambda u: coincidences(graded(u), LEVELS),
            alpha_ordinal,
            lambda u: alpha_by_definition(graded(u), ordinal),
        ),
        (icc_sums, icc_a1, lambda u: icc_by_analysis_of_variance(u)[0]),
        (lambda u: difference_sums(*u.T), sd, lambda u: np.std(u[:, 0] - u[:, 1], ddof=1)),
        (
            lambda u: difference_sums(*u.T),
            loa_low,
            lambda u: (u[:, 0] - u[:, 1]).mean() - 1.96 * np.std(u[:, 0] - u[:, 1], ddof=1),
        ),
    ],
    ids=["mean", "kappa", "quadratic kappa", "ordinal alpha", "icc", "sd", "limit"],
)
def test_an_interval_is_that_of_statistics_computed_anew_from_the_units_of_each_resample(
    sums, statistic, compute
) -> None:
    names, units = planted(1, 9)
    found = estimate(by_group(names, sums(units)), statistic, FEW)
    assert found.groups == 9
    assert found.value == pytest.approx(compute(units), abs=1e-9)
    assert [found.low, found.high] == pytest.approx(by_a_loop(names, units, compute), abs=1e-9)


def test_the_interval_of_a_median_is_that_of_medians_of_the_units_of_each_resample() -> None:
    for groups in (8, 9):
        names, units = planted(2, groups)
        values = np.round(units[:, 0], 1)  # with ties
        found = median(values, names, FEW)
        assert found.value == np.median(values)
        assert [found.low, found.high] == by_a_loop(names, values, lambda u: float(np.median(u)))


@given(st.integers(0, 99), st.randoms(use_true_random=False))
def test_the_order_of_units_changes_no_bit(seed: int, random) -> None:
    names, units = planted(seed, 6)
    order = random.sample(range(len(names)), len(names))
    few = Resampling(resamples=40)
    for statistic, sums in ((ratio, mean_sums(units[:, 0])), (icc_a1, icc_sums(units))):
        assert np.array_equal(by_group(names[order], sums[order]), by_group(names, sums))
        assert estimate(by_group(names[order], sums[order]), statistic, few) == estimate(
            by_group(names, sums), statistic, few
        )
    assert median(units[order, 0], names[order], few) == median(units[:, 0], names, few)


def test_groups_may_be_numbers_and_come_in_their_order() -> None:
    rows = by_group(np.array([7, -2, 7]), np.array([[1.0, 10], [2, 20], [3, 30]]))
    assert rows.tolist() == [[2, 20], [4, 40]]


@pytest.mark.parametrize("block", [1, 7, 64])
def test_the_size_of_a_block_of_resamples_changes_nothing(block: int, monkeypatch) -> None:
    names, units = planted(4, 6)
    sums = by_group(names, both(graded(units), LEVELS))
    whole = estimate(sums, cohen_quadratic, FEW), median(units[:, 0], names, FEW)
    monkeypatch.setattr(module, "_BLOCK", block)
    assert (estimate(sums, cohen_quadratic, FEW), median(units[:, 0], names, FEW)) == whole


def test_another_seed_is_another_interval_and_the_same_value() -> None:
    names, units = planted(5, 12)
    one, other = (
        estimate(by_group(names, mean_sums(units[:, 0])), ratio, Resampling(seed=seed)) for seed in (0, 1)
    )
    assert one.value == other.value
    assert one != other


def test_a_group_of_which_no_unit_tells_is_not_counted() -> None:
    drawn = f1_sums(np.array([1, 2, 0]), np.array([1, 3, 1]), np.array([2, 2, 1]))
    with_silent = np.insert(drawn, [0, 2], 0, axis=0)
    assert estimate(with_silent, ratio, FEW) == estimate(drawn, ratio, FEW)
    assert estimate(drawn, ratio, FEW).groups == 3


def test_one_group_has_a_value_and_no_interval_and_none_has_neither() -> None:
    one = estimate(by_group(["a", "a"], mean_sums(np.array([1.0, 4.0]))), ratio, FEW)
    assert (
        one == Estimate(value=2.5, low=None, high=None, groups=1) == median(np.array([1, 4]), ["a", "a"], FEW)
    )
    none = Estimate(value=None, low=None, high=None, groups=0)
    assert (
        estimate(by_group([], mean_sums(np.array([]))), ratio, FEW) == none == median(np.array([]), [], FEW)
    )
    for sums, statistic in (
        (difference_sums(np.array([]), np.array([])), loa_low),
        (icc_sums(np.empty((0, 2))), icc_a1),
        (contingency(*np.empty((2, 0), np.int64), 3), cohen),
        (coincidences(np.empty((0, 3), np.int64), 3), alpha_ordinal),
        (fleiss_sums(np.empty((0, 3), np.int64), 3), fleiss),
    ):
        assert estimate(by_group([], sums), statistic, FEW) == none


@pytest.mark.parametrize(("tell", "has_interval"), [(3, False), (4, True)])
def test_there_is_no_interval_where_more_resamples_are_undefined_than_lie_beyond_an_end(
    tell: int, has_interval: bool
) -> None:
    # A resample of 50 groups holds none of 3 with a probability of 4.5 %, and none of 4 with one of 1.5 %.
    moments = np.column_stack([np.arange(50) % 2, np.arange(50) < tell]).astype(np.float64)
    moments[:, 0] += 1
    found = estimate(moments, ratio, Resampling(seed=1))
    assert found.value == 75 / tell
    assert (found.low is not None, found.high is not None) == (has_interval, has_interval)


def test_where_all_agree_the_interval_has_no_width() -> None:
    names, units = planted(6, 20)
    same = np.column_stack([graded(units)[:, 0]] * 2)
    assert estimate(by_group(names, both(same, LEVELS)), cohen, FEW) == Estimate(
        value=1, low=1, high=1, groups=20
    )


def test_resampling_that_can_give_no_interval_is_refused() -> None:
    assert Resampling(resamples=40).tail == pytest.approx(0.025)
    assert Resampling(resamples=200, level=0.99).resamples == 200
    with pytest.raises(UsageError, match="39 resamples are too few"):
        Resampling(resamples=39)
    with pytest.raises(UsageError, match="level"):
        Resampling(level=95)
    with pytest.raises(UsageError, match="seed"):
        Resampling(seed=-1)


@pytest.mark.slow
def test_intervals_over_groups_hold_the_truth_as_often_as_they_say_and_those_over_images_do_not() -> None:
    random, truth, runs = np.random.default_rng(0), 3.0, 400
    held = np.zeros((runs, 2), np.bool_)
    for run in range(runs):
        groups = np.repeat(np.arange(80), random.integers(1, 10, 80))
        values = truth + random.normal(size=80)[groups] + 0.5 * random.normal(size=len(groups))
        for way, unit in enumerate((groups, np.arange(len(groups)))):
            found = estimate(by_group(unit, mean_sums(values)), ratio, Resampling(seed=run, resamples=400))
            held[run, way] = found.low <= truth <= found.high
    over_groups, over_images = held.mean(axis=0)
    assert 0.92 <= over_groups <= 0.98
    assert over_images < 0.75


# ---------------------------------------------------------------- definitions


def test_every_definition_is_a_sentence_and_names_its_source() -> None:
    titles = [each.title for each in DEFINITIONS.values()]
    assert len(set(titles)) == len(titles)
    for name, each in DEFINITIONS.items():
        assert each.text[0].isupper(), name
        assert each.text.endswith("."), name
        assert each.source, name
        assert not each.source.endswith("."), name
