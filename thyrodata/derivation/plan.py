"""The plan of a derivation: every image is looked at first, then changed as it was planned."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from thyrodata.change import Row, all_rows, picture_of
from thyrodata.dataset import RECORDS_FILE, Dataset
from thyrodata.derivation.account import Account
from thyrodata.derivation.extents import nodule_box
from thyrodata.derivation.framing import framing
from thyrodata.derivation.look import Look, Problem, chosen_window, decoded, derived_record, look
from thyrodata.derivation.names import new_names, png_name
from thyrodata.derivation.pixels import derive_pixels
from thyrodata.derivation.recipe import EchoCrop, NoduleCrop, Recipe
from thyrodata.engine import POOL_FROM, Progress
from thyrodata.errors import CaseError, DatasetError
from thyrodata.io.parquet import ROW_GROUP, read_group
from thyrodata.io.windows import stored_window
from thyrodata.pool import mapped
from thyrodata.sample import Absent, Encode, Kept, Sample
from thyrodata.schema.manifest import Setting
from thyrodata.schema.record import ImageRecord, PixelBox

__all__ = ["Derive", "plan_derivation"]

DECODED = 250
"""Images that are looked at by their pixels in one go; it divides a row group."""

NAMED = 3
"""How many images an error names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Derive:
    """Derives images and records as planned."""

    name: ClassVar[str] = "derive"
    recipe: Recipe
    rows: tuple[Row, ...]
    echoes: Mapping[str, PixelBox]
    """The echo region of each image that is cut to it."""
    names: Mapping[str, str]
    """The new files whose name is not that of the old one with the suffix ``.png``: that one is taken."""
    account: Account

    def settings(self) -> tuple[Setting, ...]:
        """Return the steps."""
        return self.recipe.settings()

    def sample(self, record: ImageRecord, picture: Kept | Absent, parent: int) -> Sample:  # noqa: ARG002
        """Return the derived record and its pixels; an image that no step changes keeps its file.

        Raises:
            CaseError: The image cannot be decoded, or its colours would need 16 bits.
        """
        if isinstance(picture, Absent):
            raise CaseError(Problem.ANNOTATIONS_ONLY.value[0], where=record.image_id)
        box = self._box(record)
        new, _ = derived_record(record, self.recipe, box)
        planned = framing(record.image, box, self.recipe.fit)
        stated = chosen_window(record, self.recipe.window)
        window = stated and self.recipe.window and stored_window(self.recipe.window, stated)
        pixels = decoded(record, picture)
        try:
            changed = derive_pixels(pixels, self.recipe, planned, window or None)
        except CaseError as error:
            raise CaseError(error.message, where=record.image_id, hint=error.hint) from None
        if changed is pixels:
            return Sample(record=new, pixels=picture)
        path = self.names.get(record.image_id, png_name(picture.path))
        return Sample(record=new, pixels=Encode(array=changed, path=path))

    def files(self) -> Mapping[str, bytes]:
        """Return the account."""
        text = json.dumps(self.account.to_json(), indent=2, ensure_ascii=False)
        return {"reports/derive.json": f"{text}\n".encode()}

    def _box(self, record: ImageRecord) -> PixelBox | None:
        match self.recipe.crop:
            case EchoCrop():
                return self.echoes.get(record.image_id)
            case NoduleCrop(margin=margin):
                return nodule_box(record.findings, margin, record.image.width, record.image.height)
        return None


def plan_derivation(
    dataset: Dataset, recipe: Recipe, *, workers: int | None = None, progress: Progress | None = None
) -> Derive:
    """Look at every image and plan what becomes of it.

    Args:
        dataset: The parent.
        recipe: The steps.
        workers: Processes; 1 is this process. By default one, or one per core for large datasets.
        progress: Called with the number of images looked at and of all.

    Raises:
        DatasetError: The parent is damaged, or some of its images cannot be derived as asked; the error
            counts them.
        CaseError: An image cannot be decoded, or its record contradicts itself.
    """
    rows = tuple(all_rows([dataset]))
    account = Account(recipe)
    problems: dict[Problem, list[str]] = {}
    echoes: dict[str, PixelBox] = {}
    paths: list[tuple[str, str]] = []
    step = DECODED if recipe.needs_pixels else ROW_GROUP
    if workers is None:
        workers = (os.cpu_count() or 1) if len(rows) >= POOL_FROM and recipe.needs_pixels else 1
    work = partial(_look_at, recipe, dataset.path)
    tasks = ((start, min(start + step, len(rows))) for start in range(0, len(rows), step))
    with mapped(work, tasks, workers) as results:
        for looks in results:
            for each in looks:
                if each.problem:
                    problems.setdefault(each.problem, []).append(each.image_id)
                    continue
                account.add(each)
                paths.append((each.image_id, each.path))
                if each.echo:
                    echoes[each.image_id] = each.echo
            if progress:
                progress(len(paths) + sum(map(len, problems.values())), len(rows))
    _refuse(problems, dataset)
    return Derive(recipe=recipe, rows=rows, echoes=echoes, names=new_names(paths), account=account)


def _look_at(recipe: Recipe, parent: Path, start: int, stop: int) -> list[Look]:
    """Plan some images of one row group."""
    records = read_group(parent / RECORDS_FILE, start // ROW_GROUP)
    first = start - start % ROW_GROUP
    chosen = records[start - first : stop - first]
    return [look(record, picture_of(record, parent), recipe) for record in chosen]


def _refuse(problems: Mapping[Problem, list[str]], dataset: Dataset) -> None:
    if not problems:
        return
    said = []
    for problem, images in problems.items():
        named = ", ".join(images[:NAMED]) + (", ..." if len(images) > NAMED else "")
        said.append(f"{len(images)} image{'s' if len(images) > 1 else ''} {problem.value[0]} ({named})")
    raise DatasetError(
        f"derive cannot be done as asked with {'; '.join(said)}",
        where=str(dataset.path),
        hint="; ".join(problem.value[1] for problem in problems),
    )
