"""A model of torch as a graph of ONNX. Importing this module imports torch."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from thyrodata.baselines.exporting.checking import Agreed, agreed_boxes, agreed_probabilities
from thyrodata.baselines.recipes import Task
from thyrodata.errors import TrainingError
from thyrodata.io.extras import load_extra, require_extra
from thyrodata.io.files import write_file

__all__ = ["INPUT", "OUTPUTS", "check_graph", "compared_images", "require_onnx", "write_graph"]

torch = load_extra("torch", "baselines")
_Module: Any = torch.nn.Module

INPUT = "image"
_FINDINGS = ("boxes", "labels", "scores")
OUTPUTS: Mapping[Task, tuple[str, ...]] = {
    Task.CLASSIFICATION: ("probabilities",),
    Task.SEGMENTATION: ("probabilities",),
    Task.DETECTION: _FINDINGS,
}
_LIBRARIES = ("onnx", "onnxscript", "onnxruntime")
_TRACED = ("FasterRCNN", "FCOS")
"""torchvision's detectors: how many boxes they keep depends on the image, which torch.export refuses."""
_UNCHECKED = "TRANSFORMERS_DISABLE_TORCH_CHECK"
"""The library's own switch for checks of shapes, which have no counterpart in ONNX."""


def require_onnx() -> None:
    """Refuse, before long work, what would fail for want of a library.

    Raises:
        MissingExtraError: One is not installed.
    """
    for library in _LIBRARIES:
        require_extra(library, "baselines")


class _Probabilities(_Module):  # type: ignore[misc]  # torch need not be there, so it has no types
    """A classifier or segmenter that gives probabilities."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.module = module

    def forward(self, image: Any) -> Any:
        return self.module(image).softmax(1)


class _Findings(_Module):  # type: ignore[misc]
    """A detector that gives the findings of one image, their labels from 0 on."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.module = module

    def forward(self, image: Any) -> Any:
        (found,) = self.module(image)
        return found["boxes"], found["labels"] - 1, found["scores"]


def write_graph(
    module: Any, task: Task, size: tuple[int, int], path: Path, metadata: Mapping[str, str]
) -> None:
    """Write a model as a graph.

    Its input ``image`` is float32 (images, 3, height, width) from 0 to 1; of a detector there is one image.
    It gives ``probabilities``, as (images, classes) or (images, classes, height, width); or ``boxes``
    (findings, 4), left, top, right and bottom in pixels of the input, ``labels`` from 0 and ``scores``.

    Args:
        module: Of :func:`thyrodata.baselines.models.build`, in the memory of the CPU.
        task: What it does.
        size: (height, width) of the input, which the graph is fixed to.
        path: The file.
        metadata: What the file says of itself.

    Raises:
        MissingExtraError: A library is not installed.
        TrainingError: torch cannot make a graph of it.
        OutputError: The file cannot be written.
    """
    require_onnx()
    onnx = load_extra("onnx", "baselines")
    wrapped = _wrapped(module, task)
    traced = any(base.__name__ in _TRACED for part in module.modules() for base in type(part).__mro__)
    example = compared_images(size)[0]
    names = {"input_names": [INPUT], "output_names": [*OUTPUTS[task]]}
    many = (
        {} if task is Task.DETECTION else {"dynamic_shapes": {INPUT: {0: torch.export.Dim("images", min=1)}}}
    )
    with _quietly(), torch.no_grad():
        try:
            if traced:
                written = path.with_name(path.name + ".traced")
                torch.onnx.export(wrapped, (example,), str(written), dynamo=False, **names)
                made = onnx.load(written)
                written.unlink()
            else:
                # Two images: a batch of one would be taken for the only size.
                batch = example if task is Task.DETECTION else example.repeat(2, 1, 1, 1)
                made = torch.onnx.export(wrapped, (batch,), dynamo=True, **names, **many).model_proto
        except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
            raise TrainingError(
                f"torch cannot make a graph of the model: {str(error).strip().splitlines()[0]}",
                hint="use the weights with torch: best.pt",
            ) from None
    _strip(made)
    onnx.helper.set_model_props(made, dict(metadata))
    write_file(path, made.SerializeToString(deterministic=True))


def check_graph(module: Any, task: Task, size: tuple[int, int], path: Path) -> tuple[Agreed, ...]:
    """Return how far a graph, as onnxruntime computes it, differs from its model at most.

    Compared are images of noise, of a ramp and of a bright ellipse on a ramp, and but for detectors all of
    them as a batch. None is even: where all places look alike, rounding decides which findings are kept.

    Args:
        module: As of :func:`write_graph`.
        task: Likewise.
        size: Likewise.
        path: Likewise.
    """
    runtime = load_extra("onnxruntime", "baselines")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    wrapped = _wrapped(module, task)
    images = compared_images(size)
    batches = images if task is Task.DETECTION else [*images, torch.cat(images)]
    pairs = []
    with torch.no_grad():
        for batch in batches:
            found = wrapped(batch)
            own = [each.numpy() for each in (found if isinstance(found, tuple) else (found,))]
            pairs.append((own, session.run([*OUTPUTS[task]], {INPUT: batch.numpy()})))
    if task is Task.DETECTION:
        return agreed_boxes(pairs)
    return agreed_probabilities([(own[0], other[0]) for own, other in pairs])


def _wrapped(module: Any, task: Task) -> Any:
    return (_Findings if task is Task.DETECTION else _Probabilities)(module).eval()


def compared_images(size: tuple[int, int]) -> list[Any]:
    """Return the images on which a graph is compared, each float32 (1, 3, height, width).

    Args:
        size: (height, width).
    """
    height, width = size
    noise = torch.rand((1, 3, *size), generator=torch.Generator().manual_seed(0))
    rows, columns = (torch.linspace(-1, 1, side) for side in size)
    ramp = (rows[:, None] + columns) / 4 + 0.5
    inside = (rows[:, None] / 0.4) ** 2 + (columns / 0.6) ** 2 < 1
    drawn = (ramp, 0.2 * ramp + 0.7 * inside)
    return [noise, *(image.expand(1, 3, height, width).clone() for image in drawn)]


def _strip(made: Any) -> None:
    """Remove the lines of code that each operation comes from: they name places on this machine."""
    for graph in (made.graph, *made.functions):
        for node in _nodes(graph):
            del node.metadata_props[:]
            node.doc_string = ""
        for value in (*getattr(graph, "input", ()), *getattr(graph, "output", ()), *graph.value_info):
            if hasattr(value, "metadata_props"):
                del value.metadata_props[:]
        graph.doc_string = ""
        del graph.metadata_props[:]


def _nodes(graph: Any) -> Iterator[Any]:
    """Yield the operations of a graph, and of those that its branches and loops hold."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep the exporter's remarks to itself, and the libraries' checks of shapes out of the graph."""
    before = os.environ.get(_UNCHECKED)
    os.environ[_UNCHECKED] = "1"
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        if before is None:
            del os.environ[_UNCHECKED]
        else:
            os.environ[_UNCHECKED] = before
