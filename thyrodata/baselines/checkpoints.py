"""Checkpoints: files of tensors and plain values, written whole or not at all, read without running code."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from enum import Enum
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

from thyrodata.errors import CaseError, ThyrodataError
from thyrodata.io.extras import load_extra
from thyrodata.io.files import replacing

__all__ = ["CheckpointKind", "read_checkpoint", "weights_sha256", "write_checkpoint"]

torch = load_extra("torch", "baselines")

VERSION = 1
"""Counted up when what a checkpoint holds changes."""

_DAMAGE = (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError, zipfile.BadZipFile)


class CheckpointKind(Enum):
    """What a checkpoint is for."""

    TRAINING = "training"
    """To go on from."""
    WEIGHTS = "weights"
    """To predict with."""


def write_checkpoint(path: Path, kind: CheckpointKind, content: Mapping[str, Any]) -> None:
    """Write a checkpoint; one that is there is replaced when the new one is whole.

    Args:
        path: The file.
        kind: What it is for.
        content: Tensors and plain values.

    Raises:
        OutputError: It could not be written.
    """
    # Of a disk that is full torch's own writer makes a RuntimeError, so it writes to memory.
    written = BytesIO()
    torch.save({"format": "thyrodata checkpoint", "version": VERSION, "kind": kind.value, **content}, written)
    with replacing(path) as stream:
        stream.write(written.getbuffer())


def read_checkpoint(path: Path, kind: CheckpointKind, device: Any = "cpu") -> dict[str, Any]:
    """Read a checkpoint. What it holds is data: nothing in it is run.

    Args:
        path: The file.
        kind: What it has to be for.
        device: Where its tensors go.

    Raises:
        CaseError: It cannot be read, is damaged, or is none of this kind.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()  # torch does not look at the checksums
        content = None if damaged else torch.load(path, map_location=device, weights_only=True)
    except _DAMAGE as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise _refused(f"the checkpoint cannot be read: {reason}", path) from None
    if damaged:
        raise _refused(f"the checkpoint is damaged: the checksum of {damaged} is wrong", path)
    if not isinstance(content, dict) or content.get("format") != "thyrodata checkpoint":
        raise _refused("this is no checkpoint of thyrodata", path)
    if (content["version"], content["kind"]) != (VERSION, kind.value):
        raise _refused(
            f"this is a checkpoint of version {content['version']} for {content['kind']},"
            f" and one of version {VERSION} for {kind.value} is wanted",
            path,
        )
    return content


def weights_sha256(weights: Mapping[str, Any]) -> str:
    """Return a digest of the names, types, shapes and bits of tensors, in the order of their names."""
    digest = sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _refused(message: str, path: Path) -> ThyrodataError:
    return CaseError(message, where=str(path), hint="give last.pt to go on from, or best.pt to predict with")
