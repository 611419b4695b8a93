"""The figures of a report, made of what was gathered, each with its interval by the bootstrap over groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from thyrodata.agreement.alpha import alpha_nominal, alpha_ordinal, coincidences
from thyrodata.agreement.asking import Asked
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
from thyrodata.agreement.intraclass import icc_a1, icc_sums
from thyrodata.agreement.kappa import (
    MISSING,
    cohen,
    cohen_quadratic,
    contingency,
    fleiss,
    fleiss_sums,
    observed_agreement,
)
from thyrodata.agreement.model import (
    Agreement,
    Differences,
    Figure,
    GradeAgreement,
    OverallAgreement,
    PairAgreement,
    PairColumns,
    Terms,
)
from thyrodata.agreement.ratings import Rated
from thyrodata.agreement.resampling import Estimate, Resampling, Statistic, by_group, estimate, median
from thyrodata.agreement.study import Gathered, GatheredPair
from thyrodata.schema.vocab import GRADED, SCHEMES, Scope, Term

__all__ = ["report_of"]

_SHARES = ("dice", "iou", "boundary_f", "surface_dice")
_DISTANCES = ("hausdorff", "hd95_pooled", "hd95_max", "hd95_surfel", "assd", "assd_surfel")
_PAIRS = "pairs of drawings"
_OUTLINES = "pairs of outlines"

Groups = Sequence[str]
Values = NDArray[np.float64]


def report_of(gathered: Gathered, dataset: str, sources: Sequence[str], resampling: Resampling) -> Agreement:
    """Return the report.

    Args:
        gathered: What was examined.
        dataset: Its name.
        sources: The names of further sources of readings.
        resampling: How intervals are made.
    """
    asked = gathered.asked
    maker = _Maker(asked, resampling)
    return Agreement(
        terms=Terms(
            dataset=dataset,
            sources=tuple(sources),
            structures=tuple(each.value for each in asked.structures),
            floor=asked.floor,
            tolerance=asked.tolerance.value,
            unit=asked.tolerance.unit,
            thresholds=asked.thresholds,
            group_kinds=gathered.group_kinds,
            seed=resampling.seed,
            resamples=resampling.resamples,
            level=resampling.level,
        ),
        readers=gathered.readers,
        pairs=tuple(maker.pair(names, pair, gathered.ratings) for names, pair in gathered.pairs.items()),
        overall=tuple(maker.overall(gathered)) if len(gathered.pairs) > 1 else (),
        notes=gathered.notes,
    )


class _Maker:
    def __init__(self, asked: Asked, resampling: Resampling) -> None:
        self._asked = asked
        self._resampling = resampling
        self._unit = asked.tolerance.unit

    # ------------------------------------------------------------ two readers

    def pair(
        self, names: tuple[str, str], pair: GatheredPair, ratings: dict[tuple[Scope, str], list[Rated]]
    ) -> PairAgreement:
        """Return how two readers agree."""
        return PairAgreement(
            readers=names,
            images=pair.images,
            only=(pair.only[0], pair.only[1]),
            unmatched=(pair.unmatched[0], pair.unmatched[1]),
            unmatched_of_complete=(pair.unmatched_of_complete[0], pair.unmatched_of_complete[1]),
            equal=pair.equal,
            figures=(*self._outlines(pair.group_ids, pair.values), *self._detection(pair)),
            differences=tuple(self._differences(pair)),
            grades=tuple(self._grades(names, ratings)),
            columns=PairColumns(
                image_ids=tuple(pair.image_ids),
                group_ids=tuple(pair.group_ids),
                finding_ids=tuple(pair.finding_ids),
                values={name: tuple(values) for name, values in pair.values.items()},
            ),
        )

    def _outlines(self, groups: Groups, columns: Mapping[str, Sequence[float] | Values]) -> Iterator[Figure]:
        for name in (*_SHARES, *_DISTANCES):
            values = np.array(columns[name], np.float64)
            known = np.isfinite(values)
            inside = [group for group, keep in zip(groups, known, strict=True) if keep]
            unit = self._unit if name in _DISTANCES else ""
            counted = _PAIRS if name in {"dice", "iou"} else _OUTLINES
            yield self._mean(name, inside, values[known], unit, counted)
            yield self._median(name, inside, values[known], unit, counted)

    def _detection(self, pair: GatheredPair) -> Iterator[Figure]:
        groups = [group for group, _ in pair.image_dice]
        yield self._mean(
            "image_dice", groups, np.array([value for _, value in pair.image_dice]), "", "images"
        )
        groups = [group for group, _ in pair.detections]
        counts = np.array([found for _, found in pair.detections], np.int64).reshape(
            len(groups), 2 + 2 * len(self._asked.thresholds)
        )
        for k, threshold in enumerate(self._asked.thresholds):
            for name, column in (("detection_f1", 2 + 2 * k), ("detection_f1_same_class", 3 + 2 * k)):
                moments = f1_sums(counts[:, column], counts[:, 0], counts[:, 1])
                of = f"IoU >= {threshold:g}"
                yield self._figure(name, groups, moments, ratio, of=of, counted="images")

    def _differences(self, pair: GatheredPair) -> Iterator[Differences]:
        for quantity in ("area", "diameter"):
            both = np.array([pair.values[f"{quantity}_a"], pair.values[f"{quantity}_b"]]).T
            known = np.isfinite(both).all(axis=1)
            if not known.any():
                continue
            groups = [group for group, keep in zip(pair.group_ids, known, strict=True) if keep]
            sums = difference_sums(both[known, 0], both[known, 1])
            unit = f"{self._unit}²" if quantity == "area" else self._unit
            of = {"unit": unit, "counted": _OUTLINES}
            yield Differences(
                quantity=quantity,
                unit=unit,
                figures=(
                    self._figure("bias", groups, sums, bias, **of),
                    self._figure("sd", groups, sums, sd, **of),
                    self._figure("loa_low", groups, sums, loa_low, **of),
                    self._figure("loa_high", groups, sums, loa_high, **of),
                    self._figure("icc_a1", groups, icc_sums(both[known]), icc_a1, counted=_OUTLINES),
                ),
            )

    def _grades(
        self, names: tuple[str, str], ratings: dict[tuple[Scope, str], list[Rated]]
    ) -> Iterator[GradeAgreement]:
        for (scope, scheme), all_of in _in_order(ratings):
            both = [each for each in all_of if names[0] in each.by and names[1] in each.by]
            if not both:
                continue
            terms, ranks = _scale(scheme)
            first, second = (np.array([ranks[each.by[name]] for each in both]) for name in names)
            moments = contingency(first, second, len(terms))
            groups = [each.group_id for each in both]
            statistics: list[tuple[str, Statistic]] = [
                ("observed_agreement", observed_agreement),
                ("kappa", cohen),
            ]
            if _is_ordered(scheme):
                statistics.append(("kappa_quadratic", cohen_quadratic))
            table = moments.sum(axis=0).astype(int).reshape(len(terms), len(terms))
            yield GradeAgreement(
                scheme=scheme,
                scope=scope,
                terms=terms,
                table=tuple(tuple(int(n) for n in row) for row in table),
                figures=tuple(
                    self._figure(name, groups, moments, statistic, counted=_things(scope))
                    for name, statistic in statistics
                ),
            )

    # ------------------------------------------------------------ all readers

    def overall(self, gathered: Gathered) -> Iterator[OverallAgreement]:
        """Yield how three or more readers agree together."""
        groups = [group for pair in gathered.pairs.values() for group in pair.group_ids]
        columns = {
            name: np.concatenate([np.array(pair.values[name]) for pair in gathered.pairs.values()])
            for name in (*_SHARES, *_DISTANCES)
        }
        equal = sum(pair.equal for pair in gathered.pairs.values())
        said = f", of which {equal} pairs of outlines are equal in every pixel" if equal else ""
        yield OverallAgreement(
            what=f"outlines of every two readers{said}", figures=tuple(self._outlines(groups, columns))
        )
        groups = [group for group, _ in gathered.sizes]
        sizes = np.array([values for _, values in gathered.sizes]).reshape(
            len(groups), len(self._asked.readers), 2
        )
        for k, quantity in enumerate(("area", "diameter")):
            counted = "things that all have outlined"
            figure = self._figure("icc_a1", groups, icc_sums(sizes[:, :, k]), icc_a1, counted=counted)
            yield OverallAgreement(what=quantity, figures=(figure,))
        for (scope, scheme), all_of in _in_order(gathered.ratings):
            figures = tuple(self._of_all(scope, scheme, all_of))
            if figures:
                yield OverallAgreement(what=f"{scheme} of the {scope.value}", figures=figures)

    def _of_all(self, scope: Scope, scheme: str, all_of: Sequence[Rated]) -> Iterator[Figure]:
        several = [each for each in all_of if len(each.by) > 1]
        if not several:
            return
        terms, ranks = _scale(scheme)
        table = np.array(
            [
                [ranks[each.by[name]] if name in each.by else MISSING for name in self._asked.readers]
                for each in several
            ]
        )
        groups = np.array([each.group_id for each in several])
        moments, counted = coincidences(table, len(terms)), _things(scope)
        yield self._figure("alpha_nominal", groups, moments, alpha_nominal, counted=counted)
        if _is_ordered(scheme):
            yield self._figure("alpha_ordinal", groups, moments, alpha_ordinal, counted=counted)
        whole = (table != MISSING).all(axis=1)
        sums = fleiss_sums(table[whole], len(terms))
        yield self._figure(
            "fleiss_kappa", groups[whole], sums, fleiss, counted=f"{counted} that all have graded"
        )

    # ------------------------------------------------------------ one figure

    def _mean(self, name: str, groups: Groups, values: Values, unit: str, counted: str) -> Figure:
        return self._figure(name, groups, mean_sums(values), ratio, of="mean", unit=unit, counted=counted)

    def _median(self, name: str, groups: Groups, values: Values, unit: str, counted: str) -> Figure:
        found = median(values, groups, self._resampling)
        return _as_figure(found, name, "median", unit, len(values), counted)

    def _figure(
        self,
        name: str,
        groups: Groups | NDArray[np.str_],
        moments: Values,
        statistic: Statistic,
        *,
        of: str = "",
        unit: str = "",
        counted: str,
    ) -> Figure:
        found = estimate(by_group([*groups], moments), statistic, self._resampling)
        return _as_figure(found, name, of, unit, len(moments), counted)


def _as_figure(found: Estimate, name: str, of: str, unit: str, n: int, counted: str) -> Figure:
    return Figure(
        name=name,
        of=of,
        unit=unit,
        value=found.value,
        low=found.low,
        high=found.high,
        n=n,
        counted=counted,
        groups=found.groups,
    )


def _in_order(
    ratings: dict[tuple[Scope, str], list[Rated]],
) -> list[tuple[tuple[Scope, str], list[Rated]]]:
    order = [*Scope]
    return sorted(ratings.items(), key=lambda item: (order.index(item[0][0]), item[0][1]))


def _scale(scheme: str) -> tuple[tuple[Term, ...], dict[Term, int]]:
    terms = tuple(SCHEMES[scheme.partition(" ")[0]])
    return terms, {term: rank for rank, term in enumerate(terms)}


def _is_ordered(scheme: str) -> bool:
    return scheme.partition(" ")[0] in GRADED


def _things(scope: Scope) -> str:
    return {Scope.FINDING: "matched drawings"}.get(scope, f"{scope.value}s")
