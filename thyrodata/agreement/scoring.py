"""A model beside readers: how it agrees with them, and how they agree with one another, on the same images.

That a model agrees with readers as well as they do with one another is all that their readings can tell of
it: they are no truth (Williams, Biometrics 1976;32:619-627, asks the same of one reader and a group).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.agreement.definitions import DEFINITIONS
from thyrodata.agreement.differences import f1_sums, mean_sums, ratio
from thyrodata.agreement.images import ReadImage
from thyrodata.agreement.kappa import cohen, cohen_quadratic, contingency
from thyrodata.agreement.resampling import Estimate, Resampling, Statistic, by_group, estimate
from thyrodata.agreement.study import Gathered, GatheredPair
from thyrodata.schema.record import Finding, Read
from thyrodata.schema.vocab import GRADED, SCHEMES, Coverage, Scope

__all__ = ["Comparison", "ModelScore", "as_model", "compare"]

Values = NDArray[np.float64]
Moments = tuple[Sequence[str], Values]
"""The group of each unit, and its moments."""

MEANS = ("dice", "iou", "hausdorff", "hd95_pooled", "hd95_max", "hd95_surfel", "assd", "assd_surfel")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One measure of agreement: of the model with the readers, and of the readers with one another."""

    name: str
    """A key of :data:`thyrodata.agreement.definitions.DEFINITIONS`."""
    of: str
    unit: str
    with_each: Mapping[str, Estimate]
    """Of the model with each reader."""
    model: Estimate
    """Mean over the readers."""
    readers: Estimate
    """Mean over every two readers; without a value where there is one reader."""
    difference: Estimate
    """Of the model less the readers, on the same resamples."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "name": self.name,
            "of": self.of,
            "unit": self.unit,
            "with_each": {name: _json(found) for name, found in self.with_each.items()},
            "model_with_readers": _json(self.model),
            "readers_with_one_another": _json(self.readers),
            "difference": _json(self.difference),
            "source": DEFINITIONS[self.name].source,
        }


def _json(found: Estimate) -> dict[str, Any]:
    return {"value": found.value, "low": found.low, "high": found.high, "groups": found.groups}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelScore:
    """How a model agrees with readers."""

    model: str
    readers: tuple[str, ...]
    images: int
    """That the model and all readers have read: nothing else is compared."""
    left_out: int
    """Images that one of them has not read."""
    comparisons: tuple[Comparison, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "model": self.model,
            "readers": [*self.readers],
            "images": self.images,
            "left_out": self.left_out,
            "comparisons": [each.to_json() for each in self.comparisons],
        }


def as_model(image: ReadImage, model: str, least_score: float | None) -> ReadImage:
    """Return an image with a model's reading as one that is complete: a model that gives nothing says so.

    Args:
        image: The image.
        model: The reader who is a model.
        least_score: Findings of the model with a lower score are left out; ``None`` takes all.
    """
    return replace(
        image,
        readings=tuple(
            replace(each, coverage=Coverage.COMPLETE) if (each.reader or "") == model else each
            for each in image.readings
        ),
        findings=tuple(each for each in image.findings if not _is_weak(each, model, least_score)),
    )


def _is_weak(finding: Finding, model: str, least_score: float | None) -> bool:
    return (
        least_score is not None
        and isinstance(finding.origin, Read)
        and (finding.origin.reader or "") == model
        and finding.score is not None
        and finding.score < least_score
    )


def compare(gathered: Gathered, model: str, left_out: int, resampling: Resampling) -> ModelScore:
    """Return how a model agrees with readers, beside how they agree with one another.

    Args:
        gathered: The images that all have read, examined.
        model: Which of the readers is the model.
        left_out: How many images one has not read.
        resampling: How intervals are made.
    """
    readers = tuple(reader for reader in gathered.asked.readers if reader != model)
    comparer = _Comparer(gathered, model, readers, resampling)
    images = max((pair.images for pair in gathered.pairs.values()), default=0)
    return ModelScore(
        model=model,
        readers=readers,
        images=images,
        left_out=left_out,
        comparisons=tuple(comparer.comparisons()),
    )


class _Comparer:
    def __init__(
        self, gathered: Gathered, model: str, readers: tuple[str, ...], resampling: Resampling
    ) -> None:
        self._gathered = gathered
        self._resampling = resampling
        self._readers = readers
        self._with_model = [_key(model, reader) for reader in readers]
        self._among = [*combinations(readers, 2)]

    def comparisons(self) -> Iterator[Comparison]:
        asked = self._gathered.asked
        yield self._of_pairs("image_dice", "mean", "", _image_dice)
        for k, threshold in enumerate(asked.thresholds):
            yield self._of_pairs("detection_f1", f"IoU >= {threshold:g}", "", partial(_detected, threshold=k))
        for name in MEANS:
            unit = "" if name in {"dice", "iou"} else asked.tolerance.unit
            yield self._of_pairs(name, "mean", unit, partial(_measured, name=name))
        for scope, scheme in sorted(self._gathered.ratings, key=lambda key: (key[0].value, key[1])):
            statistics: list[tuple[str, Statistic]] = [("kappa", cohen)]
            if scheme.partition(" ")[0] in GRADED:
                statistics.append(("kappa_quadratic", cohen_quadratic))
            for name, statistic in statistics:
                found = self._compared(
                    name, f"{scheme} of the {scope.value}", "", self._graded(scope, scheme), statistic
                )
                if found.model.value is not None:
                    yield found

    def _of_pairs(
        self, name: str, of: str, unit: str, moments: Callable[[GatheredPair], Moments]
    ) -> Comparison:
        found = {key: moments(pair) for key, pair in self._gathered.pairs.items()}
        return self._compared(name, of, unit, found, ratio)

    def _graded(self, scope: Scope, scheme: str) -> Mapping[tuple[str, str], Moments]:
        terms = [*SCHEMES[scheme.partition(" ")[0]]]
        ranks = {term: rank for rank, term in enumerate(terms)}
        found: dict[tuple[str, str], Moments] = {}
        for key in self._gathered.pairs:
            both = [
                each
                for each in self._gathered.ratings[scope, scheme]
                if key[0] in each.by and key[1] in each.by
            ]
            first, second = (np.array([ranks[each.by[name]] for each in both], np.int64) for name in key)
            found[key] = ([each.group_id for each in both], contingency(first, second, len(terms)))
        return found

    def _compared(
        self,
        name: str,
        of: str,
        unit: str,
        moments: Mapping[tuple[str, str], Moments],
        statistic: Statistic,
    ) -> Comparison:
        """Return a comparison, all of it from the same resamples of all groups."""
        keys = [*self._with_model, *self._among]
        table, width = _side_by_side([moments[key] for key in keys])
        model, among = range(len(self._with_model)), range(len(self._with_model), len(keys))

        def mean(places: Iterable[int]) -> Statistic:
            chosen = [*places]

            def of_sums(sums: Values) -> Values:
                values = [statistic(sums[..., k * width : (k + 1) * width]) for k in chosen]
                return np.mean(values, axis=0) if values else np.full(sums.shape[:-1], np.nan)

            return of_sums

        def difference(sums: Values) -> Values:
            return mean(model)(sums) - mean(among)(sums)

        return Comparison(
            name=name,
            of=of,
            unit=unit,
            with_each={
                reader: estimate(table, mean([k]), self._resampling) for k, reader in enumerate(self._readers)
            },
            model=estimate(table, mean(model), self._resampling),
            readers=estimate(table, mean(among), self._resampling),
            difference=estimate(table, difference, self._resampling),
        )


def _key(one: str, other: str) -> tuple[str, str]:
    first, second = sorted((one, other))
    return first, second


def _side_by_side(parts: Sequence[Moments]) -> tuple[Values, int]:
    """Return the moments of all pairs of readers by group, (groups, pairs x width), and the width."""
    width = parts[0][1].shape[1]
    names = sorted({group for groups, _ in parts for group in groups})
    rows = {name: k for k, name in enumerate(names)}
    table = np.zeros((len(names), len(parts) * width))
    for k, (groups, moments) in enumerate(parts):
        if len(groups):
            summed = by_group([*groups], moments)
            table[[rows[name] for name in sorted(set(groups))], k * width : (k + 1) * width] = summed
    return table, width


def _image_dice(pair: GatheredPair) -> Moments:
    return [group for group, _ in pair.image_dice], mean_sums(
        np.array([value for _, value in pair.image_dice])
    )


def _detected(pair: GatheredPair, threshold: int) -> Moments:
    counts = np.array([found for _, found in pair.detections], np.int64).reshape(len(pair.detections), -1)
    if not counts.size:
        return [], np.zeros((0, 2))
    moments = f1_sums(counts[:, 2 + 2 * threshold], counts[:, 0], counts[:, 1])
    return [group for group, _ in pair.detections], moments


def _measured(pair: GatheredPair, name: str) -> Moments:
    values = np.array(pair.values[name], np.float64)
    known = np.isfinite(values)
    return [group for group, keep in zip(pair.group_ids, known, strict=True) if keep], mean_sums(
        values[known]
    )
