"""The recipes of the baselines, each named after its paper, and what they make of the papers' tables.

Nothing here loads torch.
"""

from __future__ import annotations

from difflib import get_close_matches

from thyrodata.baselines.recipes import best, gambling, small, thyroidxl, thyronet
from thyrodata.baselines.recipes.architecture import Architecture
from thyrodata.baselines.recipes.recipe import Endpoint, Recipe, StandIn, Task
from thyrodata.errors import UsageError

__all__ = ["RECIPES", "Architecture", "Endpoint", "Recipe", "StandIn", "Task", "find_recipe"]

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe for paper in (best, small, gambling, thyroidxl, thyronet) for recipe in paper.RECIPES
}
"""Every recipe by its name."""


def find_recipe(name: str) -> Recipe:
    """Return a recipe.

    Args:
        name: A key of :data:`RECIPES`.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in RECIPES:
        near = get_close_matches(name, RECIPES)
        raise UsageError(
            f"there is no recipe {name!r}",
            hint=f"did you mean {', '.join(near)}?" if near else "`thyrodata baseline list` names them all",
        )
    return RECIPES[name]
