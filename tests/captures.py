"""Synthetic exports of an ultrasound scanner: phantoms on screens, as DICOM files of made-up people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.dicoms import EXPLICIT, Region, write_dicom
from thyrodata.capture.key import new_key
from thyrodata.collection.run import Captured, run_capture
from thyrodata.phantoms import Phantom, PhantomSpec, phantom

__all__ = ["SCREEN", "InProcess", "capture", "clip", "echo_regions", "patient", "screen", "write_still"]

SCREEN = (240, 320)
"""Height and width of a screen."""


class InProcess(nullcontext[Any]):
    """A sandbox that works in this process, where guards can be switched off."""

    def __init__(self, *_: object) -> None:
        super().__init__(self)

    def results(self, work: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        return (work(*task) for task in tasks)


def screen(seed: int = 0, **spec: Any) -> Phantom:
    """A screen with a picture in the middle and made-up text in its margin."""
    return phantom(PhantomSpec(seed=seed, height=SCREEN[0], width=SCREEN[1], **spec))


def echo_regions(drawn: Phantom, *, dual: bool = False) -> tuple[Region, ...]:
    """The regions of a screen, as a header states them: the maxima are inside."""
    x0, y0, x1, y1 = drawn.echo_box
    if not dual:
        return (Region(box=(x0, y0, x1 - 1, y1 - 1)),)
    middle = (x0 + x1) // 2
    return (
        Region(box=(x0, y0, middle - 3, y1 - 1)),
        Region(box=(middle + 2, y0, x1 - 1, y1 - 1), delta=(0.02, 0.02)),
    )


def clip(seed: int, count: int) -> tuple[NDArray[np.uint8], tuple[Region, ...]]:
    """(count, height, width): tissue that moves under a screen that does not."""
    drawn = screen(seed)
    x0, y0, x1, y1 = drawn.echo_box
    frames = np.repeat(drawn.pixels[None], count, axis=0)
    for index in range(count):
        frames[index, y0:y1, x0:x1] = np.roll(drawn.pixels[y0:y1, x0:x1], 3 * index, axis=1)
    return frames, echo_regions(drawn)


def patient(number: int, *, study: int = 1, instance: int = 1, **others: Any) -> Mapping[str, Any]:
    """The elements of one file of a made-up patient; each study is a month after the one before."""
    return {
        "PatientID": f"ID{number:05d}",
        "PatientName": f"Madeup{number}^Person",
        "StudyInstanceUID": f"1.2.826.0.1.{number}.{study}",
        "SeriesInstanceUID": f"1.2.826.0.1.{number}.{study}.1",
        "SOPInstanceUID": f"1.2.826.0.1.{number}.{study}.1.{instance}",
        "StudyDate": f"2019{study:02d}15",
        "SeriesDate": f"2019{study:02d}15",
        "ContentDate": f"2019{study:02d}15",
        "InstanceNumber": instance,
        "Manufacturer": "Philips Medical Systems",
        "ManufacturerModelName": "EPIQ 5G",
        **others,
    }


def write_still(
    path: Path, seed: int, elements: Mapping[str, Any], *, syntax: str = EXPLICIT, **spec: Any
) -> Phantom:
    """Write a still of a phantom, and return what was drawn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = screen(seed, **spec)
    regions = echo_regions(drawn, dual=bool(spec.get("dual")))
    write_dicom(path, drawn.pixels, transfer_syntax=syntax, regions=regions, elements=elements, seed=seed)
    return drawn


def capture(raw: Path, out: Path, **options: Any) -> Captured:
    """Capture in one worker; without another key or a crosswalk, with a key beside the dataset."""
    key = out.parent / "site.key"
    if not options.keys() & {"key", "crosswalk"}:
        if not key.exists():
            new_key(key)
        options["key"] = key
    return run_capture(raw, out, **{"workers": 1, **options})
