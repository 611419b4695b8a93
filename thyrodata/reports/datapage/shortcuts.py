"""The section of a report on shortcuts: what tells the label, or the part of a split, and is no anatomy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from thyrodata.reports.agreementtables import rounded, safe
from thyrodata.reports.datapage.accounts import at, entries, number, worded
from thyrodata.reports.datapage.html import beside, image, note, sentence, table
from thyrodata.reports.datapage.plots import Estimated, Forest, plot_svg

__all__ = ["shortcut_forests", "shortcuts"]

CHANCE = 0.5
"""The AUC of a model that knows nothing."""
ALL_FEATURES = "all of them together"


def shortcuts(
    account: Mapping[str, Any] | None, outdated: Sequence[str], forests: Sequence[Forest | None]
) -> Iterator[str]:
    """Yield what each feature tells of each target, and what all of them tell together.

    Args:
        account: What ``thyrodata qc shortcuts`` left; ``None`` if it was not run.
        outdated: The files that have changed since.
        forests: The plot of each target.
    """
    if account is None:
        yield sentence(
            "Not audited. `thyrodata qc shortcuts` measures whether what is no anatomy tells the label, or "
            "the part of a split."
        )
        return
    if outdated:
        yield note(
            f"Audited before these files changed: {', '.join(outdated)}. Run `thyrodata qc shortcuts`."
        )
    level = number(account, "level") or 0
    yield sentence(
        f"Of a model that sees these features and no anatomy; intervals of {100 * level:g} % over groups: "
        f"{worded(at(account, 'group_kinds'))}. 0.5 is chance. "
        + ("" if at(account, "ocr") is True else "What is written in the pictures was not read.")
    )
    for target, forest in zip(entries(account, "targets"), forests, strict=True):
        said = worded(at(target, "sentence"))
        yield f"<h3>{safe(worded(at(target, 'name')))}</h3>"
        yield note(said) if at(target, "leaks") is True else sentence(said)
        if forest is not None:
            yield beside(_table(target), image(plot_svg(forest), "image/svg+xml", f"AUC: {forest.title}"))
    if constant := entries(account, "constant"):
        yield sentence(f"The same in all images, and so telling nothing: {', '.join(map(worded, constant))}.")
    if unread := entries(account, "unread"):
        yield sentence(f"Images that could not be looked at: {len(unread):,}.")


def shortcut_forests(account: Mapping[str, Any] | None) -> list[Forest | None]:
    """Return the plot of each target that was audited; ``None`` where there is nothing to plot."""
    return [_forest(k, target) for k, target in enumerate(entries(account, "targets"), 1)]


def _forest(place: int, target: Any) -> Forest | None:
    estimates = [
        Estimated(name=name, value=value, low=number(found, "low"), high=number(found, "high"))
        for name, _, found in _tellers(target)
        if (value := number(found, "value")) is not None
    ]
    if not estimates:
        return None
    return Forest(
        name=f"shortcuts-{place}",
        title=worded(at(target, "name")),
        scale="AUC",
        estimates=tuple(estimates),
        chance=CHANCE,
    )


def _tellers(target: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield what tells a target: name, the association, and the AUC."""
    for each in entries(target, "features"):
        yield worded(at(each, "feature")), at(each, "cramers_v"), at(each, "auc")
    yield ALL_FEATURES, None, at(target, "together")


def _table(target: Any) -> str:
    rows = [(name, _worded(v), _worded(auc)) for name, v, auc in _tellers(target)]
    return table(worded(at(target, "name")), ("feature", "Cramér's V", "AUC"), rows, numbers_from=1)


def _worded(estimate: Any) -> str:
    value, low, high = (number(estimate, key) for key in ("value", "low", "high"))
    if value is None:
        return ""
    interval = "no interval" if low is None or high is None else f"{rounded(low, '')} to {rounded(high, '')}"
    return f"{rounded(value, '')} ({interval})"
