"""The class of a whole image: what one vocabulary says of its case, or of the image itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from thyrodata.dataset import Dataset
from thyrodata.errors import UsageError
from thyrodata.exports.records import ExportedRecord
from thyrodata.schema.vocab import SCHEMES, Term

__all__ = ["ClassScope", "ImageClass", "image_class"]


class ClassScope(Enum):
    """What the label is said of. A label of a finding or nodule is none of the image that shows it."""

    CASE = "case"
    IMAGE = "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageClass:
    """Labels of one scheme and scope, as the classes of images."""

    scheme: str
    scope: ClassScope

    def terms(self, record: ExportedRecord) -> frozenset[Term]:
        """Return the different terms that an image has: it has a class only if there is one."""
        labels = record.case_labels if self.scope is ClassScope.CASE else record.image_labels
        return frozenset(label.value for label in labels if label.value.scheme == self.scheme)

    def loss(self, record: ExportedRecord) -> str | None:
        """Return the name of the loss of an image without a class, and nothing for one that has a class."""
        terms = self.terms(record)
        return None if len(terms) == 1 else "labels-differ" if terms else "no-label"


def image_class(dataset: Dataset, scheme: str | None, scope: ClassScope) -> ImageClass:
    """Return the classes of a dataset's images.

    Args:
        dataset: The dataset.
        scheme: A key of :data:`thyrodata.schema.vocab.SCHEMES`; may be left out where the dataset has labels
            of one only.
        scope: What the labels are said of.

    Raises:
        UsageError: There is no such scheme; or none is given, and the dataset has labels of none or several.
    """
    if scheme is None:
        what = f"{scope.value}-labels"
        found = sorted(
            {count.value.partition("/")[0] for count in dataset.manifest.counts if count.what == what}
        )
        if len(found) != 1:
            raise UsageError(
                f"the dataset has {scope.value} labels of {len(found) or 'no'} vocabularies",
                hint=f"choose one with --label: {', '.join(found)}"
                if found
                else "labels of another scope are chosen with --scope, or made with `thyrodata relabel`",
            )
        (scheme,) = found
    if scheme not in SCHEMES:
        raise UsageError(f"there is no vocabulary {scheme!r}", hint=f"there are: {', '.join(SCHEMES)}")
    return ImageClass(scheme=scheme, scope=scope)
