"""The images that predictions are of, and what is true of each."""

from __future__ import annotations

from thyrodata.baselines.predictions import BoxPredictions, ClassPredictions, MaskPredictions, Predictions

__all__ = ["groups_of", "true_classes"]


def groups_of(said: Predictions) -> dict[str, str]:
    """Return the group of each image id, in the order of the images."""
    match said:
        case ClassPredictions():
            return dict(zip(said.image_ids, said.group_ids, strict=True))
        case MaskPredictions():
            return {mask.image_id: mask.group_id for mask in said.masks}
        case BoxPredictions():
            ids = [image.image_id for image in said.images]
            return dict(zip(ids, said.group_ids, strict=True))


def true_classes(said: Predictions) -> dict[str, frozenset[str]]:
    """Return the classes that are true of each image: of masks and boxes those of which anything is shown."""
    match said:
        case ClassPredictions():
            names = (frozenset({said.classes[label]}) for label in said.labels)
            return dict(zip(said.image_ids, names, strict=True))
        case MaskPredictions():
            found: dict[str, frozenset[str]] = {}
            for mask in said.masks:
                shown = {mask.category} if len(mask.truth.runs()) > 1 else set()
                found[mask.image_id] = found.get(mask.image_id, frozenset()) | shown
            return found
        case BoxPredictions():
            return {
                image.image_id: frozenset(said.classes[label] for label in image.truth_labels)
                for image in said.images
            }
