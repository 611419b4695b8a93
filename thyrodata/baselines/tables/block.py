"""What a table of baselines holds, before it is laid out for any reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from thyrodata.baselines.cost import Cost
from thyrodata.baselines.evaluation import Repeated, RepeatedFigure
from thyrodata.baselines.published import Paper
from thyrodata.baselines.recipes import Recipe
from thyrodata.baselines.recipes.listing import ListedRow
from thyrodata.baselines.recipes.plain import row_json

__all__ = ["BaselineTable", "Block", "Column", "Model", "OwnRow", "PrintedRow", "spread"]

PERCENT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model that was evaluated."""

    evaluated: Repeated
    recipe: Recipe | None
    """``None`` where it was trained without one."""
    costs: tuple[Cost, ...]
    """Of each file of predictions beside which one stands."""

    @property
    def data(self) -> str:
        """What its figures are of, and what it was trained on if that is another dataset."""
        made = self.evaluated
        elsewhere = "" if made.trained_on == made.dataset else f", trained on {made.trained_on}"
        return f"{made.dataset}, {made.part}{elsewhere}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of figures."""

    name: str
    """As the paper prints it, or ours."""
    figure: str = ""
    """The name of our figure, with ``{positive}`` for the class that a recipe is to find; empty where none of
    ours stands beside what is printed."""
    of: str = ""
    """The level that it is taken from, likewise: see :class:`thyrodata.baselines.tables.columns.Beside`."""
    differs: str = ""
    """Where the definitions differ, in a sentence."""
    percent: bool = False
    """Whether shares are given in percent: then ours are multiplied by 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedRow:
    """A row of a paper: its figures are as printed."""

    listed: ListedRow


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRow:
    """Figures of a model that was evaluated here."""

    model: Model
    of: str
    """The level, where a row is of one; empty where each column has its own."""
    stands_for: str
    """The name of the printed row; empty if there is none."""
    why: str
    """Why it is not what that row says; empty where it is."""
    figures: tuple[RepeatedFigure | None, ...]
    """Of each column; ``None`` where the model has no such figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A paper's table with ours beside it, or ours alone."""

    title: str
    paper: Paper | None
    unit: str
    """Of the printed figures."""
    columns: tuple[Column, ...]
    rows: tuple[PrintedRow | OwnRow, ...]

    @property
    def own(self) -> tuple[OwnRow, ...]:
        """The rows that are ours."""
        return tuple(row for row in self.rows if isinstance(row, OwnRow))

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values: printed figures as text, ours as numbers in the unit of the column."""
        return {
            "title": self.title,
            "paper": self.paper.name if self.paper else None,
            "unit": self.unit,
            "columns": [
                {
                    "name": column.name,
                    "figure": column.figure or None,
                    "of": column.of or None,
                    "differs": column.differs,
                    "percent": column.percent,
                }
                for column in self.columns
            ],
            "rows": [self._row(row) for row in self.rows],
        }

    def _row(self, row: PrintedRow | OwnRow) -> dict[str, Any]:
        if isinstance(row, PrintedRow):
            return {"printed": row_json(row.listed)}
        figures = {
            column.name: None if figure is None else spread(figure, percent=column.percent)
            for column, figure in zip(self.columns, row.figures, strict=True)
        }
        return {
            "ours": {
                "model": row.model.evaluated.model,
                "data": row.model.data,
                "of": row.of or None,
                "stands_for": row.stands_for or None,
                "why": row.why,
                "figures": figures,
            }
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineTable:
    """Figures of models beside those that papers printed."""

    blocks: tuple[Block, ...]
    models: tuple[Model, ...]
    seed: int
    """Of the resamples."""
    resamples: int

    def to_json(self) -> dict[str, Any]:
        """Return the blocks, and every figure of every model with the intervals of its runs."""
        return {
            "seed": self.seed,
            "resamples": self.resamples,
            "blocks": [block.to_json() for block in self.blocks],
            "models": [
                {**model.evaluated.to_json(), "costs": [cost.to_json() for cost in model.costs]}
                for model in self.models
            ],
        }


def spread(figure: RepeatedFigure, *, percent: bool = False) -> dict[str, float | None]:
    """Return a figure's ``mean`` and ``sd`` over runs, and the ``low`` and ``high`` end of its intervals.

    Of several runs these are the lowest and the highest end of all of them, which is no interval of the mean;
    ``None`` where a run has no interval.

    Args:
        figure: Of one run or several.
        percent: Whether a share is wanted in percent; a distance stays what it is.
    """
    factor = PERCENT if percent and not figure.unit else 1
    lows, highs = ([getattr(run, end) for run in figure.runs] for end in ("low", "high"))
    values = {
        "mean": figure.mean,
        "sd": figure.sd,
        "low": None if None in lows else min(lows),
        "high": None if None in highs else max(highs),
    }
    return {name: None if value is None else value * factor for name, value in values.items()}
