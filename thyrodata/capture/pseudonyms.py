"""Names for patients, studies and files that say nothing to whoever lacks the secret they were made with."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Protocol

from thyrodata.capture.key import Key
from thyrodata.schema.vocab import GroupKind

__all__ = ["Keyed", "Pseudonym", "Pseudonyms", "is_placeholder", "normalise_id"]

# What stands for "no id" in headers, without punctuation, zeros at the end and case: words that anonymisers,
# consoles and operators write, in English, and for "unknown" and "anonymous" in other languages. A word too
# many here costs that the studies of one patient are not known to be one patient's; a word too few makes one
# patient of many.
_PLACEHOLDERS = frozenset(
    """
    anon anonym anonyme anonymised anonymise anonymized anonymize anonymous anonymus anonymisiert anonimo
    anónimo anonimizado anonymisé deidentified deid redacted removed deleted hidden masked confidential
    private unknown unk unidentified undefined unspecified unassigned uninitialized missing blank empty none
    nil null nan na notavailable notapplicable notspecified notentered noid nopid noname nopatientid nomrn
    id pid mrn patient patientid test testing testpatient patienttest dummy demo sample example default
    phantom qa qc service temp temporary tbd emergency trauma johndoe janedoe
    unbekannt keine ohne inconnu desconocido desconocida desconhecido sconosciuto onbekend geen okänd ukendt
    ukjent neznámý nieznany nieznane bilinmiyor khôngrõ khôngcó ẩndanh аноним неизвестно нет
    匿名 未知 不明 无 無
    """.split()  # noqa: SIM905 -- a hundred quoted words are not read better
)
_LEAST_RUN = 5
"""Characters from which 99999 and 12345 are nobody's number."""


def normalise_id(text: str | None) -> str:
    """Return what two spellings of one id have in common: no padding, NFKC, case folded; leading zeros stay.

    Padding is spaces (DICOM PS3.5 section 6.2) and NULs, which some devices write in their place.
    """
    folded = unicodedata.normalize("NFKC", (text or "").replace("\0", "")).casefold()
    return unicodedata.normalize("NFKC", folded).strip()


def is_placeholder(text: str | None) -> bool:
    """Return whether an id names nobody: blank, punctuation, zeros, a word for "no id", or typed to get on.

    Typed to get on are five letters and digits or more that repeat one of them, or count up from 1.
    """
    letters = "".join(c for c in normalise_id(text) if c.isalnum())
    word = letters.rstrip("0")
    if not word or word in _PLACEHOLDERS or not word.strip("x"):
        return True
    return len(letters) >= _LEAST_RUN and (len(set(letters)) == 1 or "1234567890".startswith(letters))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pseudonym:
    """What a patient is called in a dataset; where the header names none, what a study or file is called."""

    text: str
    """A letter for the kind (P, C or F), and 16 of the characters A-Z and 2-7."""
    kind: GroupKind
    """``PATIENT``; ``CASE`` is a study, and ``CLIP`` a file, of a patient who may have others."""


class Pseudonyms(Protocol):
    """A source of pseudonyms.

    The same things are called the same in every run with the same secret, whatever runs were between, and by
    another secret they are called otherwise. No two patients are called the same.
    """

    @property
    def fingerprint(self) -> str:
        """Tells the secret from others, and says nothing of it."""

    def group(
        self, *, patient_id: str | None, issuer: str | None, study_uid: str | None, file_sha256: str
    ) -> Pseudonym:
        """Return what the patient of a file is called.

        An id that is a placeholder would make one patient of many: the study is named in its place, and where
        that is not known either, the file.
        """

    def token(self, text: str) -> str:
        """Return what a study, series or file is recognised by in a later delivery, from its UID or hash.

        It is none of the pseudonyms, and cannot be told from chance without the secret.
        """

    def keep(self) -> None:
        """Write down what no later run could make again. Called once, before anything is written with it.

        Raises:
            OutputError: It cannot be written.
        """


class Keyed:
    """Pseudonyms that a key makes: nothing has to be kept but the key."""

    def __init__(self, key: Key) -> None:
        self._key = key

    @property
    def fingerprint(self) -> str:
        """See :class:`Pseudonyms`."""
        return self._key.fingerprint

    def group(
        self, *, patient_id: str | None, issuer: str | None, study_uid: str | None, file_sha256: str
    ) -> Pseudonym:
        """See :class:`Pseudonyms`."""
        if not is_placeholder(patient_id):
            token = self._key.token("patient", normalise_id(issuer), normalise_id(patient_id))
            return Pseudonym(text=f"P{token}", kind=GroupKind.PATIENT)
        if not is_placeholder(study_uid):
            token = self._key.token("case", normalise_id(study_uid))
            return Pseudonym(text=f"C{token}", kind=GroupKind.CASE)
        return Pseudonym(text=f"F{self._key.token('clip', file_sha256)}", kind=GroupKind.CLIP)

    def token(self, text: str) -> str:
        """See :class:`Pseudonyms`."""
        return self._key.token("token", normalise_id(text))

    def keep(self) -> None:
        """See :class:`Pseudonyms`: a key is there before its first use."""
