"""Published filters against speckle, from libraries that keep them, each with fixed parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from thyrodata.errors import UsageError
from thyrodata.io.extras import load_extra

__all__ = ["FILTERS", "Filter", "check_filter", "despeckle"]

Plane: TypeAlias = NDArray[np.float64]
"""One channel, (height, width)."""

WINDOW = 5
ITERATIONS = 5
CONDUCTANCE = 3.0
TIME_STEP = 0.125
"""The largest that is stable in two dimensions: ITK's own limit is pixel spacing / 2^(dimensions + 1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One filter against speckle."""

    citation: str
    parameters: str
    apply: Callable[[Plane], Plane]


def _median(plane: Plane) -> Plane:
    from scipy import ndimage  # noqa: PLC0415 -- takes as long to import as all the rest

    filtered: Plane = ndimage.median_filter(plane, size=WINDOW, mode="reflect")
    return filtered


def _wiener(plane: Plane) -> Plane:
    """Filter a plane that is mirrored at its edges, since SciPy's filter takes what is outside for black."""
    from scipy import signal  # noqa: PLC0415 -- takes as long to import as all the rest

    edge = WINDOW // 2
    padded = np.pad(plane, edge, mode="symmetric")
    with np.errstate(divide="ignore", invalid="ignore"):  # of a window of one grey, which has no variance
        filtered = signal.wiener(padded, WINDOW)
    inside = filtered[edge:-edge, edge:-edge]
    kept: Plane = np.where(np.isfinite(inside), inside, plane)
    return kept


def _diffusion(name: str) -> Callable[[Plane], Plane]:
    """Return one of SimpleITK's diffusions, on one thread: what a worker does is its own."""

    def apply(plane: Plane) -> Plane:
        itk = load_extra("SimpleITK", "formats")
        diffusion = getattr(itk, name)()
        diffusion.SetNumberOfThreads(1)
        diffusion.SetTimeStep(TIME_STEP)
        diffusion.SetConductanceParameter(CONDUCTANCE)
        diffusion.SetNumberOfIterations(ITERATIONS)
        filtered: Plane = itk.GetArrayFromImage(diffusion.Execute(itk.GetImageFromArray(plane)))
        return filtered

    return apply


_DIFFUSION = f"{ITERATIONS} iterations, conductance {CONDUCTANCE:g}, time step {TIME_STEP:g}, SimpleITK"

FILTERS: Mapping[str, Filter] = {
    "curvature-diffusion": Filter(
        citation="Whitaker & Xue, Proc IEEE ICIP 2001;3:142-145",
        parameters=_DIFFUSION,
        apply=_diffusion("CurvatureAnisotropicDiffusionImageFilter"),
    ),
    "gradient-diffusion": Filter(
        citation="Perona & Malik, IEEE Trans Pattern Anal Mach Intell 1990;12:629-639",
        parameters=_DIFFUSION,
        apply=_diffusion("GradientAnisotropicDiffusionImageFilter"),
    ),
    "median": Filter(
        citation="Tukey, Exploratory Data Analysis, 1977; on ultrasound: Loizou et al., "
        "IEEE Trans Ultrason Ferroelectr Freq Control 2005;52:1653-1669",
        parameters=f"{WINDOW} x {WINDOW} pixels, SciPy",
        apply=_median,
    ),
    "wiener": Filter(
        citation="Lim, Two-Dimensional Signal and Image Processing, 1990, p. 548",
        parameters=f"{WINDOW} x {WINDOW} pixels, noise from the image, SciPy",
        apply=_wiener,
    ),
}
"""The filters by their names. Alphabetical."""


def check_filter(name: str) -> None:
    """Check that there is a filter of a name, and the library that has it.

    Raises:
        UsageError: There is none; the hint lists those that there are.
        MissingExtraError: Its library is not installed.
    """
    if name not in FILTERS:
        listed = "; ".join(f"{each}: {FILTERS[each].citation}" for each in FILTERS)
        raise UsageError(f"there is no filter {name!r} against speckle", hint=f"there are: {listed}")
    if "SimpleITK" in FILTERS[name].parameters:
        load_extra("SimpleITK", "formats")


def despeckle(pixels: NDArray[np.unsignedinteger[Any]], name: str) -> NDArray[np.unsignedinteger[Any]]:
    """Return an image filtered against speckle, each channel on its own, rounded to its own type.

    Args:
        pixels: uint8 or uint16, (height, width) or (height, width, 3).
        name: A key of :data:`FILTERS`.
    """
    planes = np.atleast_3d(pixels).astype(np.float64)
    filtered = np.stack(
        [FILTERS[name].apply(np.ascontiguousarray(planes[..., each])) for each in range(planes.shape[2])],
        axis=-1,
    )
    rounded = np.rint(filtered).clip(0, np.iinfo(pixels.dtype).max).astype(pixels.dtype)
    return rounded.reshape(pixels.shape)
