"""Papers, rows and recipes as plain JSON values. A recipe's defaults are written too."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, get_args

from thyrodata.baselines.published import TABLES, Paper
from thyrodata.baselines.recipes.architecture import Architecture
from thyrodata.baselines.recipes.listing import ListedRow
from thyrodata.baselines.recipes.recipe import Recipe

__all__ = ["paper_json", "recipe_json", "row_json"]


def paper_json(paper: Paper) -> dict[str, Any]:
    """Return a paper, with what a reader of its figures must know, and its tables."""
    return _members(paper)


def recipe_json(recipe: Recipe) -> dict[str, Any]:
    """Return all of a recipe; the model says in ``kind`` which class of architecture it is."""
    return _members(recipe)


def row_json(listed: ListedRow) -> dict[str, Any]:
    """Return a printed row: its figures as printed, what speaks against it, and what becomes of it."""
    row = listed.row
    return {
        "row": row.key,
        "paper": listed.paper.name,
        "unit": TABLES[row.table][1].unit,
        "figures": dict(row.figures),
        "flags": [flag.says for flag in listed.flags],
        "standing": listed.standing.value,
        "recipe": listed.recipe,
        "why": listed.why,
    }


def _members(value: Any) -> dict[str, Any]:
    return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        kind = {"kind": type(value).__name__} if isinstance(value, get_args(Architecture)) else {}
        return kind | _members(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
