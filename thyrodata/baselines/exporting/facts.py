"""What the folder of a training says of it, for those who are given the model without the folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thyrodata.baselines.recipes import Recipe, find_recipe
from thyrodata.baselines.runs import LOG, SETTINGS, check_run
from thyrodata.errors import CaseError
from thyrodata.io.files import read_text

__all__ = ["LearntPart", "RunFacts", "read_facts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LearntPart:
    """A part that the training looked at."""

    name: str
    images: int
    groups: int
    images_of: tuple[tuple[str, int], ...]
    """How many images show each class."""
    left_out: tuple[tuple[str, int], ...]
    """How many were left out for each reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """A training, as its settings and its log say."""

    recipe: Recipe
    target: str
    """What is told apart, in words."""
    groups: tuple[tuple[str, tuple[str, ...]], ...]
    """Each class that is told apart, and the labels or categories in it."""
    pretrained_sha256: str | None
    """Of the weights that the training began with; ``None`` where the settings name none."""
    seed: int
    dataset: str
    records_sha256: str
    split: str
    reader: str | None
    training: str
    """The part that was learnt."""
    validation: str | None
    """The part that chose the epoch."""
    parts: tuple[LearntPart, ...]
    leaks: int | None
    """Leaks of the split that were accepted; ``None`` where none were to be."""
    watch: str
    epochs: int
    best_epoch: int
    figures: tuple[tuple[str, float], ...]
    """Of the validation in that epoch."""

    @property
    def suspicion(self) -> bool:
        """Whether grades of suspicion are told apart, which are no pathology."""
        return any(term.startswith("tirads-") for _, terms in self.groups for term in terms)


def read_facts(run: Path) -> RunFacts:
    """Return what the folder of a training says.

    Raises:
        CaseError: It is none of a training, or what it says cannot be read.
        UsageError: It was trained without a recipe, or is the folder of several trainings.
    """
    check_run(run)
    try:
        said = json.loads(read_text(run / SETTINGS))
        log = [json.loads(line) for line in read_text(run / LOG).splitlines()]
        best = [epoch for epoch in log if epoch["best"]][-1]
        return _facts(said, best, len(log))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise CaseError(
            f"these are no settings and log of a training: {type(error).__name__}: {error}",
            where=str(run),
            hint="give the folder that `thyrodata baseline train` made",
        ) from None


def _facts(said: Mapping[str, Any], best: Mapping[str, Any], epochs: int) -> RunFacts:
    data, plan, settings = said["data"], said["plan"], said["settings"]
    return RunFacts(
        recipe=find_recipe(plan["model"]),
        target=plan["target"]["name"],
        groups=tuple((name, tuple(terms)) for name, terms in plan["target"]["groups"]),
        pretrained_sha256=plan.get("pretrained_sha256"),
        seed=settings["seed"],
        dataset=data["dataset"],
        records_sha256=data["records_sha256"],
        split=data["split"],
        reader=data["reader"],
        training=data["training"],
        validation=data["validation"],
        parts=tuple(
            LearntPart(
                name=name,
                images=part["images"],
                groups=part["groups"],
                images_of=tuple(part["images of"].items()),
                left_out=tuple(part["left out"].items()),
            )
            for name, part in data["parts"].items()
        ),
        leaks=data.get("leaks"),
        watch=settings["watch"],
        epochs=epochs,
        best_epoch=best["epoch"],
        figures=tuple((best["validation"] or {}).items()),
    )
