"""The items of CLAIM that concern data, filled in from a dataset for a study that uses it.

Numbers and order are those of the Checklist for Artificial Intelligence in Medical Imaging, 2024 update
(Tejani et al., Radiol Artif Intell 2024;6(4):e240300); the wording is our own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from thyrodata.exports.about import partstables as tables
from thyrodata.exports.about import statements as say
from thyrodata.exports.about.provenance import Provenance
from thyrodata.exports.about.questions import OPEN, UNSTATED, Question, answered, counted, rendered
from thyrodata.io.markdown import bullets
from thyrodata.splits import EXCLUDED

__all__ = ["ITEMS", "claim"]

ITEMS = {
    1: "that it is a study of AI, and of which kind",
    2: "summary",
    3: "background and intended use",
    4: "aims and hypotheses",
    5: "prospective or retrospective",
    6: "goal",
    7: "sources of the data",
    8: "inclusion and exclusion",
    9: "preprocessing",
    10: "selection of subsets",
    11: "de-identification",
    12: "missing data",
    13: "image acquisition",
    14: "definition of the reference standard",
    15: "why this reference standard",
    16: "who annotated",
    17: "annotation of the test set",
    18: "variability between and within annotators",
    19: "assignment to partitions",
    20: "level at which partitions are disjoint",
    21: "intended sample size",
    22: "model",
    23: "software",
    24: "initial parameters",
    25: "training",
    26: "choice of the final model",
    27: "ensembles",
    28: "metrics",
    29: "significance and uncertainty",
    30: "robustness",
    31: "explanation of results",
    32: "evaluation on internal data",
    33: "testing on external data",
    34: "trial registration",
    35: "numbers included and excluded",
    36: "demographics and clinical features by partition",
    37: "performance",
    38: "diagnostic performance and its precision",
    39: "failures",
    40: "limitations",
    41: "implications for practice",
    42: "protocol and further detail",
    43: "availability of software, model and data",
    44: "funding",
}
"""What each item asks for, by its number."""


def claim(about: Provenance) -> bytes:
    """Return ``claim.md``: the items that a dataset can answer, and the numbers of those about the study."""
    known = [
        Question(number=f"Item {number}", asks=ITEMS[number], lines=tuple(lines) or (OPEN,))
        for number, lines in _answers(about)
    ]
    about_data = {number for number, _ in _answers(about)}
    rest = [f"{number} ({asks})" for number, asks in ITEMS.items() if number not in about_data]
    lines = [
        f"# CLAIM 2024: {about.title}",
        "",
        "After Tejani et al., Checklist for Artificial Intelligence in Medical Imaging: 2024 Update,",
        "Radiol Artif Intell 2024;6(4):e240300. Of the items about data,",
        counted(known),
        "",
    ]
    for question in known:
        lines += rendered(question)
    lines += ["## About the study, not the data", "", f"Items {', '.join(rest)}.", ""]
    return ("\n".join(lines).rstrip("\n") + "\n").encode()


def _answers(about: Provenance) -> Iterator[tuple[int, Iterable[str]]]:
    yield 7, bullets(f"{each.card.title}. {each.card.citation}" for each in about.sources) or [OPEN]
    yield 8, [*bullets(_choices(about)), OPEN]
    yield 9, bullets(say.operations(about))
    yield 10, [*bullets(_choices(about)), OPEN]
    yield 11, bullets(say.deidentification(about))
    yield 12, bullets(["What a source does not say is null; no value was imputed.", *tables.missing(about)])
    yield 13, bullets(tables.stated(about)) or [UNSTATED]
    yield 14, bullets([*say.drawn(about), *say.labels(about), *say.caveats(about)])
    yield 15, [OPEN]
    yield 16, bullets(say.readers(about))
    yield 17, [*bullets(["As of all parts: see item 16.", say.reading(about)]), OPEN]
    yield 18, [*bullets(_variability(about)), OPEN]
    yield 19, bullets(say.splitting(about))
    yield 20, bullets([*say.grouping(about), *list(say.splitting(about))[-1:]])
    yield 21, [OPEN]
    yield 35, [*bullets(_excluded(about)), "", *tables.parts(about)]
    yield 36, [*tables.people(about), "", *tables.terms(about)]
    yield 40, bullets([*say.limitations(about), *say.quality(about), *say.absences(about)])
    yield 43, answered(f"data: {text}" for text in say.of_sources(about, lambda each: each.card.access))


def _choices(about: Provenance) -> list[str]:
    """Name the steps that chose records."""
    return [
        f"{step.name}: {', '.join(f'{setting.name} {setting.value}' for setting in step.settings)}"
        for step in about.manifest.operations
    ]


def _variability(about: Provenance) -> Iterator[str]:
    if len(about.readers) > 1:
        yield "Several readers read the same images: `thyrodata agree report` measures how far they agree."


def _excluded(about: Provenance) -> Iterator[str]:
    yield f"{about.manifest.skips:,} items of the sources could not be read."
    yield from (
        f"{part.images:,} images of {part.groups:,} groups are left out by the split."
        for part in about.split.parts
        if part.part == EXCLUDED
    )
