"""A block as cells of text with its notes, which Markdown and LaTeX lay out alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from thyrodata.baselines.cost import Cost
from thyrodata.baselines.evaluation import RepeatedFigure
from thyrodata.baselines.tables.block import Block, Column, Model, OwnRow, PrintedRow, spread
from thyrodata.baselines.tables.making import source_of

__all__ = ["READING", "Grid", "Line", "grid", "shown"]

READING = (
    "Of several runs: mean ± sample standard deviation over seeds [lowest, highest end of intervals].",
    "Of one run: value [interval]. It is no result: another seed gives another.",
    "Intervals are of 95 %, by the bootstrap over groups.",
    "Printed figures are as printed; numbers in parentheses lead to what speaks against them.",
)
"""How to read every block."""

_NOTHING = "-"
_COST = ("parameters", "MACs", "file", "latency")
_MILLION, _BILLION = 1e6, 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row of cells."""

    cells: tuple[str, ...]
    marks: tuple[int, ...] = ()
    """The notes that lead from the first cell, numbered from 1."""
    ours: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A block in words."""

    title: str
    before: tuple[str, ...]
    """What has to be known before the first figure, a sentence or more each."""
    header: tuple[str, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...]
    """Numbered from 1."""
    after: tuple[str, ...]
    """What stands in which column, and on what it was measured."""


def grid(block: Block) -> Grid:
    """Return a block in words."""
    notes: list[str] = []
    costs = any(row.model.costs for row in block.own)
    printed = block.paper is not None
    lines = tuple(_line(row, block, notes, costs=costs) for row in block.rows)
    header = ("model", "row is" if printed else "of", "data", "runs", "images", "groups")
    names = (_words(column.name) if printed else column.name for column in block.columns)
    return Grid(
        title=block.title,
        before=tuple(_before(block)),
        header=(*header, *names, *(_COST if costs else ())),
        lines=lines,
        notes=tuple(notes),
        after=tuple(_after(block)),
    )


def _line(row: PrintedRow | OwnRow, block: Block, notes: list[str], *, costs: bool) -> Line:
    if isinstance(row, OwnRow):
        made = row.model.evaluated
        counted = (_runs(row.model), f"{made.images:,}", f"{made.groups:,}")
        figures = [
            shown(figure, percent=column.percent)
            for figure, column in zip(row.figures, block.columns, strict=True)
        ]
        first = made.model if block.paper is None else f"ours: {made.model}"
        kind = row.of or ("stands in" if row.why else "ours")
        cells = (first, kind, row.model.data, *counted, *figures, *(_cost(row.model.costs) if costs else ()))
        return Line(cells=cells, marks=_marks([row.why] if row.why else [], notes), ours=True)
    listed = row.listed
    on, runs = listed.paper.measured_on, str(listed.paper.run_count)
    printed = (listed.row.figures[column.name] or _NOTHING for column in block.columns)
    empty = [_NOTHING] * (len(_COST) if costs else 0)
    says = [flag.says for flag in listed.flags]
    return Line(
        cells=(
            listed.row.name,
            f"printed, {listed.standing.value}",
            on,
            runs,
            _NOTHING,
            _NOTHING,
            *printed,
            *empty,
        ),
        marks=_marks(says, notes),
        ours=False,
    )


def _marks(says: Sequence[str], notes: list[str]) -> tuple[int, ...]:
    """Return the numbers of notes; what was not said yet is added to them."""
    notes += [each for each in says if each not in notes]
    return tuple(notes.index(each) + 1 for each in says)


def _runs(model: Model) -> str:
    made = model.evaluated
    folds = f" x {made.folds} folds" if made.folds > 1 else ""
    return f"{len(made.seeds)}{folds}"


def shown(figure: RepeatedFigure | None, *, percent: bool = False) -> str:
    """Return a figure in a cell: see :data:`READING`."""
    if figure is None or figure.mean is None:
        return _NOTHING
    digits = 1 if percent or figure.unit else 3
    said = {
        name: _NOTHING if value is None else f"{value:.{digits}f}"
        for name, value in spread(figure, percent=percent).items()
    }
    sd = "" if len(figure.runs) == 1 else f" ± {said['sd']}"
    unit = f" {figure.unit}" if figure.unit else ""
    return f"{said['mean']}{sd} [{said['low']}, {said['high']}]{unit}"


def _cost(costs: Sequence[Cost]) -> Iterator[str]:
    if not costs:
        yield from [_NOTHING] * len(_COST)
        return
    one = costs[0]
    yield f"{one.parameters / _MILLION:.2f} M"
    yield f"{one.macs / _BILLION:.2f} G"
    yield f"{one.weights_bytes / _MILLION:.1f} MB"
    yield "; ".join(f"{latency:.1f} ms" for latency in _latencies(costs).values())


def _latencies(costs: Sequence[Cost]) -> dict[str, float]:
    """Return the median latency over runs for each way of measuring it."""
    ways = dict.fromkeys(cost.measured_on for cost in costs)
    return {way: median(cost.latency_ms for cost in costs if cost.measured_on == way) for way in ways}


# ---------------------------------------------------------------- sentences


def _before(block: Block) -> Iterator[str]:
    if block.paper:
        yield f"Printed by: {block.paper.citation}"
        yield f"Data of the printed figures: {block.paper.data}. {block.paper.runs}"
        yield from block.paper.caveats
        ours = "; ".join(dict.fromkeys(row.model.data for row in block.own))
        yield (
            f"Ours are of: {ours}. Where the column of data differs, so do the images, and a row below "
            "another is no comparison of models."
        )
        percent = any(column.percent and column.figure for column in block.columns)
        yield f"Unit of the printed figures: {block.unit}." + (
            " Ours were multiplied by 100 to that end, but for distances." if percent else ""
        )
    for model in _models(block):
        yield f"{model.evaluated.model} tells apart: {model.evaluated.target}."
        yield from (f"{model.evaluated.model} on {model.data}: {note}." for note in model.evaluated.notes)


def _after(block: Block) -> Iterator[str]:
    if block.paper:
        for column in block.columns:
            if column.figure:
                said = f"{_words(column.name)}: {_source(column, block.own)}. {column.differs}"
                yield said.strip()
        alone = [_words(column.name) for column in block.columns if not column.figure]
        if alone:
            yield (
                f"Nothing of ours stands beside {', '.join(alone)}: the paper does not define it, "
                "or predictions do not tell it."
            )
    for model in _models(block):
        seeds = ", ".join(str(seed) for seed in model.evaluated.seeds)
        yield f"{model.evaluated.model} on {model.data}: seeds {seeds}."
        if model.costs:
            ways = "; ".join(_latencies(model.costs))
            yield f"Latency of {model.evaluated.model}: one image of {ways}."


def _words(name: str) -> str:
    return name.replace("_", " ")


def _models(block: Block) -> list[Model]:
    return [*{id(row.model): row.model for row in block.own}.values()]


def _source(column: Column, rows: Sequence[OwnRow]) -> str:
    """Say which of our figures stands in a column, by the names that it has in the rows that have it."""
    sources = (source_of(row.model, column) for row in rows)
    found = dict.fromkeys(f"{figure.name} (level: {level.of})" for level, figure in filter(None, sources))
    return "ours is " + (" or ".join(found) or "not there")
