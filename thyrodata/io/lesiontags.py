"""Tags that were mined from the reports of lesions, by the lesion's place in its table (JSON).

The file of LesaNet (Yan et al., CVPR 2019, arXiv 1904.04661): a list of terms and, for each of three parts,
the 0-based places of lesions and as many lists of terms that are relevant, uncertain or irrelevant. Its
writers say that the tags are noisy and incomplete.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import msgspec

from thyrodata.errors import RawLayoutError
from thyrodata.io.raw import RawFile

__all__ = ["TABLE_ROWS", "LesionTags", "read_lesion_tags"]

TABLE_ROWS = 32_735
"""Rows of the whole table: a place in any smaller one would be another lesion's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionTags:
    """What is said of one lesion. Terms stand in the file's order; one that is said twice stands twice."""

    part: str
    """Of the split that the tags were published with: train, val or test."""
    relevant: tuple[str, ...]
    uncertain: tuple[str, ...]
    irrelevant: tuple[str, ...]


class _Tags(msgspec.Struct, forbid_unknown_fields=True):
    term_list: list[str]
    train_lesion_idxs: list[int]
    val_lesion_idxs: list[int]
    test_lesion_idxs: list[int]
    train_relevant_labels: list[list[int]]
    val_relevant_labels: list[list[int]]
    test_relevant_labels: list[list[int]]
    train_uncertain_labels: list[list[int]]
    val_uncertain_labels: list[list[int]]
    test_uncertain_labels: list[list[int]]
    train_irrelevant_labels: list[list[int]]  # the other parts have none


def read_lesion_tags(file: RawFile) -> Mapping[int, LesionTags]:
    """Return the tags of each lesion that has an entry, by its 0-based place.

    Raises:
        CaseError: The file cannot be read.
        RawLayoutError: It is not such a file, or contradicts itself.
    """
    try:
        tags = msgspec.json.decode(file.read(), type=_Tags)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _broken(f"the tags cannot be read: {error}", file) from None
    found: dict[int, LesionTags] = {}
    for part, lesions, relevant, uncertain, irrelevant in (
        ("train", tags.train_lesion_idxs, tags.train_relevant_labels, tags.train_uncertain_labels,
         tags.train_irrelevant_labels),
        ("val", tags.val_lesion_idxs, tags.val_relevant_labels, tags.val_uncertain_labels,
         [[]] * len(tags.val_lesion_idxs)),
        ("test", tags.test_lesion_idxs, tags.test_relevant_labels, tags.test_uncertain_labels,
         [[]] * len(tags.test_lesion_idxs)),
    ):  # fmt: skip
        if {len(relevant), len(uncertain), len(irrelevant)} != {len(lesions)}:
            raise _broken(f"the lists of part {part} are not of one length", file)
        terms = set(chain.from_iterable((*relevant, *uncertain, *irrelevant)))
        if terms and not (min(terms) >= 0 and max(terms) < len(tags.term_list)):
            raise _broken(f"part {part} has a term that is not in the list of terms", file)
        for lesion, *said in zip(lesions, relevant, uncertain, irrelevant, strict=True):
            if not 0 <= lesion < TABLE_ROWS or lesion in found:
                raise _broken(f"lesion {lesion} is not in the table, or here twice", file)
            one, two, three = (_named(numbers, tags.term_list) for numbers in said)
            found[lesion] = LesionTags(part=part, relevant=one, uncertain=two, irrelevant=three)
    return found


def _named(numbers: Sequence[int], terms: Sequence[str]) -> tuple[str, ...]:
    return tuple(terms[number] for number in numbers)


def _broken(message: str, file: RawFile) -> RawLayoutError:
    return RawLayoutError(message, where=str(file), hint="copy the file again from its release")
