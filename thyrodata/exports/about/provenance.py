"""What a dataset's card and its kin are filled from: manifest, cards of the sources, split, counts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thyrodata.capture.audit.kept import AUDIT, KeptAudit, content_sha256
from thyrodata.dataset import RECORDS_FILE, Dataset
from thyrodata.errors import DatasetError, SchemaError
from thyrodata.exports.about.cohort import NOT_STATED, Cohort, LabelFacts, PartFacts, ReaderFacts
from thyrodata.exports.about.records import CohortRecord
from thyrodata.io.cards import load_card
from thyrodata.io.hashes import SUMS, hash_file, read_sums
from thyrodata.io.parquet import stream_as
from thyrodata.schema.card import Card
from thyrodata.schema.manifest import Manifest, Source, Tally
from thyrodata.schema.plain import from_plain

__all__ = ["Audited", "Consensus", "Provenance", "Quality", "SourceFacts", "SplitFacts", "provenance"]

OFFICIAL = "as the source publishes it"
"""How the account of a split says that a source published it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """A published source that images came from."""

    card: Card
    prose: str
    """The card's Markdown."""
    conversions: tuple[Source, ...]
    """Its entries in the manifest: more than one where several datasets of one source were merged."""

    @property
    def licence(self) -> str:
        """As the manifest was given it."""
        return ", ".join(dict.fromkeys(entry.licence for entry in self.conversions))

    @property
    def link(self) -> str | None:
        """Where a person reads of it: its home page, or else its publication."""
        return self.card.homepage or (f"https://doi.org/{self.card.doi}" if self.card.doi else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitFacts:
    """The split by which a dataset is published."""

    name: str
    official: bool
    """Whether it is kept as its source published it."""
    kinds: tuple[str, ...]
    """What the groups that it keeps together are of."""
    seed: int | None
    ratios: tuple[tuple[str, float], ...]
    """The share of groups that was aimed at, by part."""
    stratified_by: str | None
    joins: int
    """Links between groups that made them one, such as byte-identical images."""
    crossing_groups: int
    """Groups that are in more than one part, as counted."""
    parts: tuple[PartFacts, ...]

    @property
    def patient_grouped(self) -> bool:
        """Whether no patient is in two parts: each group is a patient, and none crosses."""
        return self.kinds == ("patient",) and self.crossing_groups == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What quality control found, as its account in the dataset says."""

    complete: bool
    errors: int
    warnings: int
    notes: int
    rules: tuple[Tally, ...]
    """Issues of each rule that found any: the code, the title, the number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consensus:
    """How a policy made one reading of several."""

    policy: str
    readers: tuple[str, ...]
    arbiter: str | None
    images: int
    findings: int
    open_images: int
    """Images on which something waits for the arbiter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What the audit of a capture with its originals came to."""

    scope: str
    """What was looked for, and what that does not show."""
    leaks: int
    current: bool
    """Whether it is of the records and images that the dataset has now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What is known of a dataset. What its sources do not say stays ``not stated``."""

    manifest: Manifest
    sha256: str
    """Of the dataset's SHA256SUMS, which stands for every byte of it."""
    sources: tuple[SourceFacts, ...]
    split: SplitFacts
    readers: tuple[ReaderFacts, ...]
    labels: tuple[LabelFacts, ...]
    said: tuple[Tally, ...]
    """How many images state what of themselves: see :attr:`thyrodata.exports.about.cohort.Cohort.said`."""
    quality: Quality | None
    """``None`` where it was not run."""
    consensus: Consensus | None
    audit: Audited | None
    """``None`` where the dataset holds no capture audit."""

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.manifest.name

    @property
    def title(self) -> str:
        """The only source's title, or the dataset's name."""
        return self.sources[0].card.title if len(self.sources) == 1 else self.name

    @property
    def thyrodata(self) -> str:
        """The version of thyrodata that made the dataset."""
        return next((v.version for v in self.manifest.versions if v.package == "thyrodata"), NOT_STATED)

    def count(self, what: str, value: str | None = None) -> int:
        """Return how many images state something of themselves, with one value or in all."""
        return sum(each.n for each in self.said if each.what == what and value in (None, each.value))


def provenance(dataset: Dataset, split: str) -> Provenance:
    """Return what is known of a dataset, in one pass over its records.

    Args:
        dataset: The dataset.
        split: By whose parts images are counted.

    Raises:
        DatasetError: There is no such split, or the dataset is damaged.
        UsageError: A source has no card.
    """
    part_of = {image_id: part for part, ids in dataset.split(split).items() for image_id in ids}
    cohort = Cohort(stream_as(dataset.path / RECORDS_FILE, CohortRecord), part_of)
    sums = read_sums(dataset.path / SUMS)
    return Provenance(
        manifest=dataset.manifest,
        sha256=hash_file(dataset.path / SUMS),
        sources=_sources(dataset.manifest),
        split=_split(dataset, split, cohort),
        readers=cohort.readers,
        labels=cohort.labels,
        said=cohort.said,
        quality=_quality(_account(dataset, "qc")) if "reports/qc.json" in sums else None,
        consensus=_consensus(_account(dataset, "agree")) if "reports/agree.json" in sums else None,
        audit=_audited(dataset) if AUDIT in sums else None,
    )


def _sources(manifest: Manifest) -> tuple[SourceFacts, ...]:
    entries: dict[str, list[Source]] = {}
    for source in manifest.sources:
        entries.setdefault(source.card, []).append(source)
    cards = {name: load_card(name) for name in entries}
    return tuple(
        SourceFacts(card=cards[name].card, prose=cards[name].prose, conversions=tuple(of))
        for name, of in entries.items()
    )


def _split(dataset: Dataset, name: str, cohort: Cohort) -> SplitFacts:
    said = dataset.split_report(name)
    return SplitFacts(
        name=name,
        official=said.get("made") == OFFICIAL,
        kinds=tuple(count.value for count in dataset.manifest.counts if count.what == "groups"),
        seed=said.get("seed"),
        ratios=tuple((said.get("ratios") or {}).items()),
        stratified_by=said.get("stratified_by"),
        joins=len(said.get("joins") or ()),
        crossing_groups=cohort.crossing_groups,
        parts=cohort.parts,
    )


def _account(dataset: Dataset, name: str) -> dict[str, Any]:
    place = dataset.path / "reports" / f"{name}.json"
    try:
        said: dict[str, Any] = json.loads(place.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(
            f"an account cannot be read: {error}", where=str(place), hint="run `thyrodata verify`"
        ) from None
    return said


def _audited(dataset: Dataset) -> Audited:
    said = _account(dataset, Path(AUDIT).stem)
    try:
        kept = from_plain(KeptAudit, said)
    except SchemaError as error:
        raise DatasetError(
            f"the account of the capture audit cannot be read: {error.message}",
            where=str(dataset.path / AUDIT),
            hint="audit again with `thyrodata capture audit`",
        ) from None
    same = kept.content_sha256 == content_sha256(dataset)
    return Audited(scope=kept.scope, leaks=len(kept.audit.leaks), current=same)


def _quality(said: dict[str, Any]) -> Quality:
    issues = said["issues"]
    return Quality(
        complete=said["complete"],
        errors=issues["error"],
        warnings=issues["warning"],
        notes=issues["note"],
        rules=tuple(
            Tally(what=rule["code"], value=rule["title"], n=rule["issues"])
            for rule in said["rules"]
            if rule["issues"]
        ),
    )


def _consensus(said: dict[str, Any]) -> Consensus:
    return Consensus(
        policy=said["policy"],
        readers=tuple(said["readers"]),
        arbiter=said["arbiter"],
        images=said["read"],
        findings=said["findings"],
        open_images=len(said["open_images"]),
    )
