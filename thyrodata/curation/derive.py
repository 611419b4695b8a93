"""Derive: a dataset whose images are prepared for a model, with every geometry brought along."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thyrodata.dataset import Dataset
from thyrodata.derivation.account import Account
from thyrodata.derivation.plan import plan_derivation
from thyrodata.derivation.recipe import parse_recipe
from thyrodata.engine import Progress
from thyrodata.io.workspace import check_apart
from thyrodata.revision import Revision, opened, revise

__all__ = ["DerivedImages", "derive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedImages:
    """What was derived, and the dataset that was made of it."""

    account: Account
    revision: Revision

    def to_json(self) -> dict[str, Any]:
        """Return the account as plain values."""
        made = self.revision
        return {
            "out": str(made.out),
            "dry_run": made.dataset is None,
            "image_bytes": made.image_bytes,
            **self.account.to_json(),
        }


def derive(
    dataset: Dataset | str | Path,
    out: str | Path,
    *,
    crop: str | None = None,
    margin: str | None = None,
    keep_uncropped: bool = False,
    window: str | None = None,
    hu_offset: float | None = None,
    grey: bool = False,
    despeckle: str | None = None,
    resize: str | None = None,
    letterbox: str | None = None,
    bits: int | None = None,
    link: bool = False,
    workers: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> DerivedImages:
    """Make a dataset of images prepared for a model.

    The steps are done in this order, whatever the order of the arguments: crop, window, grey, despeckle,
    resize or letterbox, bits. Geometries, spacing and ledgers are brought along, so that annotations map
    back to the frames that the images were cut from. What that does to findings stands in
    ``reports/derive.json``.

    Args:
        dataset: The dataset, or its folder.
        out: The folder to make.
        crop: ``echo``: to the echo region that the pixels show; ``nodule+margin``: to the box around all
            nodules and lesions, which shows a model where they are.
        margin: Around nodules: ``20`` pixels, or ``15%`` of the longer side of the box around them.
        keep_uncropped: Keep images without a nodule whole, instead of refusing them.
        window: Of CT of more than 8 bits: ``LOW,HIGH`` in Hounsfield units, or ``per-row``.
        hu_offset: The Hounsfield units of the stored value 0.
        grey: Make one channel of three, by the luma of ITU-R BT.601.
        despeckle: A filter, one of :data:`thyrodata.derivation.despeckle.FILTERS`.
        resize: ``WIDTHxHEIGHT`` in pixels; the aspect may change.
        letterbox: ``WIDTHxHEIGHT`` in pixels; the aspect is kept, and bars are black.
        bits: 8 or 16 bits a sample, full range to full range.
        link: Make hard links to images that stay as they are, instead of copies.
        workers: Processes; 1 is this process.
        resume: Continue an unfinished build.
        overwrite: Replace a dataset that is at ``out``.
        dry_run: Write nothing.
        progress: Called with the number of images looked at, or done, and of all: first for planning, then
            for the images.

    Raises:
        UsageError: No step is asked for, one is malformed, or two contradict each other.
        MissingExtraError: The library of a filter is not installed.
        CaseError: An image cannot be decoded or changed, or its record contradicts itself.
        DatasetError: The dataset is damaged, or some images cannot be derived as asked.
        OutputError: ``out`` is in the way or cannot be written.
    """
    recipe = parse_recipe(
        crop=crop,
        margin=margin,
        keep_uncropped=keep_uncropped,
        window=window,
        hu_offset=hu_offset,
        grey=grey,
        despeckle=despeckle,
        resize=resize,
        letterbox=letterbox,
        bits=bits,
    )
    source = opened(dataset)
    check_apart(source.path, Path(out))  # before images are decoded
    change = plan_derivation(source, recipe, workers=workers, progress=progress)
    revision = revise(
        change,
        [source],
        out,
        link=link,
        workers=workers,
        resume=resume,
        overwrite=overwrite,
        dry_run=dry_run,
        progress=progress,
    )
    return DerivedImages(account=change.account, revision=revision)
