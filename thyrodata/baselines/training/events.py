"""Epochs written for TensorBoard, while a training goes on."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

from thyrodata.baselines.training.loop import Epoch
from thyrodata.io.extras import load_extra, require_extra
from thyrodata.io.files import writing

__all__ = ["Events"]


class Events:
    """Writes what each epoch came to; a context, which closes the file.

    Args:
        folder: Where event files are put, one for each time that the training was begun or resumed.

    Raises:
        MissingExtraError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        require_extra("tensorboard", "baselines")
        self._folder = folder
        self._writer: Any = None

    def __enter__(self) -> Self:
        """Return itself; nothing is written before an epoch is."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()

    def __call__(self, epoch: Epoch) -> None:
        """Write an epoch. Those after it that another file has are taken back: they are run again.

        Raises:
            OutputError: It could not be written.
        """
        with writing(self._folder):
            if self._writer is None:
                tensorboard = load_extra("torch.utils.tensorboard", "baselines")
                self._writer = tensorboard.SummaryWriter(str(self._folder), purge_step=epoch.epoch)
            scalars = {
                **{f"training/{name}": value for name, value in epoch.losses.items()},
                **{f"validation/{name}": value for name, value in epoch.figures.items()},
                "learning_rate": epoch.learning_rate,
                "seconds/training": epoch.training_s,
                "seconds/validation": epoch.validation_s,
            }
            for name, value in scalars.items():
                self._writer.add_scalar(name, value, epoch.epoch)
            self._writer.flush()
