"""Which label schemes each parent brings, and where they clash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from thyrodata.errors import UsageError
from thyrodata.merging.conflicts import is_tirads
from thyrodata.merging.glance import SCOPES, Glance

__all__ = ["MIXED_SCALES", "Brought", "Clash", "check_accepted", "check_scales", "clashes", "schemes_of"]

MIXED_SCALES = "mixed-scales"
"""The name by which clashing schemes are accepted."""

Brought = Mapping[str, Mapping[str, tuple[str, ...]]]
"""By scope, the schemes that a parent brings, each with the editions that it states."""

Clash = tuple[str, tuple[str, ...]]
"""A scope, and the schemes or editions in it that would stand side by side."""


def schemes_of(images: Iterable[Glance]) -> Brought:
    """Return what a parent brings."""
    found: dict[str, dict[str, set[str]]] = {scope: {} for scope in SCOPES}
    for image in images:
        for scope in SCOPES:
            for label in image.labels(scope):
                editions = found[scope].setdefault(label.value.scheme, set())
                if label.edition is not None:
                    editions.add(label.edition)
    return {
        scope: {scheme: tuple(sorted(editions)) for scheme, editions in sorted(schemes.items())}
        for scope, schemes in found.items()
    }


def clashes(brought: Sequence[Brought]) -> tuple[Clash, ...]:
    """Return where parents bring different scales of TI-RADS, or different editions of one scheme."""
    found = []
    for scope in SCOPES:
        scales = [tuple(scheme for scheme in each[scope] if is_tirads(scheme)) for each in brought]
        found += _differing(scope, scales)
        for scheme in sorted({scheme for each in brought for scheme in each[scope]}):
            editions = [each[scope].get(scheme, ()) for each in brought]
            found += _differing(scope, [tuple(f"{scheme} of {e}" for e in said) for said in editions])
    return tuple(found)


def _differing(scope: str, brought: Sequence[tuple[str, ...]]) -> list[Clash]:
    """Return what several parents bring, if it is more than one thing."""
    names = tuple(sorted({name for said in brought for name in said}))
    return [(scope, names)] if len(names) > 1 and sum(map(bool, brought)) > 1 else []


def check_accepted(accept: Iterable[str]) -> None:
    """Refuse names of nothing that could be accepted.

    Raises:
        UsageError: There is one.
    """
    for name in accept:
        if name != MIXED_SCALES:
            raise UsageError(
                f"{name!r} is nothing that a merge could accept", hint=f"there is: {MIXED_SCALES}"
            )


def check_scales(brought: Sequence[Brought], places: Sequence[str], accept: Iterable[str]) -> None:
    """Refuse to put different scales into one column, unless that is accepted.

    Raises:
        UsageError: Parents bring clashing schemes.
    """
    found = clashes(brought)
    if not found or MIXED_SCALES in set(accept):
        return
    texts = [f"of the {scope}: {' and '.join(names)}" for scope, names in found]
    raise UsageError(
        f"{' and '.join(places)} grade by different scales: {'; '.join(texts)}",
        hint=f"relabel one of them first, or accept classes of both side by side: --accept {MIXED_SCALES}",
    )
