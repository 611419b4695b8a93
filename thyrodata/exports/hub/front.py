"""The front matter of a card on the Hugging Face Hub, by the Hub's rules for it.

The keys and their values are those of the specification of dataset cards in huggingface/hub-docs,
``datasetcard.md``, and of the Hub's pages on licences and on gated datasets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from thyrodata.exports.about.provenance import Provenance

__all__ = ["SEVERAL", "hub_licence", "hub_metadata"]

SEVERAL = "several-licences"
"""The name of a licence of a dataset whose sources have different ones: the card lists each."""

_HUB_LICENCES = frozenset(
    [
        "afl-3.0", "agpl-3.0", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "cc0-1.0",
        "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0",
        "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0",
        "cc-by-nd-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cdla-permissive-1.0", "cdla-permissive-2.0",
        "cdla-sharing-1.0", "gpl-3.0", "lgpl-3.0", "mit", "odbl", "odc-by", "pddl", "unlicense",
    ]
)  # fmt: skip
"""Identifiers of the Hub's list that data is published under; any other licence is ``other`` there."""

_SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B")
_SMALLEST = 1_000


def hub_licence(text: str) -> str | None:
    """Return the Hub's identifier of a licence; ``None`` if the Hub lists none of this name."""
    name = "-".join(text.lower().split())
    return name if name in _HUB_LICENCES else None


def hub_metadata(
    about: Provenance,
    *,
    configs: Sequence[Mapping[str, Any]],
    dataset_info: Sequence[Mapping[str, Any]],
    gated_terms: str | None,
    tasks: Sequence[str],
) -> dict[str, Any]:
    """Return what stands in the front matter.

    Args:
        about: The dataset.
        configs: The Hub's ``configs``.
        dataset_info: The Hub's ``dataset_info``.
        gated_terms: What a reader has to agree to, if anything.
        tasks: The Hub's task categories.
    """
    return {
        "pretty_name": about.title,
        **_licence(about),
        "size_categories": [_size(about.manifest.count("images"))],
        **({"task_categories": [*tasks]} if tasks else {}),
        "tags": sorted(set(_tags(about))),
        **_gate(gated_terms),
        **({"configs": [*configs]} if configs else {}),
        **({"dataset_info": [*dataset_info]} if dataset_info else {}),
    }


def _licence(about: Provenance) -> dict[str, str]:
    stated = {each.licence for each in about.sources} or {"not stated"}
    if len(stated) > 1:
        return {"license": "other", "license_name": SEVERAL}
    (text,) = stated
    known = hub_licence(text)
    if known:
        return {"license": known}
    name = {"license": "other", "license_name": "-".join(text.lower().split())}
    links = [link for each in about.sources if (link := each.link)]
    return {**name, "license_link": links[0]} if len(links) == 1 else name


def _size(rows: int) -> str:
    """Return the Hub's class of a number of rows: powers of ten from a thousand up."""
    return next((_SIZES[step] for step in range(len(_SIZES)) if rows < _SMALLEST * 10**step), "1B<n<10B")


def _tags(about: Provenance) -> Iterator[str]:
    yield from ("medical", "radiology", "thyrodata")
    modalities = {count.value for count in about.manifest.counts if count.what == "images"}
    yield from modalities
    if "ultrasound" in modalities:
        yield "thyroid"  # all ultrasound that thyrodata reads is of it


def _gate(terms: str | None) -> dict[str, Any]:
    if terms is None:
        return {}
    return {"extra_gated_prompt": terms, "extra_gated_fields": {"I agree to these terms": "checkbox"}}
