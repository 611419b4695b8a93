"""A table of baselines as CSV: a line for each figure, printed or ours."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO

from thyrodata.baselines.tables.block import BaselineTable, Block, Model, PrintedRow, spread

__all__ = ["COLUMNS", "text"]

COLUMNS = (
    "who",
    "table",
    "row",
    "model",
    "data",
    "target",
    "of",
    "figure",
    "unit",
    "value",
    "sd",
    "low",
    "high",
    "runs",
    "images",
    "groups",
    "says",
)
"""``who`` is ``printed`` or ``ours``. ``value`` is as printed, or the mean over ``runs``; ``low`` and
``high`` are the lowest and the highest end of their intervals. ``says`` speaks against a printed row."""


def text(made: BaselineTable) -> str:
    """Return it: the printed rows of the blocks, then every figure of every model, each once."""
    stream = StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n", restval="")
    writer.writeheader()
    for block in made.blocks:
        writer.writerows(_printed(block))
    for model in made.models:
        writer.writerows(_ours(model))
    return stream.getvalue()


def _printed(block: Block) -> Iterator[dict[str, str]]:
    for line in block.rows:
        if isinstance(line, PrintedRow):
            listed = line.listed
            for name, value in listed.row.figures.items():
                yield {
                    "who": "printed",
                    "table": listed.row.table,
                    "row": listed.row.name,
                    "model": listed.recipe or "",
                    "data": listed.paper.measured_on,
                    "figure": name,
                    "unit": block.unit,
                    "value": value,
                    "runs": str(listed.paper.run_count),
                    "says": " ".join(flag.says for flag in listed.flags),
                }


def _ours(model: Model) -> Iterator[dict[str, str]]:
    made = model.evaluated
    for level in made.levels:
        for figure in level.figures:
            numbers = {name: "" if value is None else repr(value) for name, value in spread(figure).items()}
            yield {
                "who": "ours",
                "model": made.model,
                "data": model.data,
                "target": made.target,
                "of": level.of,
                "figure": figure.name,
                "unit": figure.unit or "fractions",
                "value": numbers["mean"],
                "sd": numbers["sd"],
                "low": numbers["low"],
                "high": numbers["high"],
                "runs": str(len(made.seeds)),
                "images": str(made.images),
                "groups": str(made.groups),
            }
