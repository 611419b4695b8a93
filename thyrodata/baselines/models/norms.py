"""Batch normalisation of detectors: it learns, or stays as the weights that it came with have it.

Either way it has the same tensors, so that weights fit the model with and without what it began from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from thyrodata.io.extras import load_extra

__all__ = ["keep_norms", "live_norms"]

torch = load_extra("torch", "baselines")
_BatchNorm: Any = torch.nn.BatchNorm2d


class _KeptNorm(_BatchNorm):  # type: ignore[misc]  # torch need not be there, so it has no types
    """Batch normalisation whose statistics, scale and shift stay as they are, also while others learn."""

    def __init__(self, features: int) -> None:
        super().__init__(features)
        self.requires_grad_(requires_grad=False)
        self.eval()

    def train(self, mode: bool = True) -> Any:  # noqa: ARG002 -- the signature of torch
        return super().train(mode=False)


def keep_norms(module: Any) -> None:
    """Let batch normalisation stay as it is: batches of detectors are too small for statistics."""
    _replace(module, lambda part: type(part) is _BatchNorm, _KeptNorm)


def live_norms(module: Any) -> None:
    """Let batch normalisation learn that a library has frozen.

    From chance it would normalise nothing; and where its scale begins at 0, as at the end of the residual
    branches of timm, nothing would ever pass.
    """
    _replace(module, lambda part: type(part).__name__.endswith("FrozenBatchNorm2d"), _BatchNorm)


def _replace(module: Any, chosen: Callable[[Any], bool], kind: Callable[[int], Any]) -> None:
    for name, part in module.named_children():
        if chosen(part):
            made = kind(part.weight.numel())
            made.load_state_dict(part.state_dict(), strict=False)  # a frozen one counts no batches
            setattr(module, name, made)
        else:
            _replace(part, chosen, kind)
