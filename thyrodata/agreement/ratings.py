"""What readers say of the same thing, on one scheme: of a case, an image, a nodule or a drawing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from thyrodata.agreement.clusters import Cluster
from thyrodata.agreement.images import ReadImage
from thyrodata.schema.record import Label, Read
from thyrodata.schema.vocab import Scope, Term

__all__ = ["Contradiction", "Rated", "Ratings", "ratings_of", "scheme_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """One thing, and the value that each reader who graded it gave it on one scheme."""

    scheme: str
    """With its edition, where that is stated: categories of two editions are not compared."""
    scope: Scope
    item: str
    """The id of the image, nodule or case, or of the image and the drawings."""
    group_id: str
    by: Mapping[str, Term]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """A reader who gave one thing two values of one scheme: neither is compared."""

    scheme: str
    scope: Scope
    item: str
    reader: str


Ratings = tuple[list[Rated], list[Contradiction]]


def scheme_of(label: Label) -> str:
    """Return a label's scheme, with its edition if it is stated: ``bethesda (2017)``."""
    return f"{label.value.scheme} ({label.edition})" if label.edition else label.value.scheme


def ratings_of(image: ReadImage, clusters: Iterable[Cluster], readers: Sequence[str]) -> Ratings:
    """Return what readers say of one image, and of its case, its nodules and what is drawn on it.

    A label without a reader is the source's, and no reader's; that of a drawing is the drawer's. What is said
    of a case or a nodule comes again with each of its images.

    Args:
        image: The image.
        clusters: Its drawings, by what they are of. Those in trouble are not rated.
        readers: Whose words count.
    """
    rated: list[Rated] = []
    contradictions: list[Contradiction] = []
    for scope, item, labels in _said(image, clusters):
        for scheme, by in _by_scheme(labels, readers).items():
            terms = {reader: values for reader, values in by.items() if len(values) == 1}
            contradictions += [
                Contradiction(scheme=scheme, scope=scope, item=item, reader=reader)
                for reader in by
                if reader not in terms
            ]
            said = {reader: next(iter(values)) for reader, values in terms.items()}
            if said:
                rated.append(Rated(scheme=scheme, scope=scope, item=item, group_id=image.group_id, by=said))
    return rated, contradictions


def _said(
    image: ReadImage, clusters: Iterable[Cluster]
) -> Iterator[tuple[Scope, str, list[tuple[str, Label]]]]:
    """Yield each thing with what is said of it, and by whom."""
    yield Scope.CASE, image.group_id, _named(image.case_labels)
    for nodule in image.nodules:
        yield Scope.NODULE, f"{image.group_id}#{nodule.nodule_id}", _named(nodule.labels)
    yield Scope.IMAGE, image.image_id, _named(image.image_labels)
    for each in clusters:
        if each.trouble is None:
            ids = sorted(drawing.finding.finding_id for drawing in each.all)
            said = [
                (_drawer(label, drawing.finding.origin), label)
                for drawing in each.all
                for label in drawing.finding.labels
            ]
            yield Scope.FINDING, f"{image.image_id}#{'+'.join(ids)}", said


def _named(labels: Iterable[Label]) -> list[tuple[str, Label]]:
    return [(label.reader, label) for label in labels if label.reader is not None]


def _drawer(label: Label, origin: object) -> str:
    if label.reader is not None:
        return label.reader
    return (origin.reader or "") if isinstance(origin, Read) else ""


def _by_scheme(
    labels: Iterable[tuple[str, Label]], readers: Sequence[str]
) -> dict[str, dict[str, set[Term]]]:
    found: dict[str, dict[str, set[Term]]] = defaultdict(lambda: defaultdict(set))
    for reader, label in labels:
        if reader in readers:
            found[scheme_of(label)][reader].add(label.value)
    return found
