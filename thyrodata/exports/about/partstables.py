"""What the parts of a split hold, and what images do and do not state, as lines of Markdown and sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from thyrodata.exports.about.cohort import NOT_STATED
from thyrodata.exports.about.provenance import Provenance
from thyrodata.io.markdown import table

__all__ = ["devices", "missing", "parts", "people", "stated", "terms"]

_SEXES = ("female", "male", NOT_STATED)


def parts(about: Provenance) -> list[str]:
    """Return a table of groups and images by part."""
    header = ("part", "groups", "images", "outlined", "negatives", "nothing can be said", "outlines")
    return table(
        header,
        [
            (each.part, each.groups, each.images, each.outlined, each.negatives, each.unsaid, each.outlines)
            for each in about.split.parts
        ],
    )


def people(about: Provenance) -> list[str]:
    """Return a table of sex and age by part, counted by group."""
    header = ("part", "groups", *_SEXES, "age stated", "age in years: median (range)")
    rows: list[list[str | int]] = []
    for each in about.split.parts:
        sexes = {tally.value: tally.n for tally in each.sexes}
        ages = each.ages
        span = f"{ages.median:g} ({ages.least}-{ages.most})" if ages else NOT_STATED
        counts = [sexes.get(sex, 0) for sex in _SEXES]
        rows.append([each.part, each.groups, *counts, ages.groups if ages else 0, span])
    return table(header, rows)


def terms(about: Provenance) -> list[str]:
    """Return a table of labels by part: of cases counted once per group, of all else once each."""
    names = [each.part for each in about.split.parts]
    counts: Counter[tuple[str, str, str]] = Counter()
    for each in about.split.parts:
        counts.update({(tally.what, tally.value, each.part): tally.n for tally in each.labels})
    rows = sorted({(scope, term) for scope, term, _ in counts})
    return table(
        ("said of the", "label", *names),
        [(scope, term, *(counts[scope, term, name] for name in names)) for scope, term in rows],
    )


def devices(about: Provenance) -> list[str]:
    """Say with what images were made; nothing where no image states it."""
    return [
        f"{each.value}: {each.n:,} images"
        for each in about.said
        if each.what == "device" and each.value != NOT_STATED
    ]


def stated(about: Provenance) -> Iterator[str]:
    """Say what images state of themselves."""
    for each in about.said:
        if each.what != "readings" and each.value != NOT_STATED:
            yield f"{each.what}: {each.value} ({each.n:,} images)"


def missing(about: Provenance) -> Iterator[str]:
    """Say what images do not state of themselves."""
    for each in about.said:
        if each.value == NOT_STATED:
            yield f"{each.what}: not stated for {each.n:,} images"
