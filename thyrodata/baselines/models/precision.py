"""What a detector computes in full precision, also where autocast computes the rest in bfloat16."""

from __future__ import annotations

from typing import Any

from thyrodata.io.extras import load_extra

__all__ = ["give_full"]

torch = load_extra("torch", "baselines")


def give_full(module: Any, names: tuple[str, ...]) -> None:
    """Let parts of a module give float32, so that what is made of their outputs is float32 too.

    bfloat16 has 8 bits of a number: at 600 px it knows every fourth pixel only, and many scores are equal.
    A network bears that; anchors, boxes and scores do not, which libraries compute in the type of features.

    Args:
        module: The module.
        names: The last words of the parts' names, such as ``head`` of ``rpn.head``; numbers are no words.
    """
    for name, part in module.named_modules():
        own = [word for word in name.split(".") if not word.isdigit()]
        if own and own[-1] in names:
            part.register_forward_hook(_full_outputs)


def _full_outputs(_: Any, __: Any, outputs: Any) -> Any:
    return _full(outputs)


def _full(outputs: Any) -> Any:
    match outputs:
        case torch.Tensor():
            return outputs.to(torch.float32) if outputs.is_floating_point() else outputs
        case dict():
            return type(outputs)((name, _full(each)) for name, each in outputs.items())
        case list() | tuple():
            return type(outputs)(_full(each) for each in outputs)
        case _:
            return outputs
