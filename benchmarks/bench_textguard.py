"""How much burned-in text the guard hides, by contrast, script, size and ground, and what tissue it costs.

Text is drawn in Pillow's own font and, where they are installed, in those of the Debian packages
fonts-dejavu-core and fonts-wqy-zenhei, or in the font files that are named on the command line. What a single
pass of rapidocr with its own thresholds finds stands beside it.

    python benchmarks/bench_textguard.py [--pictures N] [--seed N] [FONT ...]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from string import ascii_letters, digits
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFont
from rapidocr import RapidOCR

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.burnedin import SCRIPTS, Word, burn, covered, fan, jpeg, script_font, tissue
from thyrodata.capture.letters import letter_boxes
from thyrodata.capture.text import TextDetector, hide
from thyrodata.schema.record import PixelBox

HEIGHT, WIDTH = 420, 560
BANDS = ((20, 40), (40, 80), (80, 120), (120, 200))
COLOURS = (None, None, None, (1, 1, 0), (0, 1, 1), (0, 1, 0))
LETTERS = ("R", "L", "7", "A1", "42")
ANY_LETTER = (1, 1, 1, 1, 2)
"""Letters or digits in what is drawn at random."""

TIMES = 2
"""How often a text is tried in one picture."""


def grounds(seed: int) -> Iterator[tuple[str, np.ndarray]]:
    yield "black", np.zeros((HEIGHT, WIDTH), np.uint8)
    yield "tissue", tissue(seed, HEIGHT, WIDTH)


def fonts(script: str, size: int, given: list[str]) -> ImageFont.FreeTypeFont:
    chosen = [name for name in given if ("han:" in name) == (script == "Han")]
    if chosen:
        return ImageFont.truetype(chosen[size % len(chosen)].removeprefix("han:"), size)
    return script_font(script, size)


def rapidocr_alone() -> TextDetector:
    """Stands in for the guard: one pass, rapidocr's thresholds."""
    engine = RapidOCR(
        params={"Global.log_level": "critical", "Global.use_cls": False, "Global.use_rec": False}
    )

    class Alone(TextDetector):
        def find(
            self,
            picture: NDArray[Any],
            *,
            again: bool = False,  # noqa: ARG002 -- one look is all
        ) -> tuple[PixelBox, ...]:
            rgb = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
            found = engine(np.ascontiguousarray(rgb[..., ::-1]), use_det=True, use_cls=False, use_rec=False)
            corners = [] if found.boxes is None else found.boxes
            return tuple((*box.min(axis=0).astype(int), *box.max(axis=0).astype(int) + 1) for box in corners)

    return Alone()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("font", nargs="*", help="a font file; one of Han letters is preceded by han:")
    asked = parser.parse_args()
    guard, alone = TextDetector(), rapidocr_alone()
    recall: dict[tuple[str, ...], list[tuple[bool, bool]]] = defaultdict(list)
    lost: dict[str, list[float]] = defaultdict(list)
    extra: dict[str, list[float]] = defaultdict(list)
    hides, remained = 0, 0
    seconds: list[float] = []
    for number in range(asked.pictures):
        chance = np.random.default_rng((asked.seed, number))
        scan = fan(1000 * asked.seed + number, HEIGHT, WIDTH)
        lost["sector scan"].append(covered(guard.find(scan), scan.shape).mean())
        lost["sector scan, letters"].append(covered(letter_boxes(scan), scan.shape).mean())
        for ground, background in grounds(1000 * asked.seed + number):
            start = time.process_time()
            lost[ground].append(covered(guard.find(background), background.shape).mean())
            seconds.append(time.process_time() - start)
            some = ["".join(chance.choice([*ascii_letters, *digits], number)) for number in ANY_LETTER]
            for script, texts in {**SCRIPTS, "few letters": LETTERS, "any letter": some}.items():
                low, high = BANDS[chance.integers(len(BANDS))]
                size = int(np.exp(chance.uniform(np.log(11), np.log(36))))
                picture, words = burn(
                    background,
                    [*texts] * TIMES,
                    fonts(script, size, asked.font),
                    seed=int(chance.integers(2**31)),
                    contrast=float(chance.uniform(low, high)),
                    colour=COLOURS[chance.integers(len(COLOURS))],
                )
                quality = (None, 95, 75)[chance.integers(3)]
                picture = jpeg(picture, quality) if quality else picture
                hidden = hide(guard, [picture])
                hides, remained = hides + 1, remained + (not hidden.clean)
                mask = covered(hidden.boxes, picture.shape)
                other = covered(alone.find(picture), picture.shape)
                band = f"{low}-{high}"
                for word in words:
                    outcome = (covers(mask, word), covers(other, word))
                    recall["ground", ground, band].append(outcome)
                    recall["script", script, band].append(outcome)
                    recall["size", f"{size // 8 * 8}-{size // 8 * 8 + 8} px", band].append(outcome)
                if ground == "tissue":
                    extra["tissue"].append((mask & ~around(words, picture.shape)).mean())
    for key in sorted(recall):
        ours, theirs = np.mean(recall[key], axis=0)
        print(
            f"{' '.join(key):34} {len(recall[key]):5} words  hidden {ours:6.1%}  rapidocr alone {theirs:6.1%}"
        )
    for ground, shares in lost.items():
        print(f"clean {ground}: {np.mean(shares):.3%} taken for text, {np.max(shares):.2%} at most")
    print(f"blanked further than 30 pixels from text, over tissue: {np.mean(extra['tissue']):.3%}")
    print(f"text said to remain: {remained} of {hides}; {min(seconds):.2f} s a look at {WIDTH} x {HEIGHT}")


def covers(mask: np.ndarray, word: Word) -> bool:
    return bool(mask[word.ink].mean() >= 0.99)


def around(words: tuple[Word, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Boxes of words with 30 pixels around them."""
    boxes = []
    for word in words:
        rows, columns = np.nonzero(word.ink)
        boxes.append(
            (max(columns.min() - 30, 0), max(rows.min() - 30, 0), columns.max() + 31, rows.max() + 31)
        )
    return covered(boxes, shape)


if __name__ == "__main__":
    main()
