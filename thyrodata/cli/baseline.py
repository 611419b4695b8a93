"""The group of commands about reference baselines, and the list of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thyrodata.cli.evaluating import evaluate
from thyrodata.cli.explaining import explain
from thyrodata.cli.options import Json, Quiet, group
from thyrodata.cli.tabling import export, table
from thyrodata.cli.training import predict, train

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thyrodata.baselines.recipes.listing import ListedRow

__all__ = ["app", "list_baselines"]

app = group("Train and evaluate reference baselines beside the figures that papers printed.")


@app.command("list")
def list_baselines(*, json: Json = False, quiet: Quiet = False) -> None:
    """List every row of the papers' tables: run by a recipe, stood in for by another model, or absent.

    Figures as printed, what speaks against them, sources, reasons and whole recipes are in the JSON.
    """
    from thyrodata.baselines.published import PAPERS
    from thyrodata.baselines.recipes import RECIPES
    from thyrodata.baselines.recipes.listing import list_rows
    from thyrodata.baselines.recipes.plain import paper_json, recipe_json, row_json
    from thyrodata.cli.output import emit

    rows = list_rows()
    said = {
        "papers": [paper_json(paper) for paper in PAPERS],
        "rows": [row_json(row) for row in rows],
        "recipes": [recipe_json(recipe) for recipe in RECIPES.values()],
    }
    emit(said, lambda: _print(rows), json=json, quiet=quiet)


def _print(rows: Sequence[ListedRow]) -> None:
    from thyrodata.baselines.recipes.listing import own_recipes
    from thyrodata.cli.output import NOTHING, lines, table

    table(
        ("table", "row", "standing", "recipe", "flags"),
        [
            (
                each.row.table,
                each.row.name,
                each.standing.value,
                each.recipe or NOTHING,
                str(len(each.flags)) if each.flags else NOTHING,
            )
            for each in rows
        ],
    )
    lines(f"ours         {recipe.name}: {recipe.title}" for recipe in own_recipes())
    lines(["note: figures, flags, and why a row is absent: `thyrodata baseline list --json`"])


app.command("train")(train)
app.command("predict")(predict)
app.command("evaluate")(evaluate)
app.command("explain")(explain)
app.command("table")(table)
app.command("export")(export)
