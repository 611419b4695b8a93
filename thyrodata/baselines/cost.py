"""What a model costs, kept beside its predictions: a latency is no reproducible byte.

``p.parquet`` has its cost in ``p.cost.json``. No torch is needed to read it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thyrodata.errors import CaseError, SchemaError
from thyrodata.io.files import read_text, write_file
from thyrodata.schema.plain import from_plain, to_plain

__all__ = ["Cost", "cost_file", "read_cost", "write_cost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one image costs. See :func:`thyrodata.baselines.measuring.measure_cost` for how it is measured.

    Raises:
        SchemaError: A number is negative, or nothing was measured.
    """

    parameters: int
    """Numbers in all parameters of the module, frozen ones too; buffers, as running means, are none."""
    macs: int
    """Multiply-accumulate operations of matrix products, convolutions and attention."""
    weights_bytes: int
    """Of the file of weights: tensors in their own precision and a little beside them, nothing to resume."""
    latency_ms: float
    """The median over ``repeats``, of one image."""
    height: int
    """Of what the module is given, in pixels."""
    width: int
    device: str
    """The name of the processor."""
    threads: int
    """That torch computes with on a CPU."""
    repeats: int

    def __post_init__(self) -> None:
        counts = (self.parameters, self.macs, self.weights_bytes, self.latency_ms)
        if min(counts) < 0 or min(self.height, self.width, self.threads, self.repeats) < 1:
            raise SchemaError("a cost is below 0, or was measured on nothing", hint="measure it again")

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    @property
    def measured_on(self) -> str:
        """What the latency is of, in words."""
        threads = f"{self.threads} thread{'' if self.threads == 1 else 's'}"
        return f"{self.height} x {self.width} px on {self.device}, {threads}, median of {self.repeats}"


def cost_file(predictions: Path) -> Path:
    """Return where the cost of the model that made a file of predictions stands."""
    return predictions.with_suffix(".cost.json")


def write_cost(predictions: Path, cost: Cost) -> None:
    """Write a cost beside a file of predictions; one that is there is replaced.

    Raises:
        OutputError: It could not be written.
    """
    text = json.dumps(cost.to_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_file(cost_file(predictions), text.encode())


def read_cost(predictions: Path) -> Cost | None:
    """Return the cost beside a file of predictions, or nothing where none was measured.

    Raises:
        CaseError: It cannot be read.
    """
    place = cost_file(predictions)
    if not place.exists():
        return None
    try:
        return from_plain(Cost, json.loads(read_text(place)))
    except (ValueError, RecursionError, SchemaError) as error:
        raise CaseError(
            f"the cost cannot be read: {error}",
            where=str(place),
            hint="predict again, or remove the file: figures need none",
        ) from None
