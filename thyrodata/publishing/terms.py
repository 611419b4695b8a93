"""Objections from the terms of a dataset's sources, each source by itself."""

from __future__ import annotations

from collections.abc import Iterator

from thyrodata.dataset import MANIFEST, Dataset
from thyrodata.io.cards import card_names, load_card
from thyrodata.publishing.objection import Objection
from thyrodata.schema.card import Card, Redistribution, Verified
from thyrodata.schema.manifest import Source

__all__ = ["CAPTURED", "of_terms"]

CAPTURED = "capture"
"""What a source names as its converter where a scanner's export was captured."""

_ASK = "ask whoever published it, in writing; if you may, accept it by name"


def of_terms(dataset: Dataset) -> Iterator[Objection]:
    """Yield an objection for each source whose terms forbid passing it on, or do not say.

    Operations hand all sources of their parents down, so a merged or derived dataset is under the terms of
    each. Redistribution is what this version's card says; the licence is what the manifest was given.
    """
    place = dataset.path / MANIFEST
    named = {(each.card, each.licence): (n, each) for n, each in enumerate(dataset.manifest.sources)}
    if not named:
        yield _not_stated("the manifest names no source: whose data these are is not known", f"{place}", _ASK)
    for number, source in named.values():
        yield from _of_source(source, f"{place}#sources[{number}]")


def _of_source(source: Source, where: str) -> Iterator[Objection]:
    if source.card not in card_names():
        text = f"this version has no card of the source {source.card}: its terms are not known"
        yield _not_stated(f"{text} (licence: {source.licence})", where, _ASK)
        return
    card = load_card(source.card).card
    terms = f"licence: {source.licence}; access: {card.access}"
    match card.redistribution:
        case Redistribution.ALLOWED:
            return
        case Redistribution.FORBIDDEN:
            yield Objection(
                code="redistribution-forbidden",
                text=f"the terms of {card.name} ({card.title}) forbid passing it on ({terms})",
                where=where,
                hint="publish how it was made: whoever has access to the source can make it again",
                override=None,
            )
        case Redistribution.NOT_STATED:
            yield _not_stated(*_unsaid(source, card, terms, where))


def _unsaid(source: Source, card: Card, terms: str, where: str) -> tuple[str, str, str]:
    """Return the sentence, the place and the hint for a source whose terms are not stated."""
    if source.converter == CAPTURED:
        text = "captured pictures of patients: whether their consent and the ethics approval cover publishing"
        hint = "let the person who answers for the data decide; if they may be published, accept it by name"
        return f"{text} is not recorded ({terms})", where, hint
    if card.verified is Verified.FORMAT:
        text = f"the data came in a format of users' own data ({card.name}): whose they are is not recorded"
        hint = "if they are yours to publish, or you have permission, accept it by name"
        return f"{text} ({terms})", where, hint
    return f"{card.name} ({card.title}) does not say whether it may be passed on ({terms})", where, _ASK


def _not_stated(text: str, where: str, hint: str) -> Objection:
    code = "terms-not-stated"
    return Objection(code=code, text=text, where=where, hint=hint, override=code)
