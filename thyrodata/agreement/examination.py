"""What is compared on one image: its readers' drawings and words, two readers at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from thyrodata.agreement.asking import Asked, Tolerance
from thyrodata.agreement.clusters import Cluster, cluster
from thyrodata.agreement.drawings import Drawing, Unfit, drawings_by, unfit_by
from thyrodata.agreement.images import ReadImage, has_read, stated_coverage
from thyrodata.agreement.matching import Match, Matching, match
from thyrodata.agreement.raster import dice
from thyrodata.agreement.ratings import Contradiction, Rated, ratings_of
from thyrodata.agreement.shapes import union
from thyrodata.agreement.surfaces import ShapeAgreement, measure
from thyrodata.schema.vocab import Coverage, GroupKind, Structure

__all__ = [
    "MEASURES",
    "Detected",
    "Examined",
    "ExaminedPair",
    "MatchedPair",
    "examine",
]

MEASURES: tuple[str, ...] = tuple(ShapeAgreement.__slots__)
"""The names of what is measured of two outlines of one thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedPair:
    """Two readers' drawings of one thing."""

    finding_ids: tuple[str, str]
    iou: float
    dice: float
    shape: tuple[float, ...] | None
    """In the order of :data:`MEASURES`; ``None`` for boxes, and where distances have no unit."""
    equal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """How many drawings find a counterpart at one IoU."""

    matched: int
    same_class: int
    """Of these, those that both readers call the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExaminedPair:
    """What two readers have on one image that both have looked at."""

    matched: tuple[MatchedPair, ...]
    drawn: tuple[int, int]
    """Drawings of each reader."""
    unmatched: tuple[int, int]
    """Drawings of each that the other has nothing to match with; tied ones are not among them."""
    complete: tuple[bool, bool]
    """Whether each reader says that all was drawn, and has drawn nothing that cannot be compared."""
    detected: tuple[Detected, ...] | None
    """At each threshold; ``None`` where something that was drawn cannot be compared: what it would match with
    nobody knows."""
    image_dice: float | None
    """Of all pixels that each has drawn. There is none of an image on which nobody has drawn anything, nor
    where the one who has drawn nothing does not say that there is nothing, nor where something that was drawn
    cannot be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """One image, examined."""

    image_id: str
    group_id: str
    group_kind: GroupKind
    looked: Mapping[str, tuple[int, bool, str | None]]
    """Of each reader who has read the image: the drawings, whether they are all there is, and the role."""
    pairs: Mapping[tuple[str, str], ExaminedPair]
    sizes: tuple[Mapping[str, tuple[float, float]], ...]
    """Area and diameter by reader, of each thing that all readers have outlined."""
    rated: tuple[Rated, ...]
    contradictions: tuple[Contradiction, ...]
    notes: tuple[tuple[str, str], ...]
    """Code and place of what was not compared."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Look:
    """What one reader has on an image."""

    drawn: tuple[Drawing, ...]
    says_all: bool
    """Whether the reader says that all was drawn."""
    unfit: tuple[Unfit, ...]
    twice: tuple[tuple[Drawing, Drawing], ...]

    @property
    def complete(self) -> bool:
        """Whether what can be compared is all there is: a crowd, say, is of nobody knows what."""
        return self.says_all and not self.unfit

    @property
    def whole(self) -> bool:
        """Whether every drawing can be compared."""
        return not self.unfit and not self.twice


def examine(image: ReadImage, asked: Asked) -> Examined:
    """Compare what readers have drawn and said on one image."""
    looks = {
        reader: _look(image, reader, asked.structures) for reader in asked.readers if has_read(image, reader)
    }
    matchings = {
        (one, other): match(looks[one].drawn, looks[other].drawn, asked.floor)
        for one, other in combinations(looks, 2)
    }
    clusters = cluster({reader: look.drawn for reader, look in looks.items()}, asked.floor, matchings)
    rated, contradictions = ratings_of(image, clusters, asked.readers)
    pairs = {
        (one, other): _pair(looks[one], looks[other], found, image, asked)
        for (one, other), found in matchings.items()
    }
    roles = {each.reader or "": each.role for each in image.readings}
    notes = [
        *_notes(image, asked, looks),
        *((each.trouble.value, _place(image, each.all)) for each in clusters if each.trouble),
        *(
            ("not-whole", f"{image.image_id}: {_both(names)}")
            for names, p in pairs.items()
            if p.detected is None
        ),
    ]
    return Examined(
        image_id=image.image_id,
        group_id=image.group_id,
        group_kind=image.group_kind,
        looked={
            reader: (len(look.drawn), look.says_all, roles.get(reader)) for reader, look in looks.items()
        },
        pairs=pairs,
        sizes=tuple(_sizes(clusters, pairs, asked.readers)),
        rated=tuple(rated),
        contradictions=tuple(contradictions),
        notes=tuple(notes),
    )


def _look(image: ReadImage, reader: str, structures: Collection[Structure]) -> _Look:
    drawn = drawings_by(image, reader, structures)
    return _Look(
        drawn=drawn,
        says_all=stated_coverage(image, reader) is Coverage.COMPLETE,
        unfit=tuple(unfit_by(image, reader, structures)),
        twice=tuple((one, other) for one, other in combinations(drawn, 2) if one.equals(other)),
    )


def _place(image: ReadImage, drawings: Iterable[Drawing]) -> str:
    return f"{image.image_id}: {', '.join(sorted(each.finding.finding_id for each in drawings))}"


def _both(names: Iterable[str]) -> str:
    return " and ".join(name or "not named" for name in names)


def _notes(image: ReadImage, asked: Asked, looks: Mapping[str, _Look]) -> Iterator[tuple[str, str]]:
    if len(looks) == 1:
        yield "one-reader", f"{image.image_id}: {_both(looks)}"
    if not looks:
        yield "no-reader", image.image_id
    elif asked.tolerance.unit == "mm" and image.image.spacing_mm is None:
        yield "no-spacing", image.image_id
    named = {each.reader or "" for each in image.readings}
    for reader in asked.readers:
        if reader in named and reader not in looks:
            yield "covers-nothing", f"{image.image_id}: {reader or 'not named'}"
    for look in looks.values():
        for unfit in look.unfit:
            yield unfit.code, f"{image.image_id}: {unfit.finding.finding_id}"
        for both in look.twice:
            yield "duplicate-drawing", _place(image, both)


def _pair(a: _Look, b: _Look, found: Matching, image: ReadImage, asked: Asked) -> ExaminedPair:
    detected = [_detected(a.drawn, b.drawn, threshold) for threshold in asked.thresholds]
    whole = a.whole and b.whole and not found.ties and None not in detected
    return ExaminedPair(
        matched=tuple(
            _matched(a.drawn[each.a], b.drawn[each.b], each, image, asked.tolerance) for each in found.matches
        ),
        drawn=(len(a.drawn), len(b.drawn)),
        unmatched=(len(found.only_a), len(found.only_b)),
        complete=(a.complete, b.complete),
        detected=tuple(each for each in detected if each) if whole else None,
        image_dice=_image_dice(a, b) if whole else None,
    )


def _matched(a: Drawing, b: Drawing, found: Match, image: ReadImage, tolerance: Tolerance) -> MatchedPair:
    spacing = image.image.spacing_mm if tolerance.unit == "mm" else (1.0, 1.0)
    shape = None
    if a.raster is not None and b.raster is not None and spacing is not None:
        said = measure(a.raster, b.raster, tolerance=tolerance.value, spacing=spacing)
        shape = tuple(float(getattr(said, name)) for name in MEASURES)
    return MatchedPair(
        finding_ids=(a.finding.finding_id, b.finding.finding_id),
        iou=found.iou,
        dice=2 * found.iou / (1 + found.iou),
        shape=shape,
        equal=a.equals(b),
    )


def _detected(a: Sequence[Drawing], b: Sequence[Drawing], threshold: float) -> Detected | None:
    """Return what matches at a threshold; ``None`` where nothing tells what matches what."""
    found = match(a, b, threshold)
    if found.ties:
        return None
    same = sum(_called(a[each.a]) == _called(b[each.b]) for each in found.matches)
    return Detected(matched=len(found.matches), same_class=same)


def _called(drawing: Drawing) -> tuple[str, frozenset[str]]:
    return drawing.finding.structure.value, frozenset(str(label.value) for label in drawing.finding.labels)


def _image_dice(a: _Look, b: _Look) -> float | None:
    rasters = [[each.raster for each in look.drawn if each.raster is not None] for look in (a, b)]
    if len(rasters[0]) != len(a.drawn) or len(rasters[1]) != len(b.drawn):
        return None  # a box is no pixels
    of_a, of_b = (union(found) if found else None for found in rasters)
    if of_a is not None and of_b is not None:
        return dice(of_a, of_b)
    if of_a is None and of_b is None:
        return None
    silent = a if of_a is None else b
    return 0.0 if silent.complete else None


def _sizes(
    clusters: Sequence[Cluster], pairs: Mapping[tuple[str, str], ExaminedPair], readers: Sequence[str]
) -> Iterator[Mapping[str, tuple[float, float]]]:
    """Yield area and diameter by reader of what all readers have outlined and nobody has drawn twice."""
    measured: dict[tuple[str, str], tuple[float, float]] = {}
    for names, pair in pairs.items():
        for matched in pair.matched:
            if matched.shape is None:
                continue
            values = dict(zip(MEASURES, matched.shape, strict=True))
            for side, name, finding_id in zip("ab", names, matched.finding_ids, strict=True):
                measured[name, finding_id] = (values[f"area_{side}"], values[f"diameter_{side}"])
    for each in clusters:
        if each.trouble is None and set(each.drawings) == set(readers):
            keys = {name: (name, drawings[0].finding.finding_id) for name, drawings in each.drawings.items()}
            if measured.keys() >= set(keys.values()):
                yield {name: measured[key] for name, key in keys.items()}
