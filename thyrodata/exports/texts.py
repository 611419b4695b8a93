"""The texts that tell of a dataset, to be read before it is published."""

from __future__ import annotations

from collections.abc import Callable

from thyrodata.dataset import Dataset
from thyrodata.errors import UsageError
from thyrodata.exports.about.claim import claim
from thyrodata.exports.about.datasheet import datasheet
from thyrodata.exports.about.provenance import Provenance, provenance
from thyrodata.exports.hub.card import hub_card

__all__ = ["card_text"]


def _hub(about: Provenance) -> bytes:
    """Return the card on the Hub, less what an export adds: configs, columns and counts of rows."""
    return hub_card(about, (), features=(), configs=(), dataset_info=(), gated_terms=None, tasks=())


_TEXTS: dict[str, Callable[[Provenance], bytes]] = {"claim": claim, "datasheet": datasheet, "hub": _hub}


def card_text(dataset: Dataset, form: str, *, split: str = "default") -> str:
    """Return a text on a dataset as Markdown.

    Args:
        dataset: The dataset.
        form: Which text: ``hub``, ``datasheet`` or ``claim``.
        split: By whose parts images are counted.

    Raises:
        DatasetError: There is no such split, or the dataset is damaged.
        UsageError: There is no such text, or a source has no card.
    """
    if form not in _TEXTS:
        raise UsageError(f"there is no text {form!r}", hint=f"there are: {', '.join(_TEXTS)}")
    return _TEXTS[form](provenance(dataset, split)).decode()
