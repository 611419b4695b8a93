"""What the rules of images cost: CPU milliseconds an image, on phantoms of 560 x 360 pixels.

Decoding, the echo region and the marks are done once for all rules, and measured apart. The searches of the
whole dataset (same pictures) have a benchmark of their own.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

IMAGES = 200
ROUNDS = 3
TARGET = 25.0
"""Images per CPU second, of the full set."""


def draw(folder: Path, n: int) -> Any:
    """Write a dataset of phantoms with their outlines, one in three with calipers, and open it."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests import toy  # noqa: PLC0415
    from thyrodata.phantoms import PhantomSpec, jpeg_bytes, phantom  # noqa: PLC0415
    from thyrodata.schema.geometry import Polygon, PolygonPart  # noqa: PLC0415
    from thyrodata.schema.record import ImageRecord, ImageRef, Reading  # noqa: PLC0415
    from thyrodata.schema.vocab import GroupKind, Modality  # noqa: PLC0415

    records, files = [], {}
    for seed in range(n):
        marks: Any = {"calipers": "x", "dotted_line": True} if seed % 3 == 0 else {}
        made = phantom(PhantomSpec(seed=seed, dual=seed % 4 == 0, **marks))
        data = jpeg_bytes(made.pixels, rgb=True)
        path = f"images/{seed}.jpg"
        files[path] = data
        image = ImageRef(width=560, height=360, path=path, sha256=sha256(data).hexdigest())
        records.append(
            ImageRecord(
                image_id=f"toy/{seed}",
                image=image,
                modality=Modality.ULTRASOUND,
                group_id=f"toy/{seed}",
                group_kind=GroupKind.CASE,
                readings=(Reading(),),
                findings=tuple(
                    toy.finding(str(i), Polygon(parts=(PolygonPart(exterior=nodule.outline),)))
                    for i, nodule in enumerate(made.nodules)
                ),
                source=str(seed),
            )
        )
    return toy.make_dataset(folder / "d", records, files)


def measure(dataset: Any) -> dict[str, float]:
    """Return the milliseconds an image of each step and rule."""
    from thyrodata.qc.look import look_at  # noqa: PLC0415
    from thyrodata.qc.rule import Reads  # noqa: PLC0415
    from thyrodata.qc.table import all_rules  # noqa: PLC0415

    rules = [rule for rule in all_rules() if rule.reads in {Reads.PIXELS, Reads.RECORD}]
    spent: Counter[str] = Counter()
    n = 0

    def timed(what: str, step: Callable[[], Any]) -> Any:
        start = time.process_time()
        result = step()
        spent[what] += time.process_time() - start
        return result

    for record in dataset.records():
        look = timed("decoding", lambda record=record: look_at(dataset, record))
        timed("grey", lambda look=look: look.grey)
        timed("echo region", lambda look=look: look.echo)
        timed("seam", lambda look=look: look.seam)
        timed("marks", lambda look=look: look.marks)
        for rule in rules:
            subject = look if rule.reads is Reads.PIXELS else record
            timed(rule.code, lambda rule=rule, subject=subject: [*rule.issues(subject)])
        n += 1
    return {what: seconds / n * 1000 for what, seconds in spent.items()}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        dataset = draw(Path(name), IMAGES)
        measure(dataset)  # imports, and the first touch of files
        rounds = [measure(dataset) for _ in range(ROUNDS)]
    best = {what: min(each[what] for each in rounds) for what in rounds[0]}
    for what, milliseconds in best.items():
        print(f"{what:12} {milliseconds:6.2f} ms an image")
    whole = sum(best.values())
    without = whole - best["marks"]
    print(
        f"all          {whole:6.2f} ms an image: {1000 / whole:.0f} images per CPU second (target {TARGET:g})"
    )
    print(f"but marks    {without:6.2f} ms an image: {1000 / without:.0f} images per CPU second")


if __name__ == "__main__":
    main()
