"""Where a trained classifier looks in the images of a part. Importing this module imports torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.baselines.checkpoints import CheckpointKind, read_checkpoint
from thyrodata.baselines.explaining.attention import Attended, Outlined, aim_of
from thyrodata.baselines.explaining.gradcam import class_maps, last_feature_map
from thyrodata.baselines.predictions import ClassPredictions
from thyrodata.baselines.training.cache import Cache, Learnt
from thyrodata.baselines.training.checks import chosen_device
from thyrodata.baselines.training.classify import ClassificationPlan
from thyrodata.baselines.training.failures import naming_memory
from thyrodata.baselines.training.placing import restored
from thyrodata.baselines.training.reading import read_parts
from thyrodata.baselines.training.runfolder import BEST
from thyrodata.baselines.training.settings import Fit
from thyrodata.exports.view import View
from thyrodata.io.extras import load_extra
from thyrodata.io.masks import decode_mask

__all__ = ["Looked", "look"]

torch = load_extra("torch", "baselines")


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """Where a classifier looks."""

    layer: str
    """The name of the module whose output is the last feature map."""
    positions: tuple[int, int]
    """(height, width) of that map."""
    attended: tuple[Attended, ...]
    """Of each image with outlines."""
    heats: Mapping[str, NDArray[np.float32]]
    """Of the images that were asked for, in that order: (height, width) of the image, from 0 to 1."""


def look(
    view: View,
    said: ClassPredictions,
    plan: ClassificationPlan,
    run: Path,
    outlined: Mapping[str, Outlined],
    shown: Sequence[str],
    *,
    batch_size: int = 16,
    device: str | None = None,
) -> Looked | None:
    """Return where the evidence for the class that was predicted lies, by Grad-CAM.

    The map is resized bilinearly to the module's input, and what of it lies on the image from there to the
    image's own pixels; evidence in the black beside a letterboxed image is left out. It is computed in full
    precision.

    Args:
        view: That of the predictions.
        said: The predictions.
        plan: That of the training.
        run: The folder of the training.
        outlined: The images that are measured, by their ids.
        shown: Ids of those whose map is wanted.
        batch_size: The most images at once.
        device: As for the training.

    Returns:
        ``None`` where the classifier has no last feature map: see
        :func:`thyrodata.baselines.explaining.gradcam.last_feature_map`.

    Raises:
        DatasetError: The dataset is damaged.
        CaseError: An image or the weights cannot be read.
        TrainingError: The memory is too small.
    """
    where = chosen_device(device)
    trained = read_checkpoint(run / BEST, CheckpointKind.WEIGHTS, where)
    height, width = trained["size"]
    gpus = [] if where.index is None else [where.index]
    hint = f"make the batch smaller than {batch_size}"
    with naming_memory(str(where), hint), torch.random.fork_rng(gpus):
        module = plan.build(len(said.classes)).to(where).eval()
        module.load_state_dict(trained["weights"])
        layer = last_feature_map(module, (height, width))
        if layer is None:
            return None
        cache = read_parts(
            view,
            (said.origin.part,),
            learns=Learnt.CLASSES,
            target=plan.target,
            size=(height, width),
            fit=Fit(trained["fit"]),
        )[said.origin.part]
        return _looked(module, layer, cache, said, outlined, shown, batch_size)


def _looked(
    module: Any,
    layer: str,
    cache: Cache,
    said: ClassPredictions,
    outlined: Mapping[str, Outlined],
    shown: Sequence[str],
    batch_size: int,
) -> Looked:
    device = next(module.parameters()).device
    chosen = said.probabilities.argmax(1)
    attended: list[Attended] = []
    heats: dict[str, NDArray[np.float32]] = {}
    positions = (0, 0)
    n = 0
    for batch in cache.batches(batch_size):
        classes = torch.from_numpy(chosen[n : n + len(batch.images)]).to(device)
        coarse = class_maps(module, layer, batch.images.to(device), classes)
        positions = (coarse.shape[1], coarse.shape[2])
        size = batch.images.shape[2:]
        resized = torch.nn.functional.interpolate(
            coarse[:, None], size, mode="bilinear", align_corners=False
        ).cpu()
        for evidence in resized:
            image_id, label, taken = said.image_ids[n], int(said.labels[n]), int(chosen[n])
            own: NDArray[np.float32] = restored(evidence, cache.placements[n])[0].numpy()
            if image_id in shown:
                most = own.max()
                heats[image_id] = own / most if most > 0 else own
            if image_id in outlined:
                of = outlined[image_id]
                attended.append(
                    Attended(
                        image_id=image_id,
                        group_id=said.group_ids[n],
                        truth=said.classes[label],
                        predicted=said.classes[taken],
                        probability=float(said.probabilities[n, taken]),
                        coverage=of.coverage,
                        aim=aim_of(own, decode_mask(of.inside)),
                    )
                )
            n += 1
    return Looked(
        layer=layer,
        positions=positions,
        attended=tuple(attended),
        heats={name: heats[name] for name in shown},
    )
