"""Under which terms the images are that a model was trained on: the weights are made of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from thyrodata.baselines.exporting.facts import RunFacts
from thyrodata.dataset import RECORDS_FILE, Dataset
from thyrodata.errors import UsageError
from thyrodata.io.cards import load_card
from thyrodata.io.hashes import SUMS, read_sums

__all__ = ["SourceTerms", "terms_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTerms:
    """What the card of a source says of the use of its images."""

    title: str
    licence: str
    """As the dataset's manifest was given it."""
    redistribution: str
    access: str
    consent: str
    ethics: str
    citation: str


def terms_of(dataset: Dataset | str | Path, facts: RunFacts) -> tuple[SourceTerms, ...]:
    """Return the terms of each source of the dataset that a model was trained on.

    Raises:
        UsageError: It is another dataset, or a source has no card.
        DatasetError: It is damaged.
    """
    source = dataset if isinstance(dataset, Dataset) else Dataset(dataset)
    if read_sums(source.path / SUMS)[RECORDS_FILE] != facts.records_sha256:
        raise UsageError(
            f"the model was not trained on this dataset, but on {facts.dataset} with other records",
            where=str(source.path),
            hint="give the dataset of the training, as it was",
        )
    found = {}
    for each in source.manifest.sources:
        card = load_card(each.card).card
        found[each.card, each.licence] = SourceTerms(
            title=card.title,
            licence=each.licence,
            redistribution=card.redistribution.value,
            access=card.access,
            consent=card.consent,
            ethics=card.ethics,
            citation=card.citation,
        )
    return tuple(found.values())
