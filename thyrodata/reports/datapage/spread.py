"""The sections of a report that say how values are spread over the parts of a split, and how it was made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from thyrodata.dataset import Dataset
from thyrodata.reports.agreementtables import safe
from thyrodata.reports.datapage.accounts import worded
from thyrodata.reports.datapage.distributions import NOT_STATED, Distribution, Series
from thyrodata.reports.datapage.gathering import parts_of
from thyrodata.reports.datapage.html import Html, beside, image, sentence, table
from thyrodata.reports.datapage.plots import plot_svg

__all__ = ["distributions", "share", "splits", "tabled"]


def splits(dataset: Dataset, shown: str | None) -> Iterator[str]:
    """Yield how splits were made and how large their parts are.

    Args:
        dataset: It is only read.
        shown: The split whose parts are told apart below.

    Raises:
        DatasetError: A split is damaged.
    """
    rows = [_split(dataset.split_report(name), parts_of(dataset, name)) for name in dataset.splits]
    if rows:
        yield table("Splits", ("split", "made", "no part shares a", "images in each part"), rows)
    else:
        yield sentence("There is no split.")
    if shown is not None:
        yield sentence(f"Below, the parts of the split {shown} are told apart.")


def _split(report: Mapping[str, Any], members: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    made = f"seed {report['seed']}" if "seed" in report else worded(report.get("made"))
    sizes = ", ".join(f"{part} {len(ids):,}" for part, ids in members.items())
    return worded(report.get("name")), made, worded(report.get("grouped_by")), sizes


def distributions(spread: Iterable[Distribution]) -> Iterator[str]:
    """Yield a table and a plot of each distribution; one that is stated of nothing is said to be so."""
    yield sentence(
        "Shares are of all, stated or not. What is said of a case counts once per group, at its first image."
    )
    for each in spread:
        yield f"<h3>{safe(each.title)}</h3>"
        if each.stated:
            yield tabled(each)
        else:
            of = f"any of {each.whole.things:,} {each.counted}" if each.whole.things else "anything"
            yield sentence(f"{NOT_STATED.capitalize()} of {of}.")


def tabled(spread: Distribution) -> str:
    """Return a distribution as a table and a plot."""
    return beside(_table(spread), image(plot_svg(spread), "image/svg+xml", f"Bars: {spread.title}"))


def _table(spread: Distribution) -> str:
    series = (spread.whole, *spread.series[:-1])
    rows: list[Sequence[str | int]] = [
        (value, *(share(each.counts[place], each.things) for each in series))
        for place, value in enumerate(spread.values)
    ]
    rows.append((NOT_STATED, *(share(each.unstated, each.things) for each in series)))
    rows.append((spread.counted, *(each.things for each in series)))
    if spread.whole.quartiles:
        rows.append(("median (quartiles)", *map(_quartiles, series)))
    header = ("", *(each.name for each in series))
    return table(spread.title, header, rows, numbers_from=1)


def share(n: int, of: int) -> str:
    """Return a number of things with its share of all, if there are any."""
    if not of:
        return f"{n:,}"
    percent = "100" if n == of else f"{100 * n / of:.1f}"
    return Html(f"{n:,} ({percent}&nbsp;%)")  # on a narrow page in two lines, the sign beside its number


def _quartiles(series: Series) -> str:
    if series.quartiles is None:
        return NOT_STATED
    low, middle, high = (f"{value:,.0f}" if value >= 100 else f"{value:.3g}" for value in series.quartiles)  # noqa: PLR2004 -- three digits
    return f"{middle} ({low}; {high})"
