"""What is looked at before a training begins: the device, the split, and whether something is to learn."""

from __future__ import annotations

from typing import Any

from thyrodata.baselines.training import processes
from thyrodata.baselines.training.cache import Cache
from thyrodata.baselines.training.placing import IGNORED
from thyrodata.errors import UsageError
from thyrodata.exports.view import View
from thyrodata.io.extras import load_extra
from thyrodata.partition import split_items
from thyrodata.splits import Assignment, Leak, audit_split

__all__ = ["check_learnable", "chosen_device", "leaks_of"]

torch = load_extra("torch", "baselines")


def chosen_device(name: str | None) -> Any:
    """Return a device of torch.

    Args:
        name: Such as ``cpu``, ``cuda`` or ``cuda:1``; ``None`` for a GPU if there is one. Of several
            processes each takes a GPU of its own.

    Raises:
        UsageError: It is none, or there is none.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name is None:
        name = "cuda" if gpus else "cpu"
    if name == "cuda":
        name = f"cuda:{processes.local_rank()}"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"there is no device {name!r}", hint="give cpu, cuda or cuda:1") from None
    if device.type == "cuda" and (device.index or 0) >= gpus:
        raise UsageError(
            f"there is no GPU {name}: torch {torch.__version__} finds {gpus}",
            hint="give --device cpu, or install the torch that fits the GPU's driver",
        )
    return device


def leaks_of(view: View) -> tuple[Leak, ...]:
    """Return what of the split's groups, and of equal files, is in several parts."""
    items = split_items(view.dataset.survey().members, None)
    rows = [
        Assignment(image_id=item.image_id, group_id=item.group_id, part=view.part_of[item.image_id])
        for item in items
        if item.image_id in view.part_of
    ]
    return tuple(leak for leak in audit_split(items, rows) if leak.code == "crosses-parts")


def check_learnable(cache: Cache, part: str, *, varied: bool) -> None:
    """Refuse a part without anything to tell apart."""
    if cache.masks is not None and not ((cache.masks > 0) & (cache.masks < IGNORED)).any():
        raise UsageError(
            f"no image of the part {part!r} shows a pixel of {', '.join(cache.classes[1:])}",
            hint="a segmentation needs outlines or masks: a box is none",
        )
    if cache.boxes is not None and all(bool(each.crowd.all()) for each in cache.boxes):
        raise UsageError(
            f"no image of the part {part!r} has a box of {', '.join(cache.classes[1:])}",
            hint="a detection needs boxes, outlines or masks of single findings: a crowd is none",
        )
    if varied and cache.labels is not None and len(cache.labels.unique()) == 1:
        only = cache.classes[int(cache.labels[0])]
        raise UsageError(
            f"every image of the part {part!r} is {only}, which leaves nothing to tell apart",
            hint="choose another target or split",
        )
