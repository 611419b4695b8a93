"""The cases that are drawn: which, with which outlines, and what is said of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from thyrodata.baselines.explaining.attention import Aim, Outlined
from thyrodata.baselines.explaining.failing import Failure, Failures, class_lines, failures_of
from thyrodata.baselines.predictions import BoxPredictions, ClassPredictions, MaskPredictions, Predictions
from thyrodata.dataset import Dataset
from thyrodata.reports.failures import Case, CaseSheet
from thyrodata.reports.sheet import Tile

if TYPE_CHECKING:
    from thyrodata.baselines.explaining.looking import Looked

__all__ = ["attention_cases", "chosen_images", "failure_cases"]


def chosen_images(said: ClassPredictions, count: int) -> tuple[str, ...]:
    """Return the images of which maps are shown: the worst, and right ones from the surest to the least sure.

    Args:
        said: Predictions.
        count: Of them half are the worst; the right ones are at even steps, and take the place of wrong ones
            that there are not.
    """
    wrong = [failure.image_id for failure in failures_of(said, (count + 1) // 2).worst]
    right = np.flatnonzero(said.probabilities.argmax(1) == said.labels).tolist()
    sure = said.probabilities.max(1)
    order = sorted(right, key=lambda n: (-float(sure[n]), said.image_ids[n]))
    steps = np.linspace(0, max(0, len(order) - 1), min(len(order), count - len(wrong)))
    return (*wrong, *(said.image_ids[order[step]] for step in steps.round().astype(int)))


def failure_cases(
    dataset: Dataset, said: Predictions, failures: Failures, outlined: Mapping[str, Outlined]
) -> CaseSheet:
    """Return the worst images, drawn with what is true and what was predicted.

    Args:
        dataset: Where they are.
        said: The predictions.
        failures: Of them.
        outlined: Of a classification, where the nodules are: nothing else is drawn of it.
    """
    match said:
        case ClassPredictions():
            names = ("outlined in the dataset", "")
        case MaskPredictions():
            names = ("true", "predicted")
        case BoxPredictions():
            names = ("true box", "predicted box")
    tiles = _tiles(dataset, (failure.image_id for failure in failures.worst))
    return CaseSheet(
        heading="Failures",
        says=(
            f"Shown are {failures.rule}.",
            _counted(failures, said),
        ),
        truth=names[0],
        predicted=names[1],
        cases=tuple(_case(failure, tiles[failure.image_id], outlined) for failure in failures.worst),
    )


def _counted(failures: Failures, said: Predictions) -> str:
    return (
        f"{failures.wrong} of {failures.among} images of the part {said.origin.part} {failures.wrong_is}; "
        f"shown: {len(failures.worst)}. One training, of seed {said.origin.seed}."
    )


def _case(failure: Failure, tile: Tile, outlined: Mapping[str, Outlined]) -> Case:
    of = outlined.get(failure.image_id)
    return Case(
        tile=tile,
        truth=failure.truth if of is None else of.drawn,
        predicted=failure.predicted,
        lines=(failure.image_id, *failure.says, _group(tile)),
    )


def attention_cases(
    dataset: Dataset, said: ClassPredictions, looked: Looked, outlined: Mapping[str, Outlined]
) -> CaseSheet:
    """Return the images whose maps were kept, with the heat over them.

    Args:
        dataset: Where they are.
        said: The predictions.
        looked: Where the classifier looks.
        outlined: Where the nodules are.
    """
    tiles = _tiles(dataset, looked.heats)
    aims = {each.image_id: each.aim for each in looked.attended}
    place = {image_id: n for n, image_id in enumerate(said.image_ids)}
    wrong = sum(said.labels[place[each]] != said.probabilities[place[each]].argmax() for each in looked.heats)
    right = len(looked.heats) - wrong
    return CaseSheet(
        heading="Where it looks",
        says=(
            "Grad-CAM of the predicted class, right or wrong.",
            f"First the surest of the wrong images: {wrong}.",
            f"Then right ones at even steps from the surest to the least sure: {right}.",
        ),
        truth="outlined in the dataset",
        cases=tuple(
            Case(
                tile=tiles[image_id],
                truth=outlined[image_id].drawn if image_id in outlined else (),
                heat=heat,
                lines=(
                    image_id,
                    *class_lines(said, place[image_id]),
                    *_aim_line(aims.get(image_id)),
                    _group(tiles[image_id]),
                ),
            )
            for image_id, heat in looked.heats.items()
        ),
    )


def _aim_line(aim: Aim | None) -> Iterator[str]:
    if aim is None:
        yield "no nodule is outlined"
    elif aim.energy_inside is None:
        yield "the map is 0 everywhere"
    else:
        yield f"energy inside {aim.energy_inside:.2f}, area inside {aim.area_inside:.2f}"


def _group(tile: Tile) -> str:
    return f"{tile.record.group_kind.value} {tile.record.group_id.partition('/')[2]}"


def _tiles(dataset: Dataset, image_ids: Iterable[str]) -> dict[str, Tile]:
    wanted: Collection[str] = {*image_ids}
    return {
        record.image_id: Tile(record=record, data=dataset.image_bytes(record))
        for record in dataset.records(only=wanted)
    }
