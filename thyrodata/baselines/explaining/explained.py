"""What an explanation comes to, as figures, and as the tables and notes of its page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thyrodata.baselines.explaining.failing import Failures
from thyrodata.baselines.metrics.intervals import Measured
from thyrodata.baselines.parts import TRAIN, VALIDATION
from thyrodata.baselines.predictions import Origin
from thyrodata.reports.failures import PageTable
from thyrodata.schema.plain import to_plain

__all__ = ["FIGURE_HEADER", "Attention", "Explained", "cautions", "figure_cells", "page_tables"]

FIGURE_HEADER = ("mean over images", "value", "95 % interval", "images", "undefined", "groups")
"""Of the rows of :func:`figure_cells`."""

_MEANINGS = {
    "energy_inside": "the share of the map's sum that lies on outlined nodules (the energy-based pointing "
    "game of Score-CAM, Wang et al. 2020)",
    "area_inside": "the share of the image that is outlined: what a map that is the same everywhere scores",
    "energy_above_area": "the one less the other, image by image: above 0 where nodules are preferred",
    "pointing_hit": "how often the map's greatest value lies on an outlined nodule, with a tolerance of 0 px "
    "(the pointing game, Zhang et al. 2018)",
    "centre_hit": "how often the middle of the image does: what one scores without a look",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """Where a classifier looks, beside where the nodules are."""

    method: str
    layer: str
    """The module whose output is the last feature map."""
    positions: tuple[int, int]
    """(height, width) of that map: the map is no finer than that."""
    outlined: int
    """Images with outlines of nodules, which the figures are of."""
    surely_whole: int
    """Of these: those in which every nodule is outlined, as the dataset says. In another one what lies on a
    nodule that nobody outlined counts as outside."""
    figures: tuple[Measured, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """What was written about a trained baseline."""

    out: Path
    origin: Origin
    images: int
    groups: int
    group_kinds: tuple[str, ...]
    """What a group is: a case is not a patient."""
    failures: Failures
    attention: Attention | None
    """Of a classifier, if it can be told where it looks."""
    not_told: str
    """Why it cannot; empty where it is, and where nothing is classified."""

    def figures_json(self) -> dict[str, Any]:
        """Return it as plain values, without where it was written: the same from the same."""
        worst = [
            {
                "image_id": each.image_id,
                "group_id": each.group_id,
                "measure": each.measure,
                "says": [*each.says],
            }
            for each in self.failures.worst
        ]
        return {
            "origin": to_plain(self.origin),
            "images": self.images,
            "groups": self.groups,
            "group_kinds": [*self.group_kinds],
            "failures": {
                "rule": self.failures.rule,
                "among": self.failures.among,
                "wrong": self.failures.wrong,
                "wrong_is": self.failures.wrong_is,
                "worst": worst,
            },
            "attention": None if self.attention is None else to_plain(self.attention),
            "not_told": self.not_told,
        }

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"out": str(self.out), **self.figures_json()}


def cautions(made: Explained) -> Iterator[str]:
    """Yield what must be known before anything is read."""
    yield f"This is one training, of seed {made.origin.seed}; what another seed gives is not said here."
    origin = made.origin
    shown = (origin.dataset, origin.split)
    if shown == (origin.trained_on, origin.trained_split) and origin.part in {TRAIN, VALIDATION}:
        yield f"The part {origin.part} was seen in training: this says nothing of images that were not."
    yield "The worst images say how a model fails, not how often. Whoever gets this page gets these images."
    for kind in made.group_kinds:
        if kind != "patient":
            yield (
                f"1 {kind} is not 1 patient: where one patient has several, intervals may be narrower than "
                "they should be."
            )
    if made.not_told:
        yield f"Where the classifier looks is not told: {made.not_told}."


def _limits(attention: Attention) -> Iterator[str]:
    height, width = attention.positions
    yield (
        f"A map shows where in the last feature map, of {height} x {width} positions, the evidence for the "
        "predicted class lies: not what it is, and not that a decision is sound."
    )
    unsure = attention.outlined - attention.surely_whole
    if unsure:
        yield (
            f"In {unsure} of {attention.outlined} outlined images the dataset does not say that every nodule "
            "is outlined: what lies on one that is not counts as outside."
        )


def page_tables(made: Explained) -> Iterator[PageTable]:
    """Yield the tables of the page."""
    origin = made.origin
    yield PageTable(
        heading="What is explained",
        rows=(
            ("told apart", origin.target),
            ("model", f"{origin.model}, seed {origin.seed}"),
            ("trained on", f"{origin.trained_on}, split {origin.trained_split}"),
            ("weights", f"SHA-256 {origin.weights_sha256}"),
            ("shown here", f"{origin.dataset}, split {origin.split}, part {origin.part}"),
            ("images", f"{made.images:,} of {made.groups:,} {_groups(made.group_kinds)}"),
            ("wrong", f"{made.failures.wrong:,} of {made.failures.among:,} images {made.failures.wrong_is}"),
        ),
    )
    if made.attention is not None:
        yield PageTable(
            heading="Where it looks, in figures",
            header=FIGURE_HEADER,
            rows=tuple(figure_cells(figure) for figure in made.attention.figures),
            numbers_from=1,
            says=(
                *(f"{_worded(name)}: {text}." for name, text in _MEANINGS.items()),
                "Undefined: the map is 0 everywhere. Intervals are by the bootstrap over groups.",
                f"{made.attention.method}; the last feature map is the output of {made.attention.layer}.",
                *_limits(made.attention),
            ),
        )


def _groups(kinds: tuple[str, ...]) -> str:
    return f"{kinds[0]}s" if len(kinds) == 1 else "groups"


def _worded(name: str) -> str:
    return name.replace("_", " ")


def figure_cells(figure: Measured) -> tuple[str, ...]:
    """Return a figure as a row of texts: name, value, interval, images, undefined ones and groups."""
    value = "-" if figure.value is None else f"{figure.value:.3f}"
    interval = "-" if figure.low is None else f"{figure.low:.3f} to {figure.high:.3f}"
    counts = (figure.units, figure.undefined, figure.groups)
    return (_worded(figure.name), value, interval, *map(str, counts))
