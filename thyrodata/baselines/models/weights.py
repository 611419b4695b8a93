"""Weights from files: no code of a file is run, and no layer is left to chance unless that is said."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from thyrodata.errors import DatasetError
from thyrodata.io.extras import load_extra

__all__ = ["IMAGENET", "load_weights", "normalised", "read_weights", "refused"]

torch = load_extra("torch", "baselines")

_DAMAGE = (AssertionError, EOFError, IndexError, KeyError, OSError, RuntimeError, UnpicklingError, ValueError)
"""What torch raises of a file that it cannot read, which depends on where it is damaged."""

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of each channel of ImageNet, from 0 to 1, as torchvision publishes them."""


def read_weights(path: Path) -> Mapping[str, Any]:
    """Return the tensors of a ``.safetensors`` file, or of one that ``torch.save`` wrote, by their names.

    Raises:
        DatasetError: It is damaged, or does not hold tensors alone.
    """
    if path.suffix == ".safetensors":
        safetensors = load_extra("safetensors", "baselines")
        try:
            read = load_extra("safetensors.torch", "baselines").load_file(path)
        except safetensors.SafetensorError as error:
            raise refused(path, str(error)) from None
    else:
        try:
            read = torch.load(path, map_location="cpu", weights_only=True)
        except _DAMAGE as error:
            raise refused(path, str(error)) from None
    if not isinstance(read, dict) or not all(isinstance(value, torch.Tensor) for value in read.values()):
        raise refused(path, "it holds other things than tensors by their names")
    if not read:  # timm would take that for a wish to download
        raise refused(path, "it is empty")
    return read


def load_weights(module: Any, path: Path, *, heads: tuple[str, ...] = ()) -> None:
    """Give a module the weights of a file. What the file has beyond the module is left.

    Args:
        module: A ``torch.nn.Module``.
        path: The file.
        heads: How the names begin of the tensors that depend on the classes: they keep what they have.

    Raises:
        DatasetError: The file is damaged, or a tensor of the module is not there or of another shape.
    """
    read, own = read_weights(path), module.state_dict()
    taken = {}
    for name, tensor in own.items():
        # Old files do not count batches, and nothing here asks for the count.
        if name.startswith(heads) or name.endswith("num_batches_tracked"):
            continue
        if name not in read:
            raise refused(path, f"{name} is missing")
        if read[name].shape != tensor.shape:
            raise refused(path, f"{name} is {tuple(read[name].shape)}, not {tuple(tensor.shape)}")
        taken[name] = read[name]
    module.load_state_dict(taken, strict=False)


def refused(path: Path, reason: str) -> DatasetError:
    """Return the error of weights that cannot be used."""
    return DatasetError(
        f"the weights cannot be used: {reason.partition(chr(10))[0]}",
        where=str(path),
        hint="give a file of the library's own for this model",
    )


def normalised(module: Any, mean: tuple[float, ...], std: tuple[float, ...]) -> Any:
    """Return a module that first normalises images of 0 to 1, by channel."""
    transforms = load_extra("torchvision.transforms.v2", "baselines")
    return torch.nn.Sequential(transforms.Normalize(list(mean), list(std)), module)
