"""Making a table of baselines from files of predictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from thyrodata.baselines.cost import read_cost
from thyrodata.baselines.evaluation import RepeatedFigure, RepeatedLevel, evaluate_repeated
from thyrodata.baselines.evaluation.pooling import prediction_files
from thyrodata.baselines.parts import held_out_of
from thyrodata.baselines.predictions import read_predictions
from thyrodata.baselines.published import load_tables
from thyrodata.baselines.published.tables import Table
from thyrodata.baselines.recipes import RECIPES
from thyrodata.baselines.recipes.listing import ListedRow, list_rows
from thyrodata.baselines.tables.block import BaselineTable, Block, Column, Model, OwnRow, PrintedRow
from thyrodata.baselines.tables.columns import BESIDE, OWN, OwnKind

__all__ = ["source_of", "tabulate"]

_POSITIVE = "{positive}"


def tabulate(files: Iterable[str | Path], *, seed: int = 0, resamples: int = 1000) -> BaselineTable:
    """Return figures of models beside those that papers printed of them.

    Files of one model, with one target, trained on one dataset and of one part of one dataset, are its runs,
    and the held-out folds of a run are one.
    A model whose recipe stands for printed rows is set beneath each of them; the others stand in blocks of
    their own. Figures of different images stand in one column only beside a column that says so.

    Args:
        files: Files that :func:`thyrodata.baselines.running.predict_baseline` wrote, or folders of them.
        seed: Of the resamples.
        resamples: Of groups, for the intervals.

    Raises:
        UsageError: There is no such file or none at all, the runs of a model do not agree, or the seed or
            number is none.
        CaseError: A file cannot be read.
        RawLayoutError: It holds no predictions.
    """
    runs: dict[tuple[str, ...], list[Path]] = {}
    for place in prediction_files([*files]):
        said = read_predictions(place).origin
        split, _ = held_out_of(said.split)
        key = (said.model, said.target, said.trained_on, said.dataset, split, said.part)
        runs.setdefault(key, []).append(place)
    models = tuple(
        Model(
            evaluated=evaluate_repeated(runs[key], seed=seed, resamples=resamples),
            recipe=RECIPES.get(key[0]),
            costs=tuple(cost for place in runs[key] if (cost := read_cost(place)) is not None),
        )
        for key in sorted(runs)
    )
    printed = list_rows()
    beside = (_beside(table, printed, models) for table in load_tables())
    own = (_own(kind, models) for kind in OWN)
    blocks = tuple(block for block in (*beside, *own) if block.own)
    return BaselineTable(blocks=blocks, models=models, seed=seed, resamples=resamples)


def _beside(table: Table, printed: Sequence[ListedRow], models: Sequence[Model]) -> Block:
    """Return a paper's table with each model beneath the row that it stands for."""
    name, unit = table.source.name, table.source.unit
    known = {beside.column: beside for beside in BESIDE.get(name, ())}
    columns = tuple(
        Column(
            name=column,
            figure=known[column].figure,
            of=known[column].of,
            differs=known[column].differs,
            percent=unit.startswith("percent"),
        )
        if column in known
        else Column(name=column)
        for column in table.rows[0].figures
    )
    rows: list[PrintedRow | OwnRow] = []
    for listed in printed:
        if listed.row.table == name:
            rows.append(PrintedRow(listed=listed))
            rows += [own for model in models for own in _standing_for(listed, model, columns)]
    title = f"{table.paper.name}: {table.source.title}"
    return Block(title=title, paper=table.paper, unit=unit, columns=columns, rows=tuple(rows))


def _standing_for(listed: ListedRow, model: Model, columns: Sequence[Column]) -> Iterator[OwnRow]:
    if model.recipe is None:
        return
    key = listed.row.key
    reasons = {each.row: each.why for each in model.recipe.stand_ins}
    if key in model.recipe.rows or key in reasons:
        yield OwnRow(
            model=model,
            of="",
            stands_for=listed.row.name,
            why=reasons.get(key, ""),
            figures=tuple(found[1] if (found := source_of(model, column)) else None for column in columns),
        )


def source_of(model: Model, column: Column) -> tuple[RepeatedLevel, RepeatedFigure] | None:
    """Return what a model has for a column, and of what; nothing where it has no such figure."""
    of, name = _filled(column.of, model), _filled(column.figure, model)
    for level in model.evaluated.levels:
        if level.of == of or level.of.startswith(f"{of} ("):
            figure = _named(level, name)
            if figure is not None:
                return level, figure
    return None


def _filled(text: str, model: Model) -> str:
    return text.replace(_POSITIVE, model.recipe.endpoint.positive) if model.recipe else text


def _named(level: RepeatedLevel, name: str) -> RepeatedFigure | None:
    return next((figure for figure in level.figures if figure.name == name), None)


def _own(kind: OwnKind, models: Sequence[Model]) -> Block:
    """Return the figures of one kind of the models that stand for no printed row."""
    rows = [
        OwnRow(
            model=model,
            of=level.of,
            stands_for="",
            why="",
            figures=tuple(_named(level, name) for name in kind.figures),
        )
        for model in models
        if model.recipe is None or not (model.recipe.rows or model.recipe.stand_ins)
        for level in model.evaluated.levels
        if any(_named(level, name) for name in kind.figures)
    ]
    return Block(
        title=f"{kind.title}: models without a printed row",
        paper=None,
        unit="fractions",
        columns=tuple(Column(name=name, figure=name) for name in kind.figures),
        rows=tuple(rows),
    )
