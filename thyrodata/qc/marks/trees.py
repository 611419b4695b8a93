"""Boosted regression trees, read from the plain numbers that `tools/fit_marks.py` wrote."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

__all__ = ["Trees", "load_trees"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # arrays have no single truth value
class Trees:
    """A sum of small trees. A leaf leads to itself, so that all trees are walked for as many steps."""

    feature: NDArray[np.intp]
    """(trees, nodes), as the next ones: the column that a node looks at."""
    threshold: NDArray[np.float64]
    """Values up to it go left."""
    left: NDArray[np.intp]
    right: NDArray[np.intp]
    value: NDArray[np.float64]
    """What a leaf adds; zero at other nodes."""
    depth: int

    def log_odds(self, rows: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the log-odds of each row of features, (rows, features) as they were fitted."""
        trees = np.arange(len(self.feature))[:, None]
        node = np.zeros((len(trees), len(rows)), np.intp)
        columns = np.ascontiguousarray(rows.T)
        each = np.arange(len(rows))[None, :]
        for _ in range(self.depth):
            low = columns[self.feature[trees, node], each] <= self.threshold[trees, node]
            node = np.where(low, self.left[trees, node], self.right[trees, node])
        return np.asarray(self.value[trees, node].sum(axis=0))


@cache
def load_trees(name: str, features: tuple[str, ...]) -> Trees:
    """Return the trees of a shipped file, a CSV of one node per line.

    Args:
        name: Of the file.
        features: The names of the columns that the trees will be given.
    """
    with (resources.files(__package__) / f"{name}.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    shape = (1 + max(int(line["tree"]) for line in lines), 1 + max(int(line["node"]) for line in lines))
    nodes = {key: np.zeros(shape, np.intp) for key in ("feature", "left", "right")}
    numbers = {key: np.zeros(shape) for key in ("threshold", "value")}
    depth = 0
    for line in lines:
        place = (int(line["tree"]), int(line["node"]))
        nodes["feature"][place] = features.index(line["feature"]) if line["feature"] else 0
        nodes["left"][place] = int(line["left"] or place[1])
        nodes["right"][place] = int(line["right"] or place[1])
        numbers["threshold"][place] = float(line["threshold"] or 0)
        numbers["value"][place] = float(line["value"] or 0)
        depth = max(depth, int(line["depth"]))
    return Trees(**nodes, **numbers, depth=depth)  # type: ignore[arg-type]
