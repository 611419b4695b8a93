"""Runs the networks of PP-OCR on pictures: where text is, as a map of probabilities, and what a line says.

The networks are files inside the wheel of rapidocr, and nothing is downloaded. They are loaded when first
needed, once for a process, and run on one thread: equal pictures give equal answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thyrodata.errors import CaseError, MissingExtraError
from thyrodata.io.extras import load_extra

__all__ = ["SURE", "read_line", "text_map"]

SURE = 0.5
"""Probability from which text is text without a doubt: what rapidocr asks of a line in the mean."""

TILE = 960
"""Longest side that the network sees at once: its memory grows with the area."""

OVERLAP = 96
"""Pixels that neighbouring tiles share, so that no line of text is only ever seen cut in its height."""

STRIDE = 32
"""The network takes sides that are multiples of it."""

FRAME = 16
"""Black pixels around the picture: the network misses single letters at its border."""

REFERENCE_LINES = 4
"""Lines of certain text below each tile."""

_HINT = "look at the file by hand; another version of the extra ocr may do better"


def text_map(view: NDArray[np.uint8], scale: float) -> NDArray[np.float32]:
    """Return the probability of text for each pixel of a picture once it was scaled, (height, width).

    Args:
        view: uint8 (height, width) or (height, width, 3) RGB.
        scale: By which it is enlarged first.

    Raises:
        CaseError: The network fails, or does not see the reference lines.
        MissingExtraError: The extra ``ocr`` is not installed.
    """
    from PIL import Image  # noqa: PLC0415 -- not needed where nothing is looked at

    height, width = (max(round(side * scale), 1) for side in view.shape[:2])
    shown = view
    if scale != 1:
        shown = np.asarray(Image.fromarray(view).resize((width, height), Image.Resampling.BILINEAR))
    rgb = _as_rgb(shown)
    left, right = FRAME, max(FRAME + (-width - 2 * FRAME) % STRIDE, 4 * STRIDE - FRAME - width)
    framed = np.pad(rgb, ((FRAME, FRAME + (-height - 2 * FRAME) % STRIDE), (left, right), (0, 0)))
    answer = np.zeros(framed.shape[:2], np.float32)
    for top, bottom in _spans(framed.shape[0]):
        for start, stop in _spans(framed.shape[1]):
            seen = answer[top:bottom, start:stop]
            np.maximum(seen, _look(framed[top:bottom, start:stop]), out=seen)
    return answer[FRAME : FRAME + height, FRAME : FRAME + width]


def read_line(line: NDArray[np.uint8]) -> tuple[str, float]:
    """Return the text of a line, which may be empty, and the mean probability of its characters.

    Args:
        line: uint8 (height, width) or (height, width, 3) RGB, from left to right.

    Raises:
        CaseError: The network fails.
        MissingExtraError: The extra ``ocr`` is not installed.
    """
    bgr = np.ascontiguousarray(_as_rgb(line)[..., ::-1])  # as rapidocr takes it
    engine = _reader()
    try:
        answer = engine(bgr, use_det=False, use_cls=False, use_rec=True)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 -- whatever fails in rapidocr, its text may quote what it read
        raise CaseError("the network that reads text has failed", hint=_HINT) from None
    return (answer.txts[0].strip(), float(answer.scores[0])) if answer.txts else ("", 0.0)


def _look(tile: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the network's answer to a tile."""
    rows = tile.shape[0]
    shown = np.concatenate([tile, _reference(tile.shape[1])])[..., ::-1]  # it was trained on BGR, of -1 to 1
    # In order, or the network copies it once more; and in place, since it is large.
    batch = np.ascontiguousarray(shown.transpose(2, 0, 1)[None], np.float32)
    batch /= 127.5
    batch -= 1
    network = _network()
    try:
        (answer,) = network.run(None, {network.get_inputs()[0].name: batch})
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 -- onnxruntime raises classes of its own, whose texts are not for people
        raise CaseError("the network that finds text has failed", hint=_HINT) from None
    seen: NDArray[np.float32] = answer[0, 0]
    if seen[rows:].max() < SURE:
        raise CaseError("the network that finds text does not see its own reference lines", hint=_HINT)
    return seen[:rows]


@cache
def _reference(width: int) -> NDArray[np.uint8]:
    """Return lines of words to stand below a tile, (REFERENCE_LINES * STRIDE, width, 3).

    The network weighs its answer over the whole of what it sees (squeeze and excitation): where there is no
    text, it finds some in speckle, and even in plain black. With enough of certain text in sight it does not,
    and it finds single letters elsewhere better.
    """
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 -- not needed where nothing is looked at

    lines = Image.new("RGB", (width, REFERENCE_LINES * STRIDE))
    font = ImageFont.load_default(STRIDE // 2)
    for y in range(STRIDE // 4, lines.height, STRIDE):
        for x in range(STRIDE // 4, width - STRIDE, 2 * STRIDE):
            ImageDraw.Draw(lines).text((x, y), "Az 19", fill="white", font=font)
    return np.asarray(lines)


def _spans(side: int) -> Iterator[tuple[int, int]]:
    """Yield spans of at most a tile that cover a side, each sharing some pixels with the next."""
    number = max(1, -(-(side - OVERLAP) // (TILE - OVERLAP)))
    step = -(-(side - OVERLAP) // number // STRIDE) * STRIDE
    for start in range(0, max(side - OVERLAP, 1), max(step, STRIDE)):
        yield start, min(start + step + OVERLAP, side)


@cache
def _network() -> Any:
    """Return the detector's session."""
    runtime = load_extra("onnxruntime", "ocr")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1  # workers run side by side, and sums keep their order
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # else the memory of each size of tile is laid out, and touched, twice
    options.log_severity_level = 4
    return runtime.InferenceSession(_model("det"), options, providers=["CPUExecutionProvider"])


@cache
def _reader() -> Any:
    """Return rapidocr's engine, without any network but the one that reads."""
    return load_extra("rapidocr", "ocr").RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.use_det": False,
            "Global.use_cls": False,
            "Global.text_score": 0.0,
            "Rec.model_path": _model("rec"),
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )


def _model(task: str) -> str:
    """Return the path of a network inside rapidocr's wheel; a path that is given is never downloaded."""
    folder = Path(load_extra("rapidocr", "ocr").__file__).parent / "models"
    found = sorted(folder.glob(f"*_{task}_*.onnx"))
    if not found:
        raise MissingExtraError(
            "the installed rapidocr carries no network to find text with",
            hint="install it again: pip install 'thyrodata[ocr]'",
        )
    return str(found[-1])


def _as_rgb(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)  # noqa: PLR2004
