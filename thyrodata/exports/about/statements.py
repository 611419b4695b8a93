"""What can be said of a dataset in sentences, once: card, Croissant, datasheet and CLAIM say the same.

Each function returns sentences of plain text. What a source does not say is said to be not stated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from thyrodata.exports.about.cohort import NOT_STATED, ReaderFacts
from thyrodata.exports.about.provenance import Provenance, SourceFacts
from thyrodata.schema.vocab import GRADED, Scope
from thyrodata.survey import CONSENSUS

__all__ = [
    "absences",
    "caveats",
    "deidentification",
    "drawn",
    "grouping",
    "labels",
    "limitations",
    "named",
    "of_sources",
    "operations",
    "quality",
    "readers",
    "reading",
    "recommendations",
    "splitting",
    "summary",
]


_MODALITIES = {"ct": "CT", "ultrasound": "ultrasound"}


def summary(about: Provenance) -> Iterator[str]:
    """Say what the dataset holds, by counts of this copy."""
    manifest = about.manifest
    kinds = _listed([f"{t.n:,} {_MODALITIES[t.value]}" for t in manifest.counts if t.what == "images"])
    groups = _listed([f"{t.n:,} {t.value}s" for t in manifest.counts if t.what == "groups"])
    yield f"{kinds} images of {groups}, with {sum(p.outlines for p in about.split.parts):,} outlines."
    if about.sources:
        yield f"Made from: {_listed([each.card.title for each in about.sources])}."
    else:
        yield "The manifest names no source."


def grouping(about: Provenance) -> Iterator[str]:
    """Say what groups are, and what is not known of patients."""
    kinds = about.split.kinds
    if kinds == ("patient",):
        yield "Images are grouped by patient, as the sources name them."
        return
    yield f"Images are grouped by {_listed(kinds)}, the coarsest identity that the sources publish."
    finer = [kind for kind in kinds if kind != "patient"]
    yield (
        f"A group of kind {_listed(finer, 'or')} is not a patient: one patient may have several, also in "
        "different parts of a split."
    )


def splitting(about: Provenance) -> Iterator[str]:
    """Say how images were given to parts, and what was found to cross them."""
    split = about.split
    if split.official:
        yield f"The split {split.name} is kept as its source published it."
    else:
        shares = ", ".join(f"{part} {share:.0%}" for part, share in split.ratios)
        yield f"The split {split.name} was made by thyrodata by group" + (f" ({shares})." if shares else ".")
        if split.stratified_by:
            yield f"Groups are spread over parts by the highest grade known in them ({split.stratified_by})."
        if split.joins:
            yield f"Groups that share a picture are kept together ({split.joins:,} such links)."
    if split.patient_grouped:
        yield "It is patient-grouped: no patient, as the sources name them, is in two parts."
    elif split.crossing_groups:
        yield f"{split.crossing_groups:,} groups have images in more than one part: it leaks."
    else:
        yield f"No {_listed(split.kinds, 'or')} is in two parts. It is not known to be grouped by patient."


def absences(about: Provenance) -> Iterator[str]:
    """Say what an image without an outline means."""
    yield "An image without an outline is a negative only where a reader says to have covered all of it."
    negatives = sum(part.negatives for part in about.split.parts)
    unsaid = sum(part.unsaid for part in about.split.parts)
    if negatives + unsaid == 0:
        yield "Every image has an outline."
        return
    yield f"Such negatives: {negatives:,} of {negatives + unsaid:,} images without an outline."
    if unsaid:
        yield "Of the others nothing can be said, and they are not negatives."


def labels(about: Provenance) -> Iterator[str]:
    """Say what labels are said of, on which scale, and what they rest on."""
    for fact in about.labels:
        rests = "what it rests on is not stated" if fact.basis == NOT_STATED else f"basis: {fact.basis}"
        yield f"{fact.scheme} is said of the {fact.scope.value}, {fact.n:,} times; {rests}."


def caveats(about: Provenance) -> Iterator[str]:
    """Say what the labels must not be taken for."""
    schemes = {fact.scheme for fact in about.labels}
    if any(scheme.startswith("tirads-") for scheme in schemes):
        yield "A TI-RADS category is a grade of suspicion on one named scale, and not pathology."
    if any(fact.scope is Scope.CASE for fact in about.labels):
        yield "What is said of a case is said of none of its images and of none of the outlines in them."
    if "malignancy" in schemes and any(
        fact.scheme == "malignancy" and fact.basis == NOT_STATED for fact in about.labels
    ):
        yield "What malignant and benign rest on (imaging, cytology, histology) is not stated for all."
    if len(schemes & GRADED) > 1:
        yield "Grades of different scales are not comparable."


def readers(about: Provenance) -> Iterator[str]:
    """Say who read and drew: by the sources' words, and as counted."""
    yield from of_sources(about, lambda each: each.card.readers)
    for reader in about.readers:
        yield f"{_reader(reader)}: {reader.images:,} images read, {reader.outlines:,} outlines."
    if about.consensus:
        made = about.consensus
        yield (
            f"A consensus was derived from {_listed(made.readers)} by the policy {made.policy}: "
            f"{made.findings:,} findings on {made.images:,} images; {made.open_images:,} images wait for "
            f"{made.arbiter or 'an arbiter'}."
        )


def reading(about: Provenance) -> str:
    """Say how many readings an image has."""
    counts = [f"{t.value}: {t.n:,}" for t in about.said if t.what == "readings"]
    return f"Images by the number of their readings: {', '.join(counts)}."


def drawn(about: Provenance) -> Iterator[str]:
    """Say what was drawn."""
    for count in about.manifest.counts:
        if count.what == "findings":
            yield f"{count.n:,} findings are of the structure {count.value}."


def deidentification(about: Provenance) -> Iterator[str]:
    """Say what was done to remove personal data, and that nothing of it is a proof."""
    cut, blanked = about.count("cut from a larger frame", "yes"), about.count("boxes blanked", "yes")
    if cut:
        yield f"{cut:,} images were cut from a larger frame; in {blanked:,} of them boxes were set to zero."
    else:
        yield "No image is recorded as cut from a larger frame or blanked."
    audit = about.audit
    if audit is not None:
        of = "" if audit.current else ", which was of other records or images than these,"
        yield f"The capture audit{of} found {audit.leaks:,} leaks. {audit.scope}"
    yield "How the sources removed personal data before they published is not stated on their cards."
    yield (
        "Neither a region tag in a header, nor a crop, nor an audit without a finding proves that no "
        "personal data is left in pixels or texts."
    )


def quality(about: Provenance) -> Iterator[str]:
    """Say what quality control found."""
    found = about.quality
    if found is None:
        yield "Quality control was not run on this copy."
        return
    yield (
        f"Quality control found {found.errors:,} errors, {found.warnings:,} warnings and {found.notes:,} "
        f"notes{'' if found.complete else '; it did not reach all of the dataset'}."
    )
    for rule in found.rules:
        yield f"{rule.what}, {rule.value}: {rule.n:,}."


def operations(about: Provenance) -> Iterator[str]:
    """Say what was done to the sources' files, step by step."""
    for source in (entry for each in about.sources for entry in each.conversions):
        settings = "".join(f", {setting.name} {setting.value}" for setting in source.settings)
        yield (
            f"Converted from {source.card} by thyrodata's converter {source.converter}{settings}: "
            f"{source.raw_files_read:,} raw files read, {source.raw_files_skipped:,} could not be read, "
            f"{source.raw_files_ignored:,} are no part of it; digest {source.raw_sha256}."
        )
    for step in about.manifest.operations:
        settings = ", ".join(f"{setting.name} {setting.value}" for setting in step.settings)
        parents = _listed([f"{parent.name} ({parent.sha256[:12]})" for parent in step.parents])
        yield f"{step.name} of {parents}" + (f": {settings}." if settings else ".")
    absent = about.manifest.count("annotations-only")
    if absent:
        yield f"{absent:,} records have no image file, only annotations."
    if absent == about.manifest.count("images"):
        return
    if about.manifest.encoder:
        yield f"Images that had to be decoded were encoded without loss by {about.manifest.encoder}."
    else:
        yield "Image files are byte-identical copies of the sources' own."


def limitations(about: Provenance) -> Iterator[str]:
    """Say what is known to be wrong with the sources."""
    for each in about.sources:
        for issue in each.card.known_issues:
            yield f"{each.card.name}: {issue}" if len(about.sources) > 1 else issue


def recommendations(about: Provenance) -> Iterator[str]:
    """Say what follows from all that for whoever uses the dataset."""
    kinds = _listed(about.split.kinds, "or")
    yield f"State with every result the split ({about.split.name}) and what it keeps together ({kinds})."
    yield "Train with no image as a negative that is none."
    if any(NOT_STATED in (each.licence, each.card.redistribution.value) for each in about.sources):
        yield "Ask the sources about terms that are not stated before anything is passed on."


def of_sources(about: Provenance, said: Callable[[SourceFacts], str]) -> Iterator[str]:
    """Yield what is said of each source, behind its name where there are several."""
    for each in about.sources:
        yield f"{each.card.name}: {said(each)}" if len(about.sources) > 1 else said(each)


def named(reader: str) -> str:
    """Return how a reader is called in a sentence."""
    return "the consensus" if reader == CONSENSUS else reader or "a reader whom the source does not name"


def _reader(reader: ReaderFacts) -> str:
    name = named(reader.name)
    return f"{name} ({', '.join(reader.roles)})" if reader.roles else name


def _listed(items: list[str] | tuple[str, ...], word: str = "and") -> str:
    """Return items as an enumeration."""
    *first, last = items or ("nothing",)
    return f"{', '.join(first)} {word} {last}" if first else last
