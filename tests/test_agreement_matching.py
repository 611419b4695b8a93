"""Which drawings are of one thing: the greatest sum of IoU, and nothing where two matchings are as good."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise, permutations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from readers import SHAPES, WIDTH, box_of, image_of, iou_of_shift, look, mask_of, nodule, polygon_of

from thyrodata.agreement.arbiter import arbitrate
from thyrodata.agreement.asking import STRUCTURES
from thyrodata.agreement.clusters import Cluster, Trouble, cluster
from thyrodata.agreement.consensus import read_image_of
from thyrodata.agreement.drawings import Drawing, drawings_by, overlap_iou, unfit_by
from thyrodata.agreement.matching import Matching, match, match_overlaps
from thyrodata.schema.geometry import Box, Calipers, Polygon, PolygonPart
from thyrodata.schema.record import Finding
from thyrodata.schema.vocab import Structure

# pycocotools 2.0.11 decodes with a call that numpy 2 warns of
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

FLOOR = 0.1
Pairs = frozenset[tuple[int, int]]


def drawings(*findings: Finding) -> tuple[Drawing, ...]:
    """The drawings of one reader, sorted as they are compared."""
    return drawings_by(read_image_of(image_of("1", look("A", *findings))), "A", STRUCTURES)


# ---------------------------------------------------------------- every assignment, tried


def assignments(rows: int, columns: int) -> Iterator[Pairs]:
    """Every way of matching rows with columns one to one, from none of them to all."""
    for n in range(min(rows, columns) + 1):
        for chosen in combinations(range(rows), n):
            for order in permutations(range(columns), n):
                yield frozenset(zip(chosen, order, strict=True))


def greatest(ious: np.ndarray, floor: float) -> list[Pairs]:
    """The assignments of pairs from the floor on whose sum is greatest, tried one by one."""
    near = {(i, j) for i, j in np.ndindex(*ious.shape) if ious[i, j] >= floor}
    sums = {each: sum(ious[pair] for pair in each) for each in assignments(*ious.shape) if each <= near}
    best = max(sums.values())
    return [each for each, total in sums.items() if total > best - 1e-9]


def matched(found: Matching) -> Pairs:
    return frozenset((each.a, each.b) for each in found.matches)


def tied(found: Matching) -> tuple[set[int], set[int]]:
    return {k for tie in found.ties for k in tie.a}, {k for tie in found.ties for k in tie.b}


@st.composite
def overlap_tables(draw: st.DrawFn) -> np.ndarray:
    """Tables of up to 4 x 4 IoU: some of a few values, so that sums are equal, some of any."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    few = st.sampled_from([0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.6, 1.0])
    values = draw(st.sampled_from([few, st.floats(0, 1).map(lambda value: round(value, 4))]))
    numbers = draw(st.lists(values, min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]))
    return np.array(numbers).reshape(shape)


@given(overlap_tables())
def test_the_greatest_sum_is_found_and_a_tie_is_seen_by_trying_every_assignment(ious):
    """What all best assignments share is matched; what else any of them matches is tied; the rest is left."""
    best = greatest(ious, FLOOR)
    shared, any_of = frozenset.intersection(*best), frozenset.union(*best)
    found = match_overlaps(ious, FLOOR)
    assert matched(found) == shared
    assert tied(found) == ({i for i, _ in any_of - shared}, {j for _, j in any_of - shared})
    assert bool(found.ties) == (len(best) > 1)
    assert all(each.iou == ious[each.a, each.b] for each in found.matches)
    for places, left, used in zip(
        ious.shape,
        (found.only_a, found.only_b),
        ({i for i, _ in any_of}, {j for _, j in any_of}),
        strict=True,
    ):
        assert left == tuple(k for k in range(places) if k not in used)


@given(overlap_tables())
def test_a_tie_is_of_drawings_that_hang_together(ious):
    """Two ties share nothing, and within one every drawing is reached from every other by best pairs."""
    best = greatest(ious, FLOOR)
    loose = frozenset.union(*best) - frozenset.intersection(*best)
    groups: list[set[tuple[str, int]]] = []
    for i, j in sorted(loose):
        joined = {("a", i), ("b", j)}
        for group in [group for group in groups if group & joined]:
            joined |= group
            groups.remove(group)
        groups.append(joined)
    ties = [
        {*(("a", k) for k in tie.a), *(("b", k) for k in tie.b)} for tie in match_overlaps(ious, FLOOR).ties
    ]
    assert sorted(map(sorted, ties)) == sorted(map(sorted, groups))


@given(overlap_tables(), st.data())
def test_no_match_depends_on_the_order_or_the_side(ious, data):
    """Rows and columns in another order, or readers exchanged, are matched and tied alike."""
    rows = data.draw(st.permutations(range(ious.shape[0])))
    columns = data.draw(st.permutations(range(ious.shape[1])))
    plain, turned = match_overlaps(ious, FLOOR), match_overlaps(ious[np.ix_(rows, columns)].T, FLOOR)
    assert matched(plain) == {(rows[b], columns[a]) for a, b in matched(turned)}
    ties = {(frozenset(tie.a), frozenset(tie.b)) for tie in plain.ties}
    assert ties == {
        (frozenset(rows[k] for k in tie.b), frozenset(columns[k] for k in tie.a)) for tie in turned.ties
    }
    assert {*plain.only_a} == {rows[k] for k in turned.only_b}
    assert {*plain.only_b} == {columns[k] for k in turned.only_a}


def test_a_greedy_choice_is_not_made():
    """0.6 is the greatest IoU, yet 0.5 and 0.5 have the greater sum."""
    found = match_overlaps(np.array([[0.6, 0.5], [0.5, 0.0]]), FLOOR)
    assert matched(found) == {(0, 1), (1, 0)}


def test_a_clear_pair_beside_a_tie_is_matched():
    """The second drawing could be of either of two; which is the first one's is clear all the same."""
    found = match_overlaps(np.array([[0.9, 0.2, 0.0], [0.0, 0.5, 0.5]]), FLOOR)
    assert matched(found) == {(0, 0)}
    assert [(tie.a, tie.b) for tie in found.ties] == [((1,), (1, 2))]


def test_an_iou_at_the_floor_is_a_match_and_the_next_lower_number_is_none():
    ious = np.array([[0.25]])
    assert matched(match_overlaps(ious, 0.25)) == {(0, 0)}
    assert matched(match_overlaps(ious, float(np.nextafter(0.25, 1)))) == frozenset()


@pytest.mark.parametrize("shape", [(0, 0), (0, 2), (3, 0)])
def test_where_one_has_drawn_nothing_the_other_s_drawings_are_left(shape):
    found = match_overlaps(np.zeros(shape), FLOOR)
    assert (found.matches, found.ties) == ((), ())
    assert (len(found.only_a), len(found.only_b)) == shape


def test_many_drawings_that_all_overlap_are_matched_in_no_time():
    ious = np.random.default_rng(4).uniform(0.1, 1, (24, 24))
    assert len(match_overlaps(ious, FLOOR).matches) == 24


# ---------------------------------------------------------------- drawings


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("other", SHAPES)
@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (0, 3), (4, 2), (-5, 3), (11, 0), (30, 20)])
def test_the_iou_of_a_moved_rectangle_is_the_analytic_one(kind, other, shift):
    """Of masks, polygons and boxes alike, and of each with each other."""
    dx, dy = shift
    one, two = SHAPES[kind](20, 15, 11, 7), SHAPES[other](20 + dx, 15 + dy, 11, 7)
    found = overlap_iou(*drawings(nodule(one)), *drawings(nodule(two)))
    assert found == pytest.approx(iou_of_shift(11, 7, dx, dy), abs=1e-15)


def test_a_hole_is_no_part_of_a_drawing():
    """A square of 100 pixels with a hole of 16 shares 84 with the whole square, none with what fills it."""
    holed = Polygon(
        parts=(
            PolygonPart(
                exterior=((5, 5), (15, 5), (15, 15), (5, 15)), holes=(((8, 8), (12, 8), (12, 12), (8, 12)),)
            ),
        )
    )
    (ring,) = drawings(nodule(holed))
    assert overlap_iou(ring, *drawings(nodule(mask_of(5, 5, 10, 10)))) == 0.84
    assert overlap_iou(ring, *drawings(nodule(mask_of(8, 8, 4, 4)))) == 0
    assert overlap_iou(ring, *drawings(nodule(box_of(8, 8, 4, 4)))) == 0.16  # a box knows no holes


def test_what_leaves_the_image_is_compared_inside_of_it():
    (one,) = drawings(nodule(polygon_of(-6, -6, 12, 12)))
    assert overlap_iou(one, *drawings(nodule(mask_of(0, 0, 6, 6)))) == 1


@pytest.mark.parametrize(
    ("finding", "code"),
    [
        (nodule(mask_of(1, 1, 5, 5), crowd=True), "crowd"),
        (nodule(mask_of(1, 1, 0, 0)), "empty-drawing"),
        (nodule(mask_of(1, 1, 0, 0), box_of(1, 1, 5, 5)), "empty-drawing"),
        (nodule(polygon_of(WIDTH + 5, 0, 9, 9)), "empty-drawing"),
        (nodule(box_of(1, 1, 0, 5)), "empty-drawing"),
        (nodule(Calipers(long=((1, 1), (9, 9)))), "no-area"),
    ],
)
def test_what_cannot_be_compared_is_named_and_is_no_drawing(finding, code):
    image = read_image_of(image_of("1", look("A", finding, nodule(mask_of(9, 9, 5, 5)))))
    assert [each.finding.finding_id for each in drawings_by(image, "A", STRUCTURES)] == ["A/2"]
    assert [(each.finding.finding_id, each.code) for each in unfit_by(image, "A", STRUCTURES)] == [
        ("A/1", code)
    ]


def test_a_mask_says_more_than_the_box_beside_it():
    """A drawing that has both is compared by its pixels, and with a box by their extent."""
    (both,) = drawings(nodule(mask_of(4, 4, 6, 6), Box(x=0, y=0, width=40, height=40)))
    assert both.box == Box(x=4, y=4, width=6, height=6)
    assert overlap_iou(both, *drawings(nodule(box_of(4, 4, 6, 6)))) == 1


# ---------------------------------------------------------------- structures


def test_a_nodule_is_matched_with_a_nodule_before_a_gland():
    """The gland overlaps the nodule more than the other reader's nodule does."""
    one = drawings(nodule(mask_of(10, 10, 10, 10)))
    other = drawings(
        nodule(mask_of(10, 10, 10, 12), structure=Structure.GLAND), nodule(mask_of(14, 10, 10, 10))
    )
    (found,) = match(one, other, FLOOR).matches
    assert other[found.b].finding.structure is Structure.NODULE


@pytest.mark.parametrize(("height", "is_matched"), [(5, True), (4, False)])
def test_drawings_called_otherwise_are_matched_from_half_on(height, is_matched):
    one = drawings(nodule(mask_of(10, 10, 10, 10)))
    other = drawings(nodule(mask_of(10, 10, 10, height), structure=Structure.LYMPH_NODE))
    assert bool(match(one, other, FLOOR).matches) is is_matched


def test_what_is_tied_with_its_own_kind_is_not_matched_with_another():
    one = drawings(nodule(mask_of(10, 10, 10, 10)))
    other = drawings(
        nodule(mask_of(10, 10, 10, 10)),
        nodule(mask_of(10, 10, 10, 10)),
        nodule(mask_of(10, 10, 10, 9), structure=Structure.LYMPH_NODE),
    )
    found = match(one, other, FLOOR)
    assert (matched(found), tied(found)[0]) == (frozenset(), {0})
    assert [other[k].finding.structure for k in found.only_b] == [Structure.LYMPH_NODE]


# ---------------------------------------------------------------- several readers


def clusters(*said: Sequence[Finding], floor: float = FLOOR) -> tuple[Cluster, ...]:
    """What readers A, B, C, ... have drawn, put together."""
    looks = [look(name, *findings) for name, findings in zip("ABCDE", said, strict=False)]
    image = read_image_of(image_of("1", *looks))
    return cluster({each.reader: drawings_by(image, each.reader, STRUCTURES) for each in looks}, floor)


def ids(found: Cluster) -> list[str]:
    return sorted(each.finding.finding_id for each in found.all)


def test_drawings_that_all_match_are_one_thing():
    (found,) = clusters(*([nodule(mask_of(10 + k, 10, 10, 10))] for k in range(3)))
    assert (ids(found), found.trouble) == (["A/1", "B/1", "C/1"], None)


def test_a_chain_of_matches_is_unclear():
    """A's meets B's and B's meets C's, but A's and C's are apart: nobody can say what is one thing."""
    chain = [[nodule(mask_of(10 + 7 * k, 10, 10, 10))] for k in range(3)]
    assert [iou_of_shift(10, 10, 7 * k, 0) >= FLOOR for k in (1, 2)] == [True, False]
    for order in permutations(chain):
        (found,) = clusters(*order)
        assert (len(found.all), found.trouble) == (3, Trouble.UNCLEAR)


def test_one_drawing_that_two_could_be_of_is_tied():
    """B's lies midway between two of A's: the same sum either way."""
    apart = [nodule(mask_of(10, 10, 10, 10)), nodule(mask_of(16, 10, 10, 10))]
    between = [nodule(mask_of(13, 10, 10, 10))]
    for said in ((apart, between), (between, apart), (apart[::-1], between)):
        (found,) = clusters(*said)
        assert (len(found.all), found.trouble) == (3, Trouble.TIED)


def test_two_ties_at_two_places_are_two_things():
    """What is drawn twice on the left has nothing to do with what is drawn twice on the right."""
    left, right = nodule(mask_of(2, 2, 8, 8)), nodule(mask_of(40, 30, 8, 8))
    found = clusters([left, left, right, right], [left, right])
    assert [(ids(each), each.trouble) for each in found] == [
        (["A/1", "A/2", "B/1"], Trouble.TIED),
        (["A/3", "A/4", "B/2"], Trouble.TIED),
    ]


def test_what_one_reader_alone_has_drawn_stays_visible():
    found = clusters([nodule(mask_of(2, 2, 8, 8))], [nodule(mask_of(40, 30, 8, 8))], [])
    assert [ids(each) for each in found] == [["A/1"], ["B/1"]]


rectangles = st.tuples(st.integers(0, 20), st.integers(0, 12), st.integers(2, 14), st.integers(2, 12))


@given(st.lists(st.lists(rectangles, max_size=3), min_size=2, max_size=4), st.sampled_from([0.1, 0.4]))
def test_things_part_the_drawings_and_a_clear_one_is_matched_all_through(said, floor):
    """Each drawing is of one thing; one without trouble has one at most of each reader, and all match."""
    found = clusters(*([nodule(mask_of(*each)) for each in all_of] for all_of in said), floor=floor)
    everything = [name for each in found for name in ids(each)]
    assert len(everything) == len({*everything}) == sum(map(len, said))
    for each in found:
        if each.trouble is None:
            assert all(len(drawn) == 1 for drawn in each.drawings.values())
            assert all(overlap_iou(a, b) >= floor for a, b in combinations(each.all, 2))
        orders = [drawing.order for drawing in each.all]
        assert all(a <= b for a, b in pairwise(orders))


# ---------------------------------------------------------------- the arbiter


def test_a_drawing_of_the_arbiter_is_of_one_thing():
    """It lies upon the second thing, though it meets the first as well."""
    things = clusters([nodule(mask_of(10, 10, 10, 10)), nodule(mask_of(17, 10, 10, 10))], [])
    said = arbitrate(things, drawings(nodule(mask_of(16, 10, 10, 10))), FLOOR, complete=True)
    assert [each is None for each in said.drawings] == [True, False]
    assert (said.tied, said.alone) == (frozenset(), ())


def test_a_drawing_midway_between_two_things_decides_neither():
    things = clusters([nodule(mask_of(10, 10, 10, 10)), nodule(mask_of(20, 10, 10, 10))], [])
    said = arbitrate(things, drawings(nodule(mask_of(15, 10, 10, 10))), FLOOR, complete=True)
    assert (said.drawings, said.tied) == ((None, None), {0, 1})


@given(st.integers(1, 9))
def test_two_drawings_of_the_arbiter_upon_one_thing_decide_nothing(width):
    """A thing that the arbiter takes for two is not settled by one of the halves, whichever is larger."""
    things = clusters([nodule(mask_of(10, 10, 10, 10))], [])
    halves = [nodule(mask_of(10, 10, width, 10)), nodule(mask_of(10 + width, 10, 10 - width, 10))]
    assume(min(width, 10 - width) / 10 >= FLOOR)
    said = arbitrate(things, drawings(*halves), FLOOR, complete=True)
    assert said.tied == {0}


def test_what_the_arbiter_alone_has_drawn_is_of_nothing():
    things = clusters([nodule(mask_of(2, 2, 8, 8))], [])
    said = arbitrate(things, drawings(nodule(mask_of(40, 30, 8, 8))), FLOOR, complete=True)
    assert (said.drawings, said.tied, len(said.alone)) == ((None,), frozenset(), 1)
