"""Splits: no cluster crosses parts, every part looks like the whole, nothing depends on order."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict, deque
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from thyrodata.errors import SplitError, UsageError
from thyrodata.splits import (
    EXCLUDED,
    Assignment,
    Link,
    SplitItem,
    audit_split,
    balance,
    format_csv,
    make_split,
    read_links,
    read_split_csv,
)


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def item(image_id, group_id=None, *, content=None, grade=None, frame=None):
    sha256 = None if content is None else digest(content)
    group_id = group_id or image_id
    return SplitItem(image_id=image_id, group_id=group_id, sha256=sha256, grade=grade, frame_key=frame)


def rows(**parts):
    """Assignments of images that are groups of their own: part = 'image image ...'."""
    return tuple(
        Assignment(image_id=image_id, group_id=image_id, part=part)
        for part, image_ids in parts.items()
        for image_id in image_ids.split()
    )


def parts_of(split):
    return {row.image_id: row.part for row in split.assignments}


def ddti_like(scale=1):
    """Return 390 cases (times scale) of 1-5 images: graded as in DDTI, 92 unlabelled, 4 pairs linked."""
    grades = [grade for grade, cases in enumerate((38, 14, 85, 75, 56, 30)) for _ in range(cases * scale)]
    grades += [None] * (92 * scale)
    order = sorted(range(len(grades)), key=lambda case: digest(f"case {case}"))
    items = []
    for number, case in enumerate(order):
        for view in range(1 + int(digest(f"views {case}"), 16) % 5):
            content = f"pair {number // 2}" if number < 8 and view == 0 else f"image {number} {view}"
            image_id = f"ddti/{number}_{view + 1}"
            items.append(item(image_id, f"ddti/{number}", content=content, grade=grades[case]))
    return items


def reachable(items, links=()):
    """Independent oracle of the clusters: breadth-first search over pairs of images that share anything."""
    sharing = defaultdict(set)
    for each in items:
        sharing["group", each.group_id].add(each.image_id)
        if each.sha256 is not None:
            sharing["bytes", each.sha256].add(each.image_id)
        if each.frame_key is not None:
            sharing["frame", each.frame_key].add(each.image_id)
    for number, link in enumerate(links):
        sharing["link", number].update(link.image_ids)
    neighbours = defaultdict(set)
    for together in sharing.values():
        for image_id in together:
            neighbours[image_id] |= together
    left = {each.image_id for each in items}
    clusters = []
    while left:
        found = {left.pop()}
        queue = deque(found)
        while queue:
            fresh = neighbours[queue.popleft()] - found
            found |= fresh
            queue.extend(fresh)
        left -= found
        clusters.append(found)
    return clusters


def group_grades(items):
    """Independent oracle of the grade of each labelled group."""
    known = defaultdict(list)
    for each in items:
        if each.grade is not None:
            known[each.group_id].append(each.grade)
    return {group_id: max(grades) for group_id, grades in known.items()}


def prevalence(items, at_least):
    grades = group_grades(items).values()
    return sum(grade >= at_least for grade in grades) / len(grades)


@st.composite
def datasets(draw, prefix="d", max_size=24):
    """Return images with few groups and few contents, so that many are linked."""
    count = draw(st.integers(1, max_size))
    names = draw(st.permutations([f"{prefix}/{number}" for number in range(count)]))
    return [
        item(
            name,
            f"group/{draw(st.integers(0, max_size))}",
            content=draw(st.none() | st.integers(0, 3 * max_size).map(str)),
            grade=draw(st.none() | st.integers(0, 3)),
            frame=draw(st.none() | st.integers(0, 3 * max_size).map(str)),
        )
        for name in names
    ]


@st.composite
def linked_datasets(draw):
    items = draw(datasets())
    names = [each.image_id for each in items]
    sets = draw(st.lists(st.sets(st.sampled_from(names), min_size=1, max_size=3), max_size=2))
    links = [Link(cluster=f"c{number}", image_ids=tuple(found)) for number, found in enumerate(sets)]
    return items, links


@st.composite
def ratio_sets(draw):
    weights = draw(st.lists(st.integers(1, 20), min_size=2, max_size=6))
    return {f"p{number}": weight / sum(weights) for number, weight in enumerate(weights)}


seeds = st.integers(-5, 2**70)
cell_texts = (
    st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('",'), min_size=1)
    .map(str.strip)
    .filter(bool)
)


class TestLaws:
    @given(linked_datasets(), ratio_sets(), seeds)
    def test_no_cluster_crosses(self, dataset, ratios, seed):
        """The images of a connected component are all in one part."""
        items, links = dataset
        part_of = parts_of(make_split(items, name="s", ratios=ratios, seed=seed, links=links))
        for cluster in reachable(items, links):
            assert len({part_of[image_id] for image_id in cluster}) == 1

    @given(linked_datasets(), ratio_sets(), seeds)
    def test_partition_is_complete(self, dataset, ratios, seed):
        """Every image is in exactly one of the parts asked for, in the order of the identifiers."""
        items, links = dataset
        split = make_split(items, name="s", ratios=ratios, seed=seed, links=links)
        assert [row.image_id for row in split.assignments] == sorted(each.image_id for each in items)
        assert {row.part for row in split.assignments} <= ratios.keys()
        assert {row.image_id: row.group_id for row in split.assignments} == {
            each.image_id: each.group_id for each in items
        }

    @given(linked_datasets(), seeds, st.randoms(use_true_random=False))
    def test_order_does_not_matter(self, dataset, seed, random):
        """A split is the same whatever the order of the items and of the links."""
        items, links = dataset
        split = make_split(items, name="s", seed=seed, links=links)
        shuffled, turned = list(items), list(links)
        random.shuffle(shuffled)
        random.shuffle(turned)
        assert make_split(shuffled, name="s", seed=seed, links=turned) == split

    @given(
        st.lists(st.none() | st.integers(0, 4), min_size=1, max_size=120),
        st.data(),
        ratio_sets(),
        seeds,
    )
    def test_every_threshold_is_balanced_to_within_one_group(self, grades, data, ratios, seed):
        """Without linked groups, a part's number of groups of any grade or higher is less than one off."""
        sizes = data.draw(st.lists(st.integers(1, 9), min_size=len(grades), max_size=len(grades)))
        items = [
            item(f"{number}_{view}", f"g{number}", grade=grade)
            for number, (grade, size) in enumerate(zip(grades, sizes, strict=True))
            for view in range(size)
        ]
        part_of = parts_of(make_split(items, name="s", ratios=ratios, seed=seed))
        whole = group_grades(items)
        assume(whole)
        for part, ratio in ratios.items():
            inside = group_grades([each for each in items if part_of[each.image_id] == part])
            groups = {each.group_id for each in items if part_of[each.image_id] == part}
            assert abs(len(inside) - ratio * len(whole)) < 1 + 1e-9
            assert abs(len(groups) - ratio * len(grades)) < 1 + 1e-9
            for threshold in range(5):
                share = sum(grade >= threshold for grade in whole.values()) / len(whole)
                count = sum(grade >= threshold for grade in inside.values())
                assert abs(count - share * len(inside)) < 1

    @given(linked_datasets(), ratio_sets(), seeds)
    def test_made_splits_pass_the_audit(self, dataset, ratios, seed):
        """The audit of a split as made finds nothing."""
        items, links = dataset
        split = make_split(items, name="s", ratios=ratios, seed=seed, links=links)
        assert audit_split(items, split.assignments, links) == ()

    @given(linked_datasets(), st.data())
    def test_the_audit_finds_a_planted_move(self, dataset, data):
        """Moving one image of a larger cluster to another part leaks exactly that cluster."""
        items, links = dataset
        clusters = [cluster for cluster in reachable(items, links) if len(cluster) > 1]
        assume(clusters)
        cluster = data.draw(st.sampled_from(clusters))
        planted = data.draw(st.sampled_from(sorted(cluster)))
        split = make_split(items, name="s", links=links)
        other = {"train": "test", "val": "train", "test": "train"}
        moved = [
            replace(row, part=other[row.part]) if row.image_id == planted else row
            for row in split.assignments
        ]
        (leak,) = audit_split(items, moved, links)
        assert leak.code == "crosses-parts"
        assert set(leak.image_ids) == cluster

    @given(linked_datasets(), st.data())
    def test_the_audit_knows_every_crossing_cluster(self, dataset, data):
        """On any assignment, the leaks are the clusters of the oracle with images in two parts or more."""
        items, links = dataset
        parts = st.sampled_from(["train", "test", EXCLUDED])
        given_parts = {each.image_id: data.draw(parts) for each in items}
        assigned = [
            Assignment(image_id=each.image_id, group_id=each.group_id, part=given_parts[each.image_id])
            for each in items
        ]
        crossing = [
            sorted(cluster)
            for cluster in reachable(items, links)
            if {"train", "test"} <= {given_parts[image_id] for image_id in cluster}
        ]
        leaks = audit_split(items, assigned, links)
        assert sorted([*leak.image_ids] for leak in leaks) == sorted(crossing)

    @given(datasets(), datasets(prefix="e"), datasets(prefix="f"), seeds)
    def test_extending_keeps(self, first, second, third, seed):
        """Extending, once or again, changes no part but to `excluded`, and leaves nothing that leaks."""
        split = make_split(first, name="s", seed=seed)
        items = first
        for more in (second, third):
            items = items + more
            before = parts_of(split)
            split = make_split(items, name="s", seed=seed, extend=split.assignments)
            after = parts_of(split)
            moved = {row.image_id for conflict in split.conflicts for row in conflict.moved}
            assert {image_id for image_id in before if after[image_id] != before[image_id]} == moved
            assert {after[image_id] for image_id in moved} <= {EXCLUDED}
            assert audit_split(items, split.assignments) == ()
            assert make_split(items, name="s", seed=seed, extend=split.assignments).assignments == (
                split.assignments
            )

    @given(datasets(), datasets(prefix="e"), seeds)
    def test_test_never_gains_from_a_conflict(self, first, second, seed):
        """Where a cluster joins parts, the most protected one keeps what it had and gets nothing."""
        old = make_split(first, name="s", seed=seed)
        before = parts_of(old)
        items = first + second
        after = parts_of(make_split(items, name="s", seed=seed, extend=old.assignments))
        for cluster in reachable(items):
            held = {before[image_id] for image_id in cluster if image_id in before}
            if len(held) > 1:
                kept = next(part for part in ("test", "val", "train") if part in held)
                for image_id in cluster:
                    assert after[image_id] == (kept if before.get(image_id) == kept else EXCLUDED)
            elif held:
                assert {after[image_id] for image_id in cluster} == held

    @given(
        st.dictionaries(
            cell_texts,
            st.tuples(cell_texts, st.from_regex(r"[a-z0-9][a-z0-9-]*", fullmatch=True)),
            min_size=1,
        )
    )
    def test_csv_round_trip(self, contents):
        """Reading written assignments gives them back, whatever their identifiers; so does csv."""
        assigned = tuple(
            Assignment(image_id=image_id, group_id=group_id, part=part)
            for image_id, (group_id, part) in sorted(contents.items())
        )
        text = format_csv(assigned)
        assert read_split_csv(text, "s.csv") == assigned
        assert read_split_csv(text.replace("\n", "\r\n"), "s.csv") == assigned
        assert [*csv.reader(io.StringIO(text, newline=""), strict=True)][1:] == [
            [row.image_id, row.group_id, row.part] for row in assigned
        ]

    @given(st.text(alphabet='image_id,group_id,partcluster\n\r"\0 \u2028x/1', max_size=80), st.booleans())
    def test_any_text_is_read_or_refused(self, text, whole):
        """Reading any text gives rows or a SplitError, never another error."""
        for read, header in (
            (read_split_csv, "image_id,group_id,part\n"),
            (read_links, "image_id,cluster\n"),
        ):
            try:
                found = read(header + text if whole else text, "f.csv")
            except SplitError as error:
                place = error.where
            else:
                place = "f.csv" if found else ""
            assert place.startswith("f.csv")


class TestBalance:
    @pytest.mark.parametrize("seed", range(20))
    def test_ddti_like_cases(self, seed):
        items = ddti_like()
        split = make_split(items, name="default", seed=seed)
        part_of = parts_of(split)
        largest = max(len(cluster) for cluster in reachable(items))
        for part, ratio in (("train", 0.70), ("val", 0.15), ("test", 0.15)):
            inside = [each for each in items if part_of[each.image_id] == part]
            labelled = len(group_grades(inside))
            for threshold in range(1, 6):
                off = abs(prevalence(inside, threshold) - prevalence(items, threshold))
                assert off <= max(0.02, 1 / labelled)
            assert abs(len(inside) - ratio * len(items)) <= 0.02 * len(items) + largest
            assert abs(labelled - ratio * 298) <= 2
            assert abs(len({each.group_id for each in inside}) - ratio * 390) <= 2

    def test_five_thousand_groups(self):
        items = ddti_like(scale=13)
        assert len({each.group_id for each in items}) > 5000
        for seed in range(3):
            part_of = parts_of(make_split(items, name="default", seed=seed))
            for part in ("train", "val", "test"):
                inside = [each for each in items if part_of[each.image_id] == part]
                for threshold in range(1, 6):
                    assert abs(prevalence(inside, threshold) - prevalence(items, threshold)) <= 0.01

    @pytest.mark.parametrize(
        "shares",
        [(70, 15, 15), (75, 5, 5, 5, 5, 5), (40, 30, 20, 10), (9, 60, 1, 30), (14, 14, 14, 14, 14, 30)],
    )
    def test_every_prefix_is_balanced(self, shares):
        """With a grade for each group, every prefix of the grades is a threshold."""
        items = [item(f"i{grade}", grade=grade) for grade in range(100)]
        ratios = {f"p{number}": share / 100 for number, share in enumerate(shares)}
        for seed in range(6):
            part_of = parts_of(make_split(items, name="s", ratios=ratios, seed=seed))
            for part, ratio in ratios.items():
                for threshold in range(100):
                    above = sum(part_of[f"i{grade}"] == part for grade in range(threshold, 100))
                    assert abs(above - ratio * (100 - threshold)) < 1

    def test_linked_groups_are_placed_by_their_highest_grade(self):
        """Of pairs of linked groups, those with a high grade are balanced, whatever their lower one."""
        grades = [5, 0] * 10 + [0, 0] * 10
        items = [
            item(f"i{number}", content=f"pair {number // 2}", grade=grade)
            for number, grade in enumerate(grades)
        ]
        for seed in range(10):
            part_of = parts_of(make_split(items, name="s", folds=2, seed=seed))
            high = Counter(part_of[each.image_id] for each in items if each.grade == 5)
            assert high == {"fold0": 5, "fold1": 5}

    def test_folds_are_alike(self):
        split = make_split(ddti_like(), name="five", folds=5)
        assert [part.part for part in split.balance.parts] == ["fold0", "fold1", "fold2", "fold3", "fold4"]
        for part in split.balance.parts:
            assert part.groups == 78
            for share, whole in zip(part.grades, split.balance.whole.grades, strict=True):
                assert abs(share.groups - whole.groups / 5) < 2

    def test_counts(self):
        items = [
            item("a1", "a", grade=2, content="x"),
            item("a2", "a", grade=0),
            item("b1", "b", grade=0, content="x"),
            item("c1", "c"),
            item("d1", "d", grade=1),
            item("e1", "e", grade=2),
            item("f1", "f", grade=2),
        ]
        found = balance(items, rows(train="a1 a2 b1 c1", test="d1 e1", excluded="f1"), parts=("val",))
        assert [part.part for part in found.parts] == ["val", "test", "train", EXCLUDED]
        val, _, train, excluded = found.parts
        assert (train.images, train.groups, train.clusters, train.labelled_groups) == (4, 3, 2, 2)
        assert [(share.grade, share.groups, share.at_least) for share in train.grades] == [
            (0, 1, 1.0),
            (1, 0, 0.5),
            (2, 1, 0.5),
        ]
        assert [share.at_least for share in val.grades] == [None, None, None]
        assert excluded.images == 1
        assert (found.whole.images, found.whole.groups, found.whole.clusters) == (6, 5, 4)
        assert [share.groups for share in found.whole.grades] == [1, 1, 2]

    def test_unlabelled_is_not_the_lowest_grade(self):
        """Ten graded 0 and ten unlabelled are two strata: each is split, not only their sum."""
        graded = [item(f"g{number}", grade=0) for number in range(10)]
        unlabelled = [item(f"u{number}") for number in range(10)]
        for seed in range(10):
            part_of = parts_of(
                make_split(
                    graded + unlabelled, name="s", seed=seed, ratios={"train": 0.6, "val": 0.2, "test": 0.2}
                )
            )
            for stratum in (graded, unlabelled):
                counts = Counter(part_of[each.image_id] for each in stratum)
                assert counts == {"train": 6, "val": 2, "test": 2}

    def test_a_large_cluster_goes_to_the_large_part(self):
        linked = [item(f"x{number}", f"g{number}", content="same", grade=0) for number in range(60)]
        alone = [item(f"y{number}", grade=number % 4) for number in range(40)]
        for seed in range(5):
            part_of = parts_of(make_split(linked + alone, name="s", seed=seed))
            assert part_of["x0"] == "train"
            assert Counter(part_of.values()) == {"train": 70, "val": 15, "test": 15}

    def test_no_part_always_gets_the_first_of_the_rarest_grade(self):
        items = [item(f"top{number}", grade=5) for number in range(2)]
        items += [item(f"low{number}", grade=0) for number in range(38)]
        holders = set()
        for seed in range(20):
            part_of = parts_of(make_split(items, name="s", seed=seed))
            holders |= {part_of["top0"], part_of["top1"]}
        assert holders == {"train", "val", "test"}


class TestDeterminism:
    def test_a_seed_means_the_same_in_every_release(self):
        text = format_csv(make_split(ddti_like(), name="default", seed=0).assignments)
        assert digest(text) == "75761da65144417ec2ef70d62b6287cd809eda79524600a72bc0c73118546fa0"

    def test_seeds_differ(self):
        items = ddti_like()
        assert len({make_split(items, name="s", seed=seed).assignments for seed in range(10)}) == 10

    def test_hash_seed_does_not_matter(self):
        code = (
            "import json\n"
            "from thyrodata.splits import *\n"
            "items = [SplitItem(image_id=f'i{n}', group_id=f'g{n // 2}', sha256=None, grade=n % 3 or None)"
            " for n in range(60)]\n"
            "links = [Link(cluster='c', image_ids=('i1', 'i9', 'i30'))]\n"
            "split = make_split(items, name='s', folds=4, links=links)\n"
            "print(format_csv(split.assignments), json.dumps(split.to_json()))\n"
        )
        printed = {
            subprocess.run(
                [sys.executable, "-c", code],
                env={**os.environ, "PYTHONHASHSEED": seed},
                capture_output=True,
                check=True,
                text=True,
            ).stdout
            for seed in ("1", "2", "3")
        }
        assert len(printed) == 1
        assert "fold3" in printed.pop()


class TestAccount:
    def test_joins_list_what_crosses_published_identities(self):
        items = [
            item("a1", "a", content="same"),
            item("a2", "a", content="own"),
            item("b1", "b", content="same"),
            item("c1", "c", content="twice"),
            item("c2", "c", content="twice", frame="f"),
            item("d1", "d"),
            item("e1", "e", frame="f"),
            item("e2", "e", frame="g"),
        ]
        links = (Link(cluster="dup7", image_ids=("d1", "c1")), Link(cluster="alone", image_ids=("a2",)))
        split = make_split(items, name="s", links=links)
        assert [(join.image_ids, join.group_ids) for join in split.joins] == [
            (("a1", "b1"), ("a", "b")),
            (("c2", "e1"), ("c", "e")),
            (("c1", "d1"), ("c", "d")),
        ]
        assert [join.why for join in split.joins] == [
            f"byte-identical, sha256 {digest('same')}",
            "cut from one frame, f",
            "link dup7",
        ]

    def test_json_is_plain_and_stable(self):
        items = [item("a", grade=1, content="x"), item("b", content="x"), item("c", grade=0)]
        old = rows(train="a", test="b", val="gone")
        split = make_split(items, name="s", seed=3, extend=old)
        plain = split.to_json()
        assert json.loads(json.dumps(plain)) == plain
        assert [*plain] == ["name", "seed", "folds", "ratios", "balance", "joins", "conflicts", "gone"]
        assert plain["ratios"] == {"train": 0.70, "val": 0.15, "test": 0.15}
        assert plain["gone"] == [{"image_id": "gone", "group_id": "gone", "part": "val"}]
        assert plain["conflicts"][0]["kept"] == "test"
        assert plain["balance"]["parts"][EXCLUDED]["images"] == 1
        assert plain["balance"]["whole"]["share_at_least"] == {"0": 1.0, "1": 0.0}


class TestExtend:
    def test_a_new_image_follows_its_cluster(self):
        items = [item("a1", "a"), item("a2", "a"), item("b1", "b", content="x"), item("c1", "c", content="x")]
        old = (
            Assignment(image_id="a1", group_id="a", part="val"),
            Assignment(image_id="b1", group_id="b", part="test"),
        )
        split = make_split(items, name="s", extend=old)
        assert parts_of(split) == {"a1": "val", "a2": "val", "b1": "test", "c1": "test"}
        assert split.conflicts == ()

    def test_shares_count_what_the_parts_hold(self):
        old_items = [item(f"o{number}", grade=number % 2) for number in range(70)]
        new_items = [item(f"n{number}", grade=number % 2) for number in range(30)]
        old = rows(train=" ".join(each.image_id for each in old_items))
        part_of = parts_of(make_split(old_items + new_items, name="s", extend=old))
        assert Counter(part_of[each.image_id] for each in new_items) == {"val": 15, "test": 15}
        for part in ("val", "test"):
            high = sum(part_of[each.image_id] == part and each.grade == 1 for each in new_items)
            assert high in {7, 8}

    def test_a_part_above_its_share_gets_nothing(self):
        items = [item(f"i{number}") for number in range(20)]
        old = rows(test=" ".join(f"i{number}" for number in range(15)))
        split = make_split(items, name="s", extend=old)
        assert Counter(parts_of(split).values()) == {"test": 15, "train": 5}

    @pytest.mark.parametrize(
        ("listed", "held", "kept"),
        [
            (("train", "val", "test"), ("train", "test"), "test"),
            (("test", "val", "train"), ("val", "test"), "test"),
            (("test", "val", "train"), ("train", "val"), "val"),
            (("val", "train", "calibration"), ("calibration", "train"), "calibration"),
            (("val", "train", "calibration"), ("calibration", "val"), "val"),
            (("fold0", "fold1", "fold2"), ("fold0", "fold2"), "fold2"),
        ],
    )
    def test_the_most_protected_part_keeps_its_images(self, listed, held, kept):
        items = [item("a", content="x"), item("b", content="x"), item("new", content="x")]
        old = rows(**{held[0]: "a", held[1]: "b"})
        split = make_split(items, name="s", ratios=dict.fromkeys(listed, 1 / 3), extend=old)
        stays, leaves = ("a", "b") if held[0] == kept else ("b", "a")
        assert parts_of(split) == {stays: kept, leaves: EXCLUDED, "new": EXCLUDED}
        (conflict,) = split.conflicts
        assert conflict.kept == kept
        assert [row.image_id for row in conflict.moved] == [leaves]
        assert conflict.moved[0].part in held
        assert conflict.new == ("new",)
        assert conflict.why == (f"byte-identical, sha256 {digest('x')}",)

    def test_excluded_stays_excluded(self):
        items = [item("a"), item("b1", "b"), item("b2", "b"), item("c1", "c"), item("c2", "c")]
        old = (
            *rows(excluded="a"),
            Assignment(image_id="b1", group_id="b", part=EXCLUDED),
            Assignment(image_id="c1", group_id="c", part="train"),
        )
        split = make_split(items, name="s", extend=old)
        assert parts_of(split) == {
            "a": EXCLUDED,
            "b1": EXCLUDED,
            "b2": EXCLUDED,
            "c1": "train",
            "c2": "train",
        }
        assert split.conflicts == ()

    def test_a_new_image_of_a_broken_cluster_is_excluded_and_reported(self):
        items = [item("a", "g"), item("b", "g"), item("new", "g")]
        old = [
            Assignment(image_id="a", group_id="g", part="test"),
            Assignment(image_id="b", group_id="g", part=EXCLUDED),
        ]
        split = make_split(items, name="s", extend=old)
        assert parts_of(split) == {"a": "test", "b": EXCLUDED, "new": EXCLUDED}
        assert [(conflict.kept, conflict.moved, conflict.new) for conflict in split.conflicts] == [
            ("test", (), ("new",))
        ]

    def test_gone_images_are_listed_and_still_link(self):
        items = [item("b2", "b"), item("c"), item("d")]
        old = (*rows(train="a"), Assignment(image_id="b1", group_id="b", part="test"))
        links = (Link(cluster="x", image_ids=("a", "c")),)
        split = make_split(items, name="s", extend=old, links=links)
        assert [row.image_id for row in split.gone] == ["a", "b1"]
        part_of = parts_of(split)
        assert part_of.keys() == {"b2", "c", "d"}
        assert (part_of["b2"], part_of["c"]) == ("test", "train")

    def test_other_parts_are_refused(self):
        with pytest.raises(SplitError, match="fold7"):
            make_split([item("a"), item("b")], name="s", extend=rows(fold7="a"))


class TestAudit:
    def test_a_leak_names_members_parts_and_reason(self):
        items = [item("a", content="x"), item("b", content="x"), item("c", "b")]
        (leak,) = audit_split(items, rows(train="a", test="b c"))
        assert leak.code == "crosses-parts"
        assert leak.image_ids == ("a", "b", "c")
        assert leak.message == (
            f"linked images are in 2 parts (test: b, c; train: a): byte-identical, sha256 {digest('x')}"
        )

    def test_parts_that_meet_through_an_excluded_image(self):
        items = [item("a", "g", content="x"), item("b", content="x"), item("c", "g")]
        (leak,) = audit_split(items, rows(excluded="a", train="b", test="c"))
        assert "same group g" in leak.message
        assert "byte-identical" in leak.message

    def test_unassigned_and_unknown_images(self):
        leaks = audit_split([item("a"), item("b"), item("c")], rows(train="b x", test="w"))
        assert [(leak.code, leak.image_ids) for leak in leaks] == [
            ("unassigned", ("a", "c")),
            ("unknown-image", ("w", "x")),
        ]


class TestRefusals:
    @pytest.mark.parametrize(
        "ratios",
        [
            {},
            {"all": 1.0},
            {"train": 0.5, "test": 0.4},
            {"train": 1.5, "test": -0.5},
            {"train": 1.0, "test": 0.0},
            {"train": float("nan"), "test": 1.0},
            {"train": float("inf"), "test": 0.5},
            {"Train": 0.5, "test": 0.5},
            {"0": 0.5, "test": 0.5},
            {"train\n": 0.5, "test": 0.5},
            {"excluded": 0.5, "test": 0.5},
        ],
    )
    def test_ratios(self, ratios):
        with pytest.raises(UsageError):
            make_split([item("a"), item("b")], name="s", ratios=ratios)

    def test_ratios_may_be_rounded(self):
        third = 0.33333333
        ratios = {"a": third, "b": third, "c": third}
        assert len(make_split([item("x"), item("y")], name="s", ratios=ratios).assignments) == 2

    @pytest.mark.parametrize("folds", [-1, 0, 1])
    def test_too_few_folds(self, folds):
        with pytest.raises(UsageError):
            make_split([item("a"), item("b")], name="s", folds=folds)

    def test_more_folds_than_clusters(self):
        items = [item("a1", "a"), item("a2", "a"), item("b1", "b")]
        with pytest.raises(SplitError, match="2 clusters"):
            make_split(items, name="s", folds=3)

    def test_ratios_and_folds(self):
        with pytest.raises(UsageError, match="exclude each other"):
            make_split([item("a")], name="s", folds=2, ratios={"train": 0.5, "test": 0.5})

    @pytest.mark.parametrize("name", ["official", "official-fold1"])
    def test_official_names(self, name):
        with pytest.raises(SplitError) as caught:
            make_split([item("a")], name=name)
        assert caught.value.hint

    @pytest.mark.parametrize("name", ["", "A", "../x", "a b", "1", "a\n"])
    def test_other_names(self, name):
        with pytest.raises(UsageError):
            make_split([item("a")], name=name)

    def test_nothing_to_split(self):
        with pytest.raises(SplitError, match="no images"):
            make_split([], name="s")

    def test_an_image_given_twice(self):
        with pytest.raises(SplitError, match="given twice"):
            make_split([item("a"), item("b"), item("a")], name="s")
        with pytest.raises(SplitError, match="assigned twice"):
            audit_split([item("a")], rows(train="a", test="a"))

    def test_a_link_to_an_unknown_image(self):
        links = (Link(cluster="c", image_ids=("a", "nowhere")),)
        with pytest.raises(SplitError, match="nowhere"):
            make_split([item("a")], name="s", links=links)
        with pytest.raises(SplitError, match="nowhere"):
            audit_split([item("a")], rows(train="a"), links)

    @pytest.mark.parametrize(
        "fields",
        [
            {"image_id": ""},
            {"image_id": "a\nb"},
            {"group_id": "a\ud800"},
            {"group_id": "a\x7fb"},
            {"group_id": " a"},
            {"sha256": "F" * 64},
            {"sha256": "0" * 63},
            {"grade": -1},
        ],
    )
    def test_invalid_items(self, fields):
        valid = {"image_id": "a", "group_id": "a", "sha256": None, "grade": None}
        SplitItem(**valid)
        with pytest.raises(SplitError):
            SplitItem(**{**valid, **fields})


class TestFiles:
    def test_format(self):
        text = format_csv([*rows(train="b"), Assignment(image_id="a", group_id="x,y", part="test")])
        assert text == 'image_id,group_id,part\na,"x,y",test\nb,b,train\n'
        assert read_split_csv(text, "s.csv")[0].group_id == "x,y"

    def test_cells_that_any_csv_writer_may_quote(self):
        text = 'image_id,group_id,part\r\n"a ""b""","g","3"\r\n'
        assert read_split_csv(text, "s.csv") == (Assignment(image_id='a "b"', group_id="g", part="3"),)

    @pytest.mark.parametrize(
        ("text", "where"),
        [
            ("", "s.csv:1"),
            ("image_id,part\na,train\n", "s.csv:1"),
            ("\ufeffimage_id,group_id,part\na,g,train\n", "s.csv:1"),
            ("image_id,group_id,part\n", "s.csv:2"),
            ("image_id,group_id,part\na,g,train\na,g,train\n", "s.csv:3"),
            ("image_id,group_id,part\na,g,train\nb,g\n", "s.csv:3"),
            ("image_id,group_id,part\na,g,train,\n", "s.csv:2"),
            ("image_id,group_id,part\na,g,train\n\nb,g,train\n", "s.csv:3"),
            ("image_id,group_id,part\na,,train\n", "s.csv:2"),
            ("image_id,group_id,part\na,g,Train\n", "s.csv:2"),
            ('image_id,group_id,part\n"a"b,g,train\n', "s.csv:2"),
            ('image_id,group_id,part\na"b,g,train\n', "s.csv:2"),
            ('image_id,group_id,part\na,g,"train\n', "s.csv:2"),
            ('image_id,group_id,part\na,g,"train\nb,g,"train"\n', "s.csv:2"),
            ('image_id,group_id,part\na, "g",train\n', "s.csv:2"),
            ("image_id,group_id,part\na\0,g,train\n", "s.csv:2"),
            ("image_id,group_id,part\na\rb,g,train\n", "s.csv:2"),
            ("image_id,group_id,part\na,g,train\nb,g,tra", "s.csv"),
        ],
    )
    def test_damaged_splits(self, text, where):
        with pytest.raises(SplitError) as caught:
            read_split_csv(text, "s.csv")
        assert caught.value.where == where

    def test_links(self):
        text = "image_id,cluster\nb,two\na,one\nc,two\nd,two"
        assert read_links(text, "links.csv") == (
            Link(cluster="one", image_ids=("a",)),
            Link(cluster="two", image_ids=("b", "c", "d")),
        )

    @pytest.mark.parametrize(
        ("text", "where"),
        [
            ("", "l.csv:1"),
            ("cluster,image_id\na,b\n", "l.csv:1"),
            ("image_id,cluster\n", "l.csv:2"),
            ("image_id,cluster\na,one\na,two\n", "l.csv:3"),
            ("image_id,cluster\na,\n", "l.csv:2"),
            ("image_id,cluster\na\n", "l.csv:2"),
        ],
    )
    def test_damaged_links(self, text, where):
        with pytest.raises(SplitError) as caught:
            read_links(text, "l.csv")
        assert caught.value.where == where


def test_an_image_is_tied_to_what_was_cut_from_it():
    """`derive` names the frame of a cut image by the hash of the whole file."""
    whole, cut, other = (
        item("a", content="x"),
        item("b", content="y", frame=digest("x")),
        item("c", content="z"),
    )
    (leak,) = audit_split([whole, cut, other], rows(train="a c", test="b"))
    assert leak.image_ids == ("a", "b")
    assert f"cut from one frame, {digest('x')}" in leak.message
    assert audit_split([whole, cut, other], rows(train="a b", test="c")) == ()
