"""The search for marks on phantoms of 560 x 360 px, clean and marked: CPU milliseconds a picture.

Decoding and the echo region are not counted; the target leaves the other rules of `qc run` as much again.
"""

from __future__ import annotations

import statistics
import sys
import time

from thyrodata.echo import find_echo
from thyrodata.phantoms import PhantomSpec, phantom
from thyrodata.qc.marks import find_marks

PICTURES = 40
ROUNDS = 5
TARGET_MS = 15.0


def main() -> None:
    import numpy as np  # noqa: PLC0415

    pictures = []
    for seed in range(PICTURES):
        grey = phantom(PhantomSpec(seed=seed, calipers="x" if seed % 2 else None)).pixels
        rgb = np.repeat(grey[..., None], 3, axis=2)
        pictures.append((rgb, find_echo(rgb)))
    find_marks(*pictures[0])
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        right = sum(
            find_marks(rgb, echo).has_marks == bool(seed % 2) for seed, (rgb, echo) in enumerate(pictures)
        )
        rounds.append(1000 * (time.process_time() - start) / PICTURES)
    best = min(rounds)
    print(
        f"{best:.1f} ms a picture (best of {ROUNDS}, median {statistics.median(rounds):.1f}; "
        f"target {TARGET_MS:.0f}); {right} of {PICTURES} right"
    )
    if right < PICTURES:
        sys.exit("a marked picture was taken for a clean one, or a clean one for a marked one")


if __name__ == "__main__":
    main()
