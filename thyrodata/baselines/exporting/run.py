"""Exporting a trained baseline. Importing this module imports torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thyrodata import __version__
from thyrodata.baselines.checkpoints import CheckpointKind, read_checkpoint
from thyrodata.baselines.cost import Cost
from thyrodata.baselines.evaluation import Repeated, evaluate_repeated
from thyrodata.baselines.evaluation.pooling import prediction_files
from thyrodata.baselines.exporting.card import ModelAbout, model_card
from thyrodata.baselines.exporting.checking import Agreed
from thyrodata.baselines.exporting.facts import RunFacts, read_facts
from thyrodata.baselines.exporting.graph import INPUT, OUTPUTS, check_graph, require_onnx, write_graph
from thyrodata.baselines.exporting.terms import terms_of
from thyrodata.baselines.measuring import measure_module
from thyrodata.baselines.models import build
from thyrodata.baselines.predictions import read_predictions
from thyrodata.baselines.recipes import Task
from thyrodata.baselines.training.runfolder import BEST
from thyrodata.baselines.training.settings import Fit
from thyrodata.dataset import Dataset
from thyrodata.errors import CaseError, TrainingError, UsageError
from thyrodata.io.files import write_file
from thyrodata.io.hashes import hash_file
from thyrodata.io.workspace import opened_workspace

__all__ = ["Exported", "export_baseline"]

GRAPH, ABOUT, CARD = "model.onnx", "model.json", "README.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A model that was exported."""

    folder: Path
    recipe: str
    classes: tuple[str, ...]
    """What the graph's outputs stand for, in their order."""
    agreed: tuple[Agreed, ...]
    """How far the graph differs from the model in torch."""
    cost: Cost
    evaluated: bool
    """Whether the card has figures."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "folder": str(self.folder),
            "recipe": self.recipe,
            "classes": [*self.classes],
            "differences": {each.output: each.difference for each in self.agreed},
            "tolerances": {each.output: each.tolerance for each in self.agreed},
            "cost": self.cost.to_json(),
            "evaluated": self.evaluated,
        }


def export_baseline(
    run: str | Path,
    out: str | Path,
    *,
    data: Dataset | str | Path | None = None,
    predictions: Sequence[str | Path] = (),
) -> Exported:
    """Write a trained baseline as a folder that needs no torch: its graph, what it says of itself, a card.

    The graph is compared with the model in torch before the folder is there: see
    :func:`thyrodata.baselines.exporting.graph.check_graph`.

    Args:
        run: The folder of the training, of which the weights of the best epoch are taken.
        out: The folder to make.
        data: The dataset of the training, for the terms of its images in the card.
        predictions: Files of predictions, or folders of them, for figures in the card: of this model, and of
            other seeds of it if there are any.

    Raises:
        UsageError: It was trained without a recipe, the dataset is not that of the training, or the
            predictions are not of this model.
        MissingExtraError: A library is not installed.
        DatasetError: The dataset is damaged.
        CaseError: The folder is none of a training, or its weights are damaged; or predictions are.
        RawLayoutError: A file holds no predictions.
        TrainingError: torch cannot make a graph of the model, or the graph computes something else.
        OutputError: ``out`` is in the way or cannot be written.
    """
    require_onnx()
    source, target = Path(run), Path(out)
    weights = source / BEST
    facts = read_facts(source)
    trained = read_checkpoint(weights, CheckpointKind.WEIGHTS)
    digest = hash_file(weights)
    terms = None if data is None else terms_of(data, facts)
    evaluated = _evaluated(predictions, digest) if predictions else None
    module = _module(facts, trained, weights)
    size = (trained["size"][0], trained["size"][1])
    # A detector gives no background, whose name is the first.
    first = 1 if facts.recipe.task is Task.DETECTION else 0
    with opened_workspace(target, {"export": "model"}, ABOUT, resume=None, overwrite=False) as space:
        try:
            about = ModelAbout(
                facts=facts,
                classes=tuple(trained["classes"][first:]),
                size=size,
                fit=Fit(trained["fit"]),
                weights_sha256=digest,
                cost=measure_module(module, size, weights, "cpu"),
                evaluated=evaluated,
                terms=terms,
            )
            agreed = _write(space.dataset, module, about)
        except BaseException:
            space.abandon()
            raise
        space.publish()
    return Exported(
        folder=target,
        recipe=facts.recipe.name,
        classes=about.classes,
        agreed=agreed,
        cost=about.cost,
        evaluated=evaluated is not None,
    )


def _write(folder: Path, module: Any, about: ModelAbout) -> tuple[Agreed, ...]:
    """Write the files, and return how far the graph differs from the model."""
    task = about.facts.recipe.task
    said = {
        "recipe": about.facts.recipe.name,
        "task": task.value,
        "target": about.facts.target,
        "classes": [*about.classes],
        "size": [*about.size],
        "fit": about.fit.value,
        "input": INPUT,
        "outputs": [*OUTPUTS[task]],
        "weights_sha256": about.weights_sha256,
        "thyrodata": __version__,
    }
    graph = folder / GRAPH
    texts = {name: each if isinstance(each, str) else json.dumps(each) for name, each in said.items()}
    write_graph(module, task, about.size, graph, texts)
    agreed = check_graph(module, task, about.size, graph)
    for each in agreed:
        if not each.same:
            raise TrainingError(
                f"the graph does not compute what the model does: {each.output} differ by "
                f"{each.difference:.3g}, and {each.tolerance:g} is allowed",
                where=about.facts.recipe.name,
                hint="use the weights with torch: best.pt",
            )
    text = json.dumps(said | {"sha256": hash_file(graph)}, indent=2, ensure_ascii=False) + "\n"
    write_file(folder / ABOUT, text.encode())
    write_file(folder / CARD, model_card(about, agreed).encode())
    return agreed


def _module(facts: RunFacts, trained: dict[str, Any], weights: Path) -> Any:
    """Return the module of a training with its weights."""
    outputs = len(trained["classes"]) - (facts.recipe.task is Task.DETECTION)
    module = build(facts.recipe.model, outputs)
    try:
        module.load_state_dict(trained["weights"])
    except RuntimeError as error:
        raise CaseError(
            f"the weights are not those of {facts.recipe.name}: {' '.join(str(error).split())[:200]}",
            where=str(weights),
            hint="export with the version of thyrodata that trained it",
        ) from None
    return module.eval()


def _evaluated(predictions: Sequence[str | Path], digest: str) -> Repeated:
    files = prediction_files([*predictions])
    if all(read_predictions(place).origin.weights_sha256 != digest for place in files):
        raise UsageError(
            "none of the predictions is of this model's weights",
            where=str(files[0]),
            hint="predict with this run: `thyrodata baseline predict`",
        )
    return evaluate_repeated(files)
