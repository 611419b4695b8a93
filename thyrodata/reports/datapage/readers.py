"""The section of a report on readers: how far they agree, pair by pair, and how readings were resolved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from thyrodata.agreement.definitions import DEFINITIONS
from thyrodata.reports.agreementpage import FIRST_NOTES
from thyrodata.reports.agreementplots import UNNAMED
from thyrodata.reports.agreementtables import FIRST_PLACES, rounded, safe
from thyrodata.reports.datapage.accounts import at, entries, number, worded
from thyrodata.reports.datapage.beside import Beside
from thyrodata.reports.datapage.distributions import NOT_STATED
from thyrodata.reports.datapage.html import image, note, sentence, table
from thyrodata.reports.datapage.plots import Estimated, Forest, plot_svg
from thyrodata.schema.manifest import Manifest

__all__ = ["agreement", "agreement_forests"]


def agreement(
    manifest: Manifest, beside: Beside, account: Mapping[str, Any] | None, forests: Sequence[Forest | None]
) -> Iterator[str]:
    """Yield how readers agree, and how readings were resolved into one, or that neither was done.

    Args:
        manifest: Of the dataset.
        beside: What lies beside its records.
        account: What ``thyrodata agree report`` left; ``None`` if it was not run.
        forests: The plot of each pair of readers.
    """
    if account is None:
        readers = sum(tally.what == "readers" for tally in manifest.counts)
        many = f"{readers} readers have drawn" if readers > 1 else "No two readers have drawn"
        yield sentence(f"{many}. How far they agree was not measured: `thyrodata agree report`.")
    else:
        yield from _measured(account, beside.outdated(at(account, "compared")), forests)
    resolved = beside.account("agree")
    if resolved is None:
        yield sentence("No readings were resolved into one: `thyrodata agree resolve`.")
    else:
        yield from _resolution(resolved)
    for name, text in beside.policies():
        yield f"<details><summary>Policy {safe(name)}</summary><pre>{safe(text)}</pre></details>"


def agreement_forests(account: Mapping[str, Any] | None) -> list[Forest | None]:
    """Return the plot of each pair of readers: figures from 0 to 1; ``None`` where a pair has none."""
    return [_forest(k, pair) for k, pair in enumerate(entries(account, "pairs"), 1)]


def _measured(
    account: Mapping[str, Any], outdated: Sequence[str], forests: Sequence[Forest | None]
) -> Iterator[str]:
    if outdated:
        yield note(
            f"Measured before these files changed: {', '.join(outdated)}. Run `thyrodata agree report`."
        )
    for each in entries(account, "notes"):
        if at(each, "code") in FIRST_NOTES:
            places = "; ".join(map(worded, entries(each, "places")[:FIRST_PLACES]))
            yield note(f"{worded(at(each, 'what'))} ({places})")
    yield from _terms(account)
    pairs = entries(account, "pairs")
    rows = [
        (
            _both(pair),
            *(worded(at(pair, key)) for key in ("images", "matched", "equal_in_every_pixel")),
            " and ".join(map(worded, entries(pair, "unmatched"))),
            _mean_dice(pair),
        )
        for pair in pairs
    ]
    header = (
        "first and second",
        "images read by both",
        "matched pairs",
        "of these equal",
        "no counterpart",
        "mean Dice",
    )
    yield table("Pairs of readers", header, rows, numbers_from=1)
    for pair, forest in zip(pairs, forests, strict=True):
        yield f"<h3>{safe(_both(pair))}</h3>"
        if forest is not None:
            yield image(plot_svg(forest), "image/svg+xml", f"Figures of agreement: {forest.title}")
        figures = _figures(_both(pair), [*_figures_of(pair)])
        yield f"<details><summary>All figures in numbers</summary>{figures}</details>"
    for each in entries(account, "overall"):
        what = f"All readers together: {worded(at(each, 'what'))}"
        yield f"<h3>{safe(what)}</h3>"
        yield _figures(what, [("", figure) for figure in entries(each, "figures")])
    noted = [(worded(at(each, "what")), worded(at(each, "n"))) for each in entries(account, "notes")]
    if noted:
        yield "<h3>What was not compared, and what to know</h3>"
        yield table("Notes on agreement", ("what", "n"), noted, numbers_from=1)


def _terms(account: Mapping[str, Any]) -> Iterator[str]:
    terms = at(account, "terms")
    level = 100 * (number(terms, "level") or 0)
    kinds = worded(at(terms, "group_kinds"))
    others = entries(terms, "sources")
    yield sentence(
        f"Two drawings of one image, matched one to one, are a pair from an IoU of "
        f"{worded(at(terms, 'floor'))}. Intervals of {level:g} % are by the bootstrap over groups: {kinds}. "
        + (f"Readers from elsewhere: {', '.join(map(worded, others))}. " if others else "")
        + "Definitions of the figures and their sources stand on the page of `thyrodata agree report -o`."
    )


def _both(pair: Any) -> str:
    return " and ".join(worded(name or UNNAMED) for name in entries(pair, "readers"))


def _mean_dice(pair: Any) -> str:
    means = (
        each for each in entries(pair, "figures") if (at(each, "name"), at(each, "of")) == ("dice", "mean")
    )
    return next(map(_value, means), NOT_STATED)


def _figures_of(pair: Any) -> Iterator[tuple[str, Any]]:
    """Yield the figures of two readers, each behind what it is of."""
    yield from (("", figure) for figure in entries(pair, "figures"))
    for each in entries(pair, "differences"):
        yield from ((f"{worded(at(each, 'quantity'))}: ", figure) for figure in entries(each, "figures"))
    for each in entries(pair, "grades"):
        graded = f"{worded(at(each, 'scheme'))} of the {worded(at(each, 'scope'))}: "
        yield from ((graded, figure) for figure in entries(each, "figures"))


def _named(within: str, figure: Any) -> str:
    name = worded(at(figure, "name"))
    title = DEFINITIONS[name].title if name in DEFINITIONS else name
    return f"{within}{title} {at(figure, 'of') or ''}".rstrip()


def _figures(label: str, figures: Sequence[tuple[str, Any]]) -> str:
    rows = [
        (
            _named(within, figure),
            _value(figure),
            f"{worded(at(figure, 'n'))} {worded(at(figure, 'counted'))}",
            worded(at(figure, "groups")),
        )
        for within, figure in figures
    ]
    return table(label, ("figure", "value and interval", "n", "groups"), rows, numbers_from=1)


def _value(figure: Any) -> str:
    value, low, high = (number(figure, key) for key in ("value", "low", "high"))
    unit = at(figure, "unit") or ""
    if value is None:
        return "not defined"
    ends = "no interval" if low is None or high is None else f"{rounded(low, unit)} to {rounded(high, unit)}"
    return f"{rounded(value, unit)} {unit} ({ends})".replace("  ", " ")


def _forest(place: int, pair: Any) -> Forest | None:
    estimates = [
        Estimated(
            name=_named(within, figure), value=value, low=number(figure, "low"), high=number(figure, "high")
        )
        for within, figure in _figures_of(pair)
        if not at(figure, "unit") and at(figure, "of") != "median"
        if (value := number(figure, "value")) is not None
    ]
    if not estimates:
        return None
    return Forest(
        name=f"agreement-{place}", title=_both(pair), scale="1 is full agreement", estimates=tuple(estimates)
    )


def _resolution(resolved: Mapping[str, Any]) -> Iterator[str]:
    for title, name, keys in (
        ("Outcomes", "outcomes", ("item", "decidable", "agreed", "policy", "adjudicated", "open")),
        ("Why readers do not agree", "reasons", ("what", "n")),
        ("Notes", "notes", ("what", "n")),
    ):
        rows = [[worded(at(each, key)) for key in keys] for each in entries(resolved, name)]
        yield f"<h3>{title}</h3>"
        yield table(title, keys, rows, numbers_from=1) if rows else sentence("None.")
