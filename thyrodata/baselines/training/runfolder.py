"""The folder that a training fills: settings, log and checkpoints, such that it can be killed at any time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from thyrodata.baselines.checkpoints import CheckpointKind, read_checkpoint, write_checkpoint
from thyrodata.baselines.runs import LOG, SETTINGS
from thyrodata.baselines.training.loop import Epoch
from thyrodata.errors import CaseError, OutputError, UsageError
from thyrodata.io.extras import load_extra
from thyrodata.io.files import read_text, write_file, writing

__all__ = ["BEST", "LAST", "SECONDS", "RunFolder", "check_free"]

torch = load_extra("torch", "baselines")

SECONDS = "seconds.jsonl"
"""A line for each epoch that was run: how long it took, and on what."""
LAST = "last.pt"
"""To go on from."""
BEST = "best.pt"
"""The weights of the best epoch, to predict with."""


class RunFolder:
    """A training's folder.

    Args:
        path: The folder.
        settings: What :data:`SETTINGS` says.
        resume: Whether to go on with what is there; where nothing is, the training begins.
        device: On which it runs, for the account of seconds.
        kept_on: Where the images lie, likewise.
        writes: Whether this process writes, or another one that trains with it, and opened the folder before.

    Attributes:
        settings_sha256: The digest of that file, which stands in the checkpoints.
        begun: What the last checkpoint holds, or nothing if there is none.

    Raises:
        OutputError: Something is there and is not to be resumed, or nothing can be written.
        UsageError: What is there has other settings.
        CaseError: What is there is damaged.
    """

    def __init__(
        self,
        path: Path,
        settings: Mapping[str, Any],
        *,
        resume: bool,
        device: Any,
        kept_on: Any,
        writes: bool,
    ) -> None:
        self.path = path
        self._device = str(device)
        self._kept_on = str(kept_on)
        self._writes = writes
        text = json.dumps(settings, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        self.settings_sha256 = sha256(text.encode()).hexdigest()
        if writes:
            check_free(path, resume=resume)
            if (path / SETTINGS).exists():
                self._check_same(text)
            with writing(path):
                path.mkdir(parents=True, exist_ok=True)
            write_file(path / SETTINGS, text.encode())
        self.begun = self._begun()
        if writes and (path / LOG).exists():
            done = 0 if self.begun is None else self.begun["epoch"]
            lines = read_text(path / LOG).splitlines(keepends=True)
            # A line is written before its checkpoint: those after it are of an epoch that is run again.
            write_file(path / LOG, "".join(lines[:done]).encode())

    def add(self, epoch: Epoch, *, weights: Mapping[str, Any], state: Mapping[str, Any]) -> None:
        """Write what an epoch came to, if this process writes. The last checkpoint makes it count.

        Args:
            epoch: What it came to.
            weights: What the checkpoint of the best epoch holds, if this is it.
            state: What the last checkpoint holds beside the number of the epoch.

        Raises:
            OutputError: It could not be written.
        """
        if not self._writes:
            return
        digest = {"epoch": epoch.epoch, "settings_sha256": self.settings_sha256}
        if epoch.best:
            write_checkpoint(
                self.path / BEST, CheckpointKind.WEIGHTS, {**digest, "figures": {**epoch.figures}, **weights}
            )
        said = {
            "epoch": epoch.epoch,
            "learning_rate": epoch.learning_rate,
            "training": epoch.losses,
            "validation": epoch.figures,
            "best": epoch.best,
        }
        took = {
            "epoch": epoch.epoch,
            "training_s": round(epoch.training_s, 3),
            "validation_s": round(epoch.validation_s, 3),
            "device": self._device,
            "images_on": self._kept_on,
            "torch": str(torch.__version__),
        }
        for name, line in ((LOG, said), (SECONDS, took)):
            with writing(self.path / name), (self.path / name).open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line, allow_nan=False) + "\n")
        write_checkpoint(self.path / LAST, CheckpointKind.TRAINING, {**digest, **state})

    def _begun(self) -> dict[str, Any] | None:
        if not (self.path / LAST).exists():
            return None
        begun = read_checkpoint(self.path / LAST, CheckpointKind.TRAINING)
        if begun["settings_sha256"] != self.settings_sha256:
            raise CaseError(
                f"the checkpoint is of a training with other settings than {SETTINGS} beside it",
                where=str(self.path / LAST),
                hint="give another folder",
            )
        return begun

    def _check_same(self, text: str) -> None:
        place = self.path / SETTINGS
        there = read_text(place)
        if there == text:
            return
        try:
            old = json.loads(there)
        except ValueError as error:
            raise CaseError(
                f"the settings cannot be read: {error}", where=str(place), hint="give another folder"
            ) from None
        names = ", ".join(sorted(_differing(old, json.loads(text)))) or "their order"
        raise UsageError(
            f"the training that is there has other settings: {names}",
            where=str(place),
            hint="resume with the settings that it began with, or give another folder",
        )


def check_free(path: Path, *, resume: bool) -> None:
    """Refuse a folder that holds something, unless that is to be resumed.

    Raises:
        OutputError: It does.
    """
    if not resume and path.exists() and any(path.iterdir()):
        raise OutputError(
            "the folder is not empty", where=str(path), hint="resume the training, or give another folder"
        )


def _differing(old: Any, new: Any, place: str = "") -> list[str]:
    """Return the dotted names of what differs."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [place or "all"]
    return [
        name
        for key in old.keys() | new.keys()
        for name in _differing(old.get(key), new.get(key), f"{place}.{key}".lstrip("."))
    ]
