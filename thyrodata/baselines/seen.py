"""What a trained baseline was taught, so that it is not measured on that. No torch is needed."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from thyrodata.baselines.parts import held_out_of, hold_out, parts_sha256
from thyrodata.baselines.runs import SETTINGS, check_run
from thyrodata.dataset import Dataset
from thyrodata.errors import CaseError, UsageError
from thyrodata.exports.view import View, split_view, view
from thyrodata.io.files import read_text
from thyrodata.io.hashes import SUMS, read_sums

__all__ = ["ALL", "Taught", "read_taught", "unseen_view"]

ALL = "all"
"""What every image of another dataset is part of, if that is asked for."""

_DEFAULT, _NO_SPLIT = "default", "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """What a training was done on, as its settings say."""

    recipe: str
    dataset: str
    """Its name."""
    records_sha256: str
    split: str
    fold: str | None
    """That was held out, of a cross-validation."""
    parts_sha256: str
    """See :func:`thyrodata.baselines.parts.parts_sha256`."""
    parts: tuple[str, ...]
    """Those that were learnt from, or chose the epoch."""

    def knows(self, dataset: Dataset, reader: str | None) -> bool:
        """Return whether it is this dataset: of these records, or a later state with this same split.

        A name alone tells nothing: it is mostly that of the layout, which two collections may share.
        """
        if read_sums(dataset.path / SUMS)["records.parquet"] == self.records_sha256:
            return True
        if dataset.manifest.name != self.dataset or self.split not in dataset.splits:
            return False
        try:
            return parts_sha256(self._shown(dataset, reader)) == self.parts_sha256
        except UsageError:  # it has a split of this name, and no such folds
            return False

    def view_of(self, dataset: Dataset, reader: str | None) -> View:
        """Return the training's own dataset as it was shown.

        Raises:
            UsageError: Its split was made anew since.
            DatasetError: It is gone, or damaged.
        """
        shown = self._shown(dataset, reader)
        if parts_sha256(shown) != self.parts_sha256:
            raise UsageError(
                f"the split {self.split!r} is not the one of the training any more, so what was learnt is not"
                " known",
                where=str(dataset.split_file(self.split)),
                hint="train again, or give the dataset as it was",
            )
        return shown

    def _shown(self, dataset: Dataset, reader: str | None) -> View:
        shown = split_view(dataset, self.split, reader)
        return shown if self.fold is None else hold_out(shown, self.fold)


def read_taught(run: Path) -> Taught:
    """Read what a training was done on.

    Args:
        run: The folder of the training.

    Raises:
        CaseError: It is none.
        UsageError: It is the folder of several trainings.
    """
    check_run(run)
    place = run / SETTINGS
    try:
        said = json.loads(read_text(place))
        data = said["data"]
        split, fold = held_out_of(data["split"])
        return Taught(
            recipe=said["plan"]["model"],
            dataset=data["dataset"],
            records_sha256=data["records_sha256"],
            split=split,
            fold=fold,
            parts_sha256=data["split_sha256"],
            parts=tuple(part for part in (data["training"], data["validation"]) if part is not None),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise CaseError(
            f"these are no settings of a training: {error}",
            where=str(place),
            hint="give the folder that `thyrodata baseline train` made",
        ) from None


def unseen_view(dataset: Dataset, taught: Taught, part: str, split: str | None, reader: str | None) -> View:
    """Return a dataset as what was trained may be applied to a part of it.

    Args:
        dataset: The dataset: that of the training or another.
        taught: What the training was done on.
        part: The part that will be asked for. One that was learnt may be, of the split of the training:
            whoever names it means it.
        split: The split; by default that of the training on its own dataset, and on another ``default``, or
            for all images none.
        reader: As of :func:`thyrodata.exports.view.view`.

    Raises:
        UsageError: The part has images that were learnt, and is of another split, or all of them; or the
            reader is none.
        DatasetError: There is no such split, or its file is damaged.
    """
    own = taught.view_of(dataset, reader) if taught.knows(dataset, reader) else None
    if own is not None and part != ALL and split in {None, taught.split}:
        return own
    if part != ALL:
        shown = split_view(dataset, split or _DEFAULT, reader)
    else:
        images = (
            split_view(dataset, split, reader).part_of
            if split
            else (member.image_id for member in dataset.survey().members)
        )
        shown = replace(view(dataset, dict.fromkeys(images, ALL), reader), split=split or _NO_SPLIT)
    if own is not None:
        learnt = {image_id for image_id, name in own.part_of.items() if name in taught.parts}
        known = sum(name == part and image_id in learnt for image_id, name in shown.part_of.items())
        if known:
            raise UsageError(
                f"{known} images of the part {part!r} were learnt from, or chose the epoch",
                where=str(dataset.path),
                hint=f"predict the part 'test' of the training's own split, {own.split!r}",
            )
    return shown
