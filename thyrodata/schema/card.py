"""The dataset card: what is known of a published dataset, typed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from thyrodata.errors import SchemaError
from thyrodata.schema.vocab import SCHEMES, Coverage, GroupKind, Modality

__all__ = ["Card", "Counts", "Redistribution", "Verified"]

NOT_STATED = "not stated"


class Redistribution(Enum):
    """Whether the source's terms let its files be passed on."""

    ALLOWED = "allowed"
    FORBIDDEN = "forbidden"
    NOT_STATED = "not stated"


class Verified(Enum):
    """What the converter was run on."""

    RELEASE = "run on the whole release"
    SAMPLE = "run on a part of the release"
    LAYOUT = "layout as published; not run on the release"
    FORMAT = "a format of users' own data; there is no release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Numbers of things in a release; ``None`` where they are not known."""

    cases: int | None = None
    patients: int | None = None
    images: int | None = None
    outlines: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The front matter of ``cards/<name>.md``.

    Raises:
        SchemaError: A vocabulary is unknown, or a field that must be said is empty.
    """

    name: str
    """The converter's name."""
    title: str
    modality: Modality
    identity: GroupKind | None = None
    """The coarsest identity, nearest to the patient, that the release publishes; absent for a format of
    users' own data, which may publish any."""
    licence: str
    """The licence's name, or "not stated"."""
    redistribution: Redistribution
    access: str
    consent: str
    ethics: str
    citation: str
    doi: str | None = None
    homepage: str | None = None
    coverage: Coverage | None = None
    """What an image without an outline means; absent where the source does not say."""
    readers: str
    """Who drew and graded, as published."""
    vocabularies: tuple[str, ...] = ()
    """Schemes of the labels it brings."""
    published: tuple[Counts, ...] = ()
    """Each set of counts that a publication states; they need not agree."""
    measured: Counts | None = None
    """What was counted on the files of the release."""
    verified: Verified
    known_issues: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field in ("name", "title", "licence", "access", "consent", "ethics", "citation", "readers"):
            if not getattr(self, field).strip():
                raise SchemaError(f"the card's {field} is empty", hint=f'write "{NOT_STATED}" if it is not')
        for scheme in self.vocabularies:
            if scheme not in SCHEMES:
                raise SchemaError(f"the card names an unknown vocabulary {scheme!r}")
