"""Grad-CAM (Selvaraju et al., ICCV 2017): where in the last feature map the evidence for a class lies.

Importing this module imports torch.
"""

from __future__ import annotations

from typing import Any

from thyrodata.io.extras import load_extra

__all__ = ["class_maps", "last_feature_map"]

torch = load_extra("torch", "baselines")

_DIMENSIONS = 4


def last_feature_map(module: Any, size: tuple[int, int]) -> str | None:
    """Return the name of the module in a classifier that is the last to give a map of positions.

    It is found by running the classifier once, on black. A map is an output (images, channels, height, width)
    of more than one position, whose strides along both axes are equal. What comes after it may only pool: of
    a network that goes on with tokens, as transformers do, or with channels in the last dimension, an earlier
    map would say nothing of what the rest made of it.

    Args:
        module: A classifier, in evaluation.
        size: (height, width) of its input.

    Returns:
        ``None`` if there is no such map.
    """
    last: str | None = None

    def seen(name: str, output: Any) -> None:
        nonlocal last
        if _is_map(output, size):
            last = name
        elif isinstance(output, torch.Tensor) and any(extent > 1 for extent in output.shape[2:]):
            last = None

    hooks = [
        each.register_forward_hook(lambda _, __, output, name=name: seen(name, output))
        for name, each in module.named_modules()
    ]
    device = next(module.parameters()).device
    try:
        with torch.no_grad():
            module(torch.zeros((1, 3, *size), device=device))
    finally:
        for hook in hooks:
            hook.remove()
    return last


def class_maps(module: Any, layer: str, images: Any, classes: Any) -> Any:
    """Return the evidence for a class of each image: the positive part of the weighted sum of channels.

    A channel's weight is the mean over positions of the derivative of the class's logit, before any softmax.

    Args:
        module: A classifier, in evaluation, which gives logits (images, classes).
        layer: Of :func:`last_feature_map`.
        images: float32 (images, 3, height, width), from 0 to 1.
        classes: int64 (images,), the place of each image's class.

    Returns:
        float32 (images, height, width) of the feature map, 0 or more, without a gradient.
    """
    size = tuple(images.shape[2:])
    kept: list[Any] = []
    hook = module.get_submodule(layer).register_forward_hook(
        lambda _, __, output: kept.append(output) if _is_map(output, size) else None
    )
    try:
        with torch.enable_grad():
            # A module whose weights are frozen has a gradient all the same.
            logits = module(images.detach().requires_grad_())
    finally:
        hook.remove()
    features = kept[-1]  # a module may be used several times
    score = logits.gather(1, classes[:, None]).sum()  # in evaluation images do not depend on each other
    (slope,) = torch.autograd.grad(score, features)
    weights = slope.mean((2, 3), keepdim=True)
    return (weights * features).sum(1).relu().detach().to(torch.float32)


def _is_map(output: Any, size: tuple[int, int]) -> bool:
    """Tell whether a module's output is a map of positions in the image.

    The strides of both axes are then equal, up to the rounding of small maps; they are not where the third
    and fourth dimension are a width and channels, or heads and tokens.
    """
    if not isinstance(output, torch.Tensor) or output.ndim != _DIMENSIONS:
        return False
    height, width = output.shape[2:]
    if height * width == 1:
        return False
    down, along = size[0] / height, size[1] / width
    return bool(abs(down - along) <= min(down, along) / 2)
