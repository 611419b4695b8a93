"""Report: what a dataset is, holds and lacks, as one page to look at, and its plots for papers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thyrodata.dataset import Dataset
from thyrodata.engine import Progress
from thyrodata.errors import UsageError
from thyrodata.io.files import write_file, writing
from thyrodata.reports.datapage.distributions import Distribution
from thyrodata.reports.datapage.page import DataPage, data_page
from thyrodata.reports.datapage.plots import Forest, plot_png
from thyrodata.revision import opened

__all__ = ["DatasetReport", "chosen_split", "report_dataset"]

PAGE = "reports/index.html"
"""Where in a dataset its report lies."""

_DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetReport:
    """A report that was written."""

    path: Path
    page: DataPage
    plots: tuple[Path, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "path": str(self.path),
            "bytes": len(self.page.html),
            "image_ids": [*self.page.shown],
            "issues": self.page.issues,
            "same_pictures": self.page.same_pictures,
            "plots": [str(place) for place in self.plots],
        }


def report_dataset(
    dataset: Dataset | str | Path,
    out: str | Path | None = None,
    *,
    split: str | None = None,
    count: int = 24,
    plots: str | Path | None = None,
    progress: Progress | None = None,
) -> DatasetReport:
    """Write a report on a dataset: one HTML file that refers to nothing outside of itself.

    It says what the dataset is, what it holds and what was left out, how values are spread over the parts of
    a split, and shows images with their outlines. What quality control, the search for marks, the shortcut
    audit, ``select`` and the ``agree`` commands have left in the dataset is shown too.

    Args:
        dataset: The dataset, or its folder.
        out: The file to write; one that is there is replaced. By default ``reports/index.html`` of the
            dataset.
        split: The split by whose parts values are told apart; by default ``default``, if there is one.
        count: How many images are shown, at even steps through the dataset.
        plots: A folder for the plots as PNG of 300 dpi.
        progress: Called with the number of records done and of all.

    Raises:
        UsageError: There is no such split, or the count is negative.
        DatasetError: The dataset is damaged.
        OutputError: A file could not be written.
    """
    source = opened(dataset)
    made = data_page(source, split=chosen_split(source, split), count=_count(count), progress=progress)
    drawn = () if plots is None else _write_plots(made, Path(plots))
    if out is not None:
        write_file(Path(out), made.html)
        return DatasetReport(path=Path(out), page=made, plots=drawn)
    with source.adding() as folder:
        with writing(folder):
            (folder / PAGE).parent.mkdir()
        write_file(folder / PAGE, made.html)
    source.note("report")
    return DatasetReport(path=source.path / PAGE, page=made, plots=drawn)


def chosen_split(dataset: Dataset, name: str | None) -> str | None:
    """Return the split that is asked for; by default ``default``, if there is one.

    Raises:
        UsageError: There is no such split.
    """
    if name is None:
        return _DEFAULT if _DEFAULT in dataset.splits else None
    if name not in dataset.splits:
        raise UsageError(
            f"there is no split {name!r}", hint=f"there are: {', '.join(dataset.splits) or 'none'}"
        )
    return name


def _count(count: int) -> int:
    if count < 0:
        raise UsageError(f"{count} images cannot be shown", hint="give a --count of zero or more")
    return count


def _write_plots(page: DataPage, folder: Path) -> tuple[Path, ...]:
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    places = []
    stated: list[Distribution | Forest] = [each for each in page.distributions if each.stated]
    for each in (*stated, *page.forests):
        places.append(folder / f"{each.name}.png")
        write_file(places[-1], plot_png(each))
    return tuple(places)
