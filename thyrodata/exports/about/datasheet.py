"""The datasheet of a dataset, as far as it can be filled in.

Sections and questions are those of Gebru et al., Datasheets for Datasets, Commun ACM 2021;64(12):86-92, in
their order and in words of our own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from thyrodata.exports.about import partstables as tables
from thyrodata.exports.about import statements as say
from thyrodata.exports.about.provenance import Provenance
from thyrodata.exports.about.questions import OPEN, UNSTATED, Question, answered, counted, rendered
from thyrodata.io.markdown import bullets

__all__ = ["datasheet"]

_Answers = Iterator[tuple[str, Iterable[str]]]

_INSTANCE = "An image (a still, a frame of a clip, or a CT slice) and all that is said of it."


def datasheet(about: Provenance) -> bytes:
    """Return ``datasheet.md``: each question with what is known, or a mark that a person has to answer."""
    sections = [
        (
            f"{number} {title}",
            [
                Question(number=f"{number}.{place}", asks=asks, lines=tuple(lines) or (OPEN,))
                for place, (asks, lines) in enumerate([*answers(about), ("Any other comments?", [OPEN])], 1)
            ],
        )
        for number, (title, answers) in enumerate(_SECTIONS, 1)
    ]
    lines = [
        f"# Datasheet: {about.title}",
        "",
        "After Gebru et al., Datasheets for Datasets, Commun ACM 2021;64(12):86-92.",
        counted([question for _, questions in sections for question in questions]),
        "",
    ]
    for heading, questions in sections:
        lines += [f"## {heading}", ""]
        for question in questions:
            lines += rendered(question)
    return ("\n".join(lines).rstrip("\n") + "\n").encode()


def _motivation(_about: Provenance) -> _Answers:
    yield "For what purpose was it made?", [OPEN]
    yield "Who made it, and on whose behalf?", [OPEN]
    yield "Who paid for it?", [OPEN]


def _composition(about: Provenance) -> _Answers:
    yield (
        "What is an instance?",
        bullets([_INSTANCE, *say.grouping(about)]),
    )
    yield "How many are there?", bullets(say.summary(about))
    yield (
        "Is it all there is, or a sample of more?",
        [
            *bullets(
                f"The converter of {each.card.name}: {each.card.verified.value}." for each in about.sources
            ),
            OPEN,
        ],
    )
    yield (
        "What is an instance made of?",
        bullets(
            [
                "The image file, and a record of what is said of it: see docs/dataset.md of thyrodata.",
                *tables.stated(about),
            ]
        ),
    )
    yield "Has each instance a label?", bullets([*say.drawn(about), *say.labels(about), *say.caveats(about)])
    yield "What is missing from instances?", bullets([*say.absences(about), *tables.missing(about)])
    yield "How are instances related?", bullets(say.grouping(about))
    yield "Are there splits, and why these?", [*bullets(say.splitting(about)), "", *tables.parts(about)]
    yield "What is wrong, noisy or there twice?", bullets([*say.limitations(about), *say.quality(about)])
    absent = about.manifest.count("annotations-only")
    yield (
        "Does it rest on anything outside of it?",
        bullets(
            [f"Yes: the files of {absent:,} images are not in it." if absent else "No: all of it is in it."]
        ),
    )
    yield (
        "Is any of it confidential?",
        [*bullets(["Images and findings of patients, under medical secrecy where they were made."]), OPEN],
    )
    yield "May it offend or frighten whoever looks at it?", [OPEN]
    yield "Does it tell groups of people apart?", tables.people(about)
    yield "Can a person be identified from it?", [*bullets(say.deidentification(about)), OPEN]
    yield "Is any of it sensitive?", bullets(["Yes: it is health data."])


def _collection(about: Provenance) -> _Answers:
    yield "How were the data acquired?", bullets([*tables.stated(about), *say.labels(about)])
    yield "By which means, and how were those validated?", bullets(tables.devices(about)) or [UNSTATED]
    yield "If it is a sample, how was it drawn?", [UNSTATED]
    yield "Who collected it, and how were they paid?", [OPEN]
    yield "Over which time?", [UNSTATED]
    yield "Was there an ethical review?", answered(say.of_sources(about, lambda each: each.card.ethics))
    yield (
        "From the people themselves, or from others?",
        bullets([f"From the published source: {each.card.citation}" for each in about.sources]) or [OPEN],
    )
    yield "Were the people told?", [UNSTATED]
    yield "Did they consent?", answered(say.of_sources(about, lambda each: each.card.consent))
    yield "Can they withdraw their consent?", [UNSTATED]
    yield "Was the impact on them analysed?", [OPEN]


def _processing(about: Provenance) -> _Answers:
    yield (
        "Was anything processed, cleaned or labelled?",
        bullets([*say.operations(about), *say.readers(about)]),
    )
    yield (
        "Are the raw data kept?",
        [
            *bullets(["Not in the dataset: its manifest has the SHA-256 of the raw files that were read."]),
            OPEN,
        ],
    )
    yield (
        "Is the software available?",
        bullets([f"thyrodata {about.thyrodata}, under the Apache License 2.0."]),
    )


def _uses(about: Provenance) -> _Answers:
    yield "What was it used for already?", [OPEN]
    yield "Where are such uses listed?", [OPEN]
    yield (
        "What else could it be used for?",
        bullets(["Research on detection, segmentation and classification."]),
    )
    yield (
        "What in its making bears on later uses?",
        bullets([*say.grouping(about), *say.absences(about), *say.caveats(about)]),
    )
    yield (
        "What should it not be used for?",
        bullets(["Any decision on a patient.", "Finding out who a patient is.", *say.caveats(about)]),
    )


def _distribution(about: Provenance) -> _Answers:
    yield "Will others get it?", [OPEN]
    yield (
        "How, and does it have a DOI?",
        [*bullets(f"The source's DOI: {each.card.doi}" for each in about.sources if each.card.doi), OPEN],
    )
    yield "When?", [OPEN]
    yield "Under which licence and terms?", answered(say.of_sources(about, lambda each: each.licence))
    yield (
        "Do others restrict it?",
        [
            *bullets(
                f"{card.name}: passing it on is {card.redistribution.value}; access: {card.access}"
                for card in (each.card for each in about.sources)
            )
        ]
        or [OPEN],
    )
    yield "Do export controls or other rules apply?", [OPEN]


def _maintenance(about: Provenance) -> _Answers:
    yield "Who keeps it up?", [OPEN]
    yield "How can they be reached?", [OPEN]
    yield "Is there an erratum?", [OPEN]
    yield "Will it be updated?", [OPEN]
    yield "How long may data on people be kept?", [UNSTATED]
    yield (
        "Will older versions stay?",
        [*bullets([f"This one is told from others by the SHA-256 of its checksums, {about.sha256}."]), OPEN],
    )
    yield "How can others add to it?", [OPEN]


_SECTIONS: tuple[tuple[str, Callable[[Provenance], _Answers]], ...] = (
    ("Motivation", _motivation),
    ("Composition", _composition),
    ("Collection process", _collection),
    ("Preprocessing, cleaning, labelling", _processing),
    ("Uses", _uses),
    ("Distribution", _distribution),
    ("Maintenance", _maintenance),
)
