"""A planted shortcut is found and said, an absent one is not, and the figures are those of the literature."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.metrics import roc_auc_score

from tests import toy
from thyrodata.agreement.resampling import Resampling
from thyrodata.curation.shortcuts import audit_shortcuts
from thyrodata.curation.shortcuttargets import ShortcutTarget
from thyrodata.dataset import Dataset
from thyrodata.errors import UsageError
from thyrodata.phantoms import PhantomSpec, phantom
from thyrodata.qc import association
from thyrodata.qc.association import Units, cramers_v, model_auc
from thyrodata.schema.record import ImageRecord, ImageRef, Label
from thyrodata.schema.vocab import GroupKind, Malignancy, Modality

pytestmark = pytest.mark.slow  # together they take as long as hundreds of others

FEW = Resampling(resamples=200)


def png(pixels: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def dataset(folder: Path, images: Mapping[str, tuple[bytes, str, Malignancy | None]]) -> Dataset:
    """A dataset of images by name: the file, the group and what pathology says."""
    records, files = [], {}
    for name, (data, group, malignancy) in images.items():
        width, height = Image.open(io.BytesIO(data)).size
        path = f"images/{name}.png"
        files[path] = data
        records.append(
            ImageRecord(
                image_id=f"toy/{name}",
                image=ImageRef(width=width, height=height, path=path, sha256=sha256(data).hexdigest()),
                modality=Modality.ULTRASOUND,
                group_id=f"toy/{group}",
                group_kind=GroupKind.PATIENT,
                case_labels=() if malignancy is None else (Label(value=malignancy),),
                source=name,
            )
        )
    return toy.make_dataset(folder, records, files)


def small(seed: int, width: int = 160) -> bytes:
    return png(phantom(PhantomSpec(seed=seed, width=width, height=120)).pixels)


def leaky(folder: Path, share: float, patients: int = 40) -> Dataset:
    """A dataset of two images a patient, whose width tells malignancy in a share of the patients."""
    random = np.random.default_rng(5)
    images = {}
    for patient in range(patients):
        malignant = patient % 2 == 1
        told = malignant if random.random() < share else random.random() < 0.5
        for view in range(2):
            data = small(2 * patient + view, 176 if told else 160)
            images[f"{patient}_{view}"] = (data, f"p{patient}", [*Malignancy][malignant])
    images["unstated"] = (small(999), "other", None)
    return dataset(folder, images)


def the_only(audit: Any) -> ShortcutTarget:
    (target,) = audit.targets
    assert isinstance(target, ShortcutTarget)
    return target


def test_a_planted_shortcut_is_found_and_said_in_a_sentence(tmp_path: Path) -> None:
    audit = audit_shortcuts(leaky(tmp_path / "d", 0.9), resamples=300)
    target = the_only(audit)
    assert target.leaks
    assert target.together is not None
    assert (target.together.value or 0) > 0.8
    size = next(each for each in target.features if each.feature == "image size")
    assert size.categories == 2
    assert (size.cramers_v.value or 0) > 0.6
    assert str(target).startswith(
        "label malignancy: what is no anatomy tells benign from malignant with AUC 0."
    )
    assert "alone with 0." in str(target)
    assert (target.images, target.groups, target.images_unstated) == (80, 40, 1)
    assert target.classes == {"benign": 20, "malignant": 20}
    assert audit.group_kinds == ("patient",)
    assert "source" in audit.constant
    assert audit.to_json()["targets"][0]["leaks"]


def test_a_shortcut_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    target = the_only(audit_shortcuts(leaky(tmp_path / "d", 0.0), resamples=300))
    assert not target.leaks
    assert "no shortcut is seen" in str(target)


def test_calipers_on_the_malignant_ones_alone_are_a_shortcut(tmp_path: Path) -> None:
    images = {}
    for patient in range(24):
        malignant = patient % 2 == 1
        spec = PhantomSpec(seed=patient, calipers="x" if malignant else None, mark_colour="cyan")
        images[f"{patient}"] = (png(phantom(spec).pixels), f"p{patient}", [*Malignancy][malignant])
    target = the_only(audit_shortcuts(dataset(tmp_path / "d", images), resamples=300))
    assert target.leaks
    assert target.features[0].feature == "marks"


def test_parts_of_a_split_that_differ_in_size_are_told_apart(tmp_path: Path) -> None:
    data = leaky(tmp_path / "d", 1.0)
    rows = [f"toy/{p}_{v},toy/p{p},{'test' if p % 2 else 'train'}" for p in range(40) for v in range(2)]
    (data.path / "splits").mkdir(exist_ok=True)
    (data.path / "splits/site.csv").write_text("\n".join(["image_id,group_id,part", *rows, ""]))
    label, split = audit_shortcuts(data, resamples=300).targets
    assert (label.name, split.name) == ("label malignancy", "split site")
    assert split.leaks
    assert "tells test from train with AUC 1.00" in str(split)


def test_what_cannot_be_audited_is_said(tmp_path: Path) -> None:
    images = {f"{i}": (small(i), f"p{i}", [*Malignancy][i == 0]) for i in range(9)}
    data = dataset(tmp_path / "d", images)
    (data.path / "images/3.png").write_bytes(b"cut")
    audit = audit_shortcuts(data, resamples=200)
    target = the_only(audit)
    assert audit.unread == ("toy/3",)
    assert (target.images, target.images_of_rare_classes, target.together) == (7, 1, None)
    assert str(target) == "label malignancy: too few groups or features to be audited"
    with pytest.raises(UsageError, match="no image has a label of 'bethesda'"):
        audit_shortcuts(data, label="bethesda")


def test_the_result_does_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    data = leaky(tmp_path / "d", 0.5, patients=12)
    assert audit_shortcuts(data, resamples=200) == audit_shortcuts(data, resamples=200, workers=2)


def units(classes: list[int], groups: list[int] | None = None) -> Units:
    names = [f"{group:03}" for group in (groups or range(len(classes)))]
    return Units(np.array(classes), names)


def test_cramers_v_is_bergsmas() -> None:
    """By his formulas, written out with loops, for a table of 3 x 2."""
    table = [[10, 4], [3, 9], [5, 5]]
    pairs = [(r, c) for r, row in enumerate(table) for c, count in enumerate(row) for _ in range(count)]
    n = len(pairs)
    rows, columns = [sum(row) for row in table], [sum(column) for column in zip(*table, strict=True)]
    chi = sum(
        (table[r][c] - rows[r] * columns[c] / n) ** 2 / (rows[r] * columns[c] / n)
        for r in range(3)
        for c in range(2)
    )
    phi = max(0, chi / n - (3 - 1) * (2 - 1) / (n - 1))
    most = min(3 - (3 - 1) ** 2 / (n - 1), 2 - (2 - 1) ** 2 / (n - 1)) - 1
    found = cramers_v(units([c for _, c in pairs]), np.array([r for r, _ in pairs]), FEW)
    assert found.value == pytest.approx(math.sqrt(phi / most))
    assert found.groups == n


def test_cramers_v_is_1_of_what_tells_all_and_0_of_what_tells_nothing() -> None:
    classes = [0, 1] * 30
    assert cramers_v(units(classes), np.array(classes), FEW).value == pytest.approx(1)
    assert cramers_v(units(classes), np.array([0, 0, 1, 1] * 15), FEW).value == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 9)), min_size=4, max_size=80))
def test_the_auc_of_counts_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    classes = [c for c, _ in pairs]
    if len(set(classes)) == 1:
        return
    whole = units(classes)
    scores = np.array([score for _, score in pairs], float)
    moments = association._levels(whole, scores, (1, 0)).sum(axis=0)
    assert float(association._mean_auc(moments)) == pytest.approx(roc_auc_score(classes, scores))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 4))
def test_repeating_the_images_of_a_group_changes_nothing(seed: int, times: int) -> None:
    random = np.random.default_rng(seed)
    classes, codes = random.integers(0, 2, 40), random.integers(0, 4, 40)
    classes[:2], codes[:2] = (0, 1), (0, 1)
    once = units([*classes])
    often = units([*np.repeat(classes, times)], [*np.repeat(np.arange(40), times)])
    for measured in (cramers_v, lambda u, c, r: model_auc(u, [c], r)):
        one, other = measured(once, codes, FEW), measured(often, np.repeat(codes, times), FEW)
        assert one.value == pytest.approx(other.value, abs=1e-9)
        assert replace(one, value=None, low=None, high=None) == replace(
            other, value=None, low=None, high=None
        )


def test_no_group_is_in_two_folds_and_each_fold_has_every_class() -> None:
    random = np.random.default_rng(0)
    of_group = random.integers(0, 3, 60)
    groups = random.integers(0, 60, 400)
    whole = units([*of_group[groups]], [*groups])
    folds = association._folds(whole, seed=4)
    assert all(len(set(folds[whole.groups == group])) == 1 for group in set(whole.groups))
    for fold in range(association.FOLDS):
        assert set(whole.classes[folds == fold]) == {0, 1, 2}


@pytest.mark.slow
def test_chance_is_seldom_taken_for_a_shortcut() -> None:
    """Of 150 datasets whose features are drawn at random for each group, at most 6 % seem to leak."""
    seen = 0
    for seed in range(150):
        random = np.random.default_rng(seed)
        groups = np.repeat(np.arange(150), random.integers(1, 4, 150))
        classes = random.integers(0, 2, 150)[groups]
        features = [random.integers(0, 8, 150)[groups] for _ in range(5)]
        whole = units([*classes], [*groups])
        found = model_auc(whole, features, Resampling(seed=seed, resamples=200, level=0.99))
        seen += (found.low or 0) > 0.5
    assert seen <= 9
