"""Images prepared for a model, with every geometry, spacing and ledger brought along (layer 5)."""

from __future__ import annotations

from thyrodata.derivation.plan import Derive, plan_derivation
from thyrodata.derivation.recipe import Recipe, parse_recipe

__all__ = ["Derive", "Recipe", "parse_recipe", "plan_derivation"]
