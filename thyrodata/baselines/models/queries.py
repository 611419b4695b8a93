"""Detectors of transformers, which find by queries, called as torchvision's are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from thyrodata.baselines.models.norms import keep_norms, live_norms
from thyrodata.baselines.models.precision import give_full
from thyrodata.baselines.models.weights import IMAGENET, normalised, refused
from thyrodata.baselines.recipes.architecture import DeformableDetr, DFine, RtDetrV2
from thyrodata.errors import UsageError
from thyrodata.io.extras import load_extra

__all__ = ["QueryDetector", "make"]

torch = load_extra("torch", "baselines")
_Module: Any = torch.nn.Module
_boxes = load_extra("torchvision.ops", "baselines")

KEPT = 100
"""Findings of an image, as COCO counts at most."""
_LEAST_LAYERS = 2
"""The library fails with one: it ties the layers' heads to each other."""
_PRIOR = 0.01
"""How likely each class is to every query at first, as the authors of the three have it after Lin et al.
(ICCV 2017). The library's own is 1 / (classes + 1), so that of one class every second query finds it."""
_SWIN_L = "swin-l"
_HEADS = ("class_embed", "score_head", "class_labels_classifier")
"""What the names of the tensors hold that depend on the number of classes."""
_GEOMETRY = (
    *("decoder_input_proj", "input_proj"),  # anchors and points of reference have the type of these features
    *("bbox_embed", "enc_bbox_head", "pre_bbox_head", "reference_points"),
    *("class_embed", "enc_score_head"),
)
"""What scores, boxes, changes of boxes, and places are made from."""


class QueryDetector(_Module):  # type: ignore[misc]  # torch need not be there, so it has no types
    """A detector of transformers whose classes are scored by sigmoids.

    Args:
        model: Of transformers, ``...ForObjectDetection``.
        normalise: Of images, before the model.
    """

    def __init__(self, model: Any, normalise: Any) -> None:
        super().__init__()
        self.model = model
        self.normalise = normalise
        give_full(model, _GEOMETRY)

    def forward(self, images: Any, targets: Sequence[Mapping[str, Any]] | None = None) -> Any:
        """Return losses or findings; see :func:`thyrodata.baselines.models.build`.

        Args:
            images: float32 (images, 3, height, width), or as many images of one size.
            targets: Of each image, while it trains.
        """
        batch = images if isinstance(images, torch.Tensor) else torch.stack([*images])
        height, width = batch.shape[-2:]
        scale = batch.new_tensor([width, height, width, height])
        if not self.training:
            said = self.model(pixel_values=self.normalise(batch))
            return _found(said.logits, said.pred_boxes, scale)
        if targets is None:
            raise TypeError("a detector that trains is given targets")
        labels = [
            {
                "class_labels": target["labels"] - 1,
                "boxes": _boxes.box_convert(target["boxes"] / scale, "xyxy", "cxcywh"),
            }
            for target in targets
        ]
        return {"loss": self.model(pixel_values=self.normalise(batch), labels=labels).loss}


def make(model: DeformableDetr | RtDetrV2 | DFine, classes: int, pretrained: Path | None) -> Any:
    """See :func:`thyrodata.baselines.models.build`."""
    transformers = load_extra("transformers", "baselines")
    if model.layers < _LEAST_LAYERS:
        raise UsageError(f"a decoder of {model.layers} layers is asked of a detector", hint="two or more")
    counts = {"num_labels": classes, "num_queries": model.queries, "decoder_layers": model.layers}
    # These were trained on values from 0 to 1, and Deformable DETR on normalised ones.
    normalise = torch.nn.Identity()
    match model:
        case DeformableDetr():
            kind = transformers.DeformableDetrForObjectDetection
            config = transformers.DeformableDetrConfig(
                backbone_config=_backbone(transformers, model.backbone), encoder_layers=model.layers, **counts
            )
            normalise = normalised(torch.nn.Identity(), *IMAGENET)
        case RtDetrV2():
            kind = transformers.RTDetrV2ForObjectDetection
            config = transformers.RTDetrV2Config(initializer_bias_prior_prob=_PRIOR, **counts)
        case DFine():
            kind = transformers.DFineForObjectDetection
            config = transformers.DFineConfig(initializer_bias_prior_prob=_PRIOR, **counts)
    made = kind(config) if pretrained is None else _loaded(kind, config, pretrained)
    live_norms(made)
    if pretrained is not None:
        keep_norms(made.model.backbone)
    elif isinstance(model, DeformableDetr):
        for layer in made.class_embed:  # the library leaves out what the authors' code does
            torch.nn.init.constant_(layer.bias, math.log(_PRIOR / (1 - _PRIOR)))
    return QueryDetector(made, normalise)


def _backbone(transformers: Any, name: str) -> Any:
    if name == _SWIN_L:
        return transformers.SwinConfig(
            image_size=384,
            embed_dim=192,
            depths=[2, 2, 18, 2],
            num_heads=[6, 12, 24, 48],
            window_size=12,
            out_features=["stage2", "stage3", "stage4"],
        )
    return transformers.TimmBackboneConfig(
        backbone=name, out_indices=[2, 3, 4], use_pretrained_backbone=False, features_only=True
    )


def _loaded(kind: Any, config: Any, folder: Path) -> Any:
    made, said = kind.from_pretrained(
        folder,
        config=config,
        ignore_mismatched_sizes=True,
        local_files_only=True,
        output_loading_info=True,
    )
    others = [entry[0] for entry in said["mismatched_keys"]]
    wrong = [name for name in (*said["missing_keys"], *others) if not any(head in name for head in _HEADS)]
    if wrong:
        raise refused(folder, f"{min(wrong)} is missing or of another shape")
    return made


def _found(logits: Any, centred: Any, scale: Any) -> list[dict[str, Any]]:
    """Return the surest pairs of a query and a class, as the papers of these detectors count them."""
    images, queries, classes = logits.shape
    kept = min(KEPT, queries * classes)
    scores, places = logits.sigmoid().flatten(1).topk(kept, dim=1)
    corners = _boxes.box_convert(centred, "cxcywh", "xyxy") * scale
    return [
        {
            "boxes": corners[n, places[n] // classes],
            "labels": places[n] % classes + 1,
            "scores": scores[n],
        }
        for n in range(images)
    ]
