"""Strategies for every object of the schema, valid by construction.

Each field that may be ``None`` is so at times, texts are any Unicode that can be encoded, and coordinates
may be negative, fractional or outside their image.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pycocotools import mask as coco_mask

from thyrodata.schema.card import Card, Counts, Redistribution, Verified
from thyrodata.schema.geometry import Box, Calipers, Geometry, Line, Mask, Point, Polygon, PolygonPart
from thyrodata.schema.manifest import (
    SCHEMA_VERSION,
    Manifest,
    Operation,
    Parent,
    Setting,
    Source,
    Tally,
    Version,
)
from thyrodata.schema.record import (
    Acquisition,
    AcrPoints,
    Age,
    CropLedger,
    Derived,
    Finding,
    ImageRecord,
    ImageRef,
    Label,
    Nodule,
    OfficialSplit,
    Origin,
    Patient,
    PixelBox,
    Read,
    Reading,
    Remark,
    Scaling,
    SourceField,
)
from thyrodata.schema.vocab import (
    EDITIONS,
    SCHEMES,
    Basis,
    Coverage,
    GroupKind,
    Location,
    Modality,
    Sex,
    Structure,
    Term,
    ViewPlane,
)

T = TypeVar("T")

texts = st.text(max_size=12)
words = st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"]), min_size=1, max_size=8)
plain_names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,6}", fullmatch=True)
sha256s = st.text(string.hexdigits[:16], min_size=64, max_size=64)
reals = st.floats(-1e6, 1e6, allow_nan=False)
lengths = st.floats(0, 1e4, allow_nan=False)
positive_reals = st.floats(1e-3, 1e4)
naturals = st.integers(0, 2**40)


def maybe(strategy: SearchStrategy[T]) -> SearchStrategy[T | None]:
    return st.none() | strategy


def tuples_of(strategy: SearchStrategy[T], **limits: Any) -> SearchStrategy[tuple[T, ...]]:
    return st.lists(strategy, **{"max_size": 3, **limits}).map(tuple)


def sizes(longest: int = 1200) -> SearchStrategy[tuple[int, int]]:
    """Height and width: mostly small, at times as large as a scanner's screen."""
    side = st.integers(1, 16)
    return st.tuples(side, side) | st.tuples(st.integers(1, longest), st.integers(1, longest))


points: SearchStrategy[Point] = st.tuples(reals, reals)
rings = tuples_of(points, min_size=3, max_size=6)
segments = st.tuples(points, points)
boxes = st.builds(Box, x=reals, y=reals, width=lengths, height=lengths)
polygon_parts = st.builds(PolygonPart, exterior=rings, holes=tuples_of(rings, max_size=2))
polygons = st.builds(Polygon, parts=tuples_of(polygon_parts, min_size=1))
calipers = st.builds(Calipers, long=segments, short=maybe(segments))
lines = st.builds(Line, points=tuples_of(points, min_size=2, max_size=5))


@st.composite
def run_lengths(draw: st.DrawFn, height: int, width: int, *, unique: bool = True) -> list[int]:
    """Runs of zeros and ones by turns, zeros first; if unique, no run but the first is zero."""
    area = height * width
    cuts = draw(st.lists(st.integers(0, area - 1), unique=unique, max_size=12))
    edges = [0, *sorted(cuts), area]
    return [end - start for start, end in pairwise(edges)]


def compressed(runs: Sequence[int], height: int, width: int) -> str:
    """The runs as pycocotools writes them."""
    encoded = coco_mask.frPyObjects({"counts": list(runs), "size": [height, width]}, height, width)
    return str(encoded["counts"], "ascii")


@st.composite
def masks(draw: st.DrawFn, size: tuple[int, int] | None = None) -> Mask:
    height, width = size or draw(sizes())
    runs = draw(run_lengths(height, width))
    return Mask(height=height, width=width, counts=compressed(runs, height, width))


def geometries(size: tuple[int, int] | None = None) -> SearchStrategy[Geometry]:
    return st.one_of(boxes, polygons, masks(size), calipers, lines)


terms: SearchStrategy[Term] = st.sampled_from(sorted(SCHEMES)).flatmap(lambda s: st.sampled_from(SCHEMES[s]))


@st.composite
def labels(draw: st.DrawFn) -> Label:
    value = draw(terms)
    editions = sorted(EDITIONS.get(value.scheme, ()))
    return Label(
        value=value,
        edition=draw(st.sampled_from([None, *editions])),
        basis=draw(maybe(st.sampled_from(Basis))),
        reader=draw(maybe(texts)),
    )


source_fields = st.builds(SourceField, name=texts, text=texts)
remarks = st.builds(Remark, code=plain_names, text=texts)
ages = st.builds(Age, years=st.integers(0, 130), at_least=st.booleans())
patients = st.builds(Patient, sex=maybe(st.sampled_from(Sex)), age=maybe(ages))
official_splits = st.builds(OfficialSplit, name=st.just("") | plain_names, part=plain_names)
readings = st.builds(
    Reading, reader=maybe(texts), role=maybe(texts), coverage=maybe(st.sampled_from(Coverage))
)
acquisitions = st.builds(
    Acquisition,
    manufacturer=maybe(texts),
    model=maybe(texts),
    probe=maybe(texts),
    view_plane=maybe(st.sampled_from(ViewPlane)),
    lossy=maybe(st.booleans()),
    frame_time_ms=maybe(positive_reals),
    window_hu=maybe(
        st.tuples(reals, reals).map(sorted).map(tuple).filter(lambda window: window[0] < window[1])
    ),
    slice_spacing_mm=maybe(positive_reals),
)
acr_points = st.builds(
    AcrPoints,
    composition=maybe(st.integers(0, 2)),
    echogenicity=maybe(st.integers(0, 3)),
    shape=maybe(st.sampled_from([0, 3])),
    margin=maybe(st.sampled_from([0, 2, 3])),
    echogenic_foci=maybe(st.integers(0, 6)),
)
nodules = st.builds(
    Nodule,
    nodule_id=texts,
    location=maybe(st.sampled_from(Location)),
    size_mm=tuples_of(maybe(positive_reals)),
    labels=tuples_of(labels()),
    points=maybe(acr_points),
    source_fields=tuples_of(source_fields),
)


@st.composite
def pixel_boxes(draw: st.DrawFn, width: int, height: int) -> PixelBox:
    x0, y0 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return (x0, y0, draw(st.integers(x0 + 1, width)), draw(st.integers(y0 + 1, height)))


@st.composite
def crop_ledgers(draw: st.DrawFn) -> CropLedger:
    height, width = draw(sizes())
    return CropLedger(
        source_width=width,
        source_height=height,
        kept_box=draw(pixel_boxes(width, height)),
        blanked_boxes=draw(tuples_of(pixel_boxes(width, height))),
        frame_key=draw(texts),
    )


@st.composite
def scalings(draw: st.DrawFn) -> Scaling:
    height, width = draw(sizes())
    return Scaling(
        source_width=width,
        source_height=height,
        scale_x=draw(positive_reals),
        scale_y=draw(positive_reals),
        offset_x=draw(reals),
        offset_y=draw(reals),
    )


paths = st.lists(words.filter(lambda w: "/" not in w and "\\" not in w and w not in {".", ".."}), min_size=1)


@st.composite
def image_refs(draw: st.DrawFn) -> ImageRef:
    height, width = draw(sizes())
    return ImageRef(
        width=width,
        height=height,
        path=draw(maybe(paths.map("/".join))),
        bit_depth=draw(st.sampled_from([None, 8, 12, 16])),
        sha256=draw(maybe(sha256s)),
        frame_index=draw(maybe(naturals)),
        spacing_mm=draw(maybe(st.tuples(positive_reals, positive_reals))),
        crop=draw(maybe(crop_ledgers())),
        scaling=draw(maybe(scalings())),
    )


deriveds = st.builds(Derived, policy=texts, from_ids=tuples_of(texts))


@st.composite
def origins(draw: st.DrawFn, known: Sequence[Reading]) -> Origin:
    """By one of the readers, or computed; computed if nobody read."""
    read = st.sampled_from([Read(reader=reading.reader) for reading in known]) if known else st.nothing()
    return draw(read | deriveds)


@st.composite
def findings(
    draw: st.DrawFn,
    finding_id: str,
    size: tuple[int, int],
    known: Sequence[Reading],
    nodule_ids: Sequence[str],
) -> Finding:
    """A finding that a record with these readings and nodules may have."""
    origin = draw(origins(known))
    empty = {reading.reader for reading in known if reading.coverage is Coverage.NONE}
    covers_nothing = isinstance(origin, Read) and origin.reader in empty
    return Finding(
        finding_id=finding_id,
        structure=Structure.MARKER if covers_nothing else draw(st.sampled_from(Structure)),
        geometries=draw(tuples_of(geometries(size), min_size=1, max_size=5, unique_by=type)),
        labels=draw(tuples_of(labels())),
        score=draw(maybe(st.floats(0, 1))),
        crowd=draw(st.booleans()),
        nodule_id=draw(st.sampled_from([None, *nodule_ids])),
        origin=origin,
        source_fields=draw(tuples_of(source_fields)),
    )


identifiers = st.builds(
    "{}/{}".format,
    st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,6}", fullmatch=True),
    words | st.builds("{} {}".format, words, words),
)


@st.composite
def image_records(draw: st.DrawFn) -> ImageRecord:
    image = draw(image_refs())
    known = draw(tuples_of(readings, unique_by=lambda reading: reading.reader))
    told = draw(tuples_of(nodules, max_size=2, unique_by=lambda nodule: nodule.nodule_id))
    size, nodule_ids = (image.height, image.width), [nodule.nodule_id for nodule in told]
    finding_ids = draw(st.lists(texts, max_size=3, unique=True))
    return ImageRecord(
        image_id=draw(identifiers),
        image=image,
        modality=draw(st.sampled_from(Modality)),
        acquisition=draw(maybe(acquisitions)),
        group_id=draw(identifiers),
        group_kind=draw(st.sampled_from(GroupKind)),
        patient=draw(maybe(patients)),
        study_id=draw(maybe(texts)),
        series_id=draw(maybe(texts)),
        nodules=told,
        case_labels=draw(tuples_of(labels())),
        image_labels=draw(tuples_of(labels())),
        readings=known,
        findings=tuple(draw(findings(finding_id, size, known, nodule_ids)) for finding_id in finding_ids),
        official_splits=draw(tuples_of(official_splits, unique_by=lambda split: split.name)),
        source_fields=draw(tuples_of(source_fields)),
        remarks=draw(tuples_of(remarks)),
        source=draw(texts),
    )


counts = st.builds(Counts, **{name: maybe(naturals) for name in ("cases", "patients", "images", "outlines")})
cards = st.builds(
    Card,
    **dict.fromkeys(
        ("name", "title", "licence", "access", "consent", "ethics", "citation", "readers"), words
    ),
    modality=st.sampled_from(Modality),
    identity=st.sampled_from(GroupKind),
    redistribution=st.sampled_from(Redistribution),
    doi=maybe(texts),
    homepage=maybe(texts),
    coverage=maybe(st.sampled_from(Coverage)),
    vocabularies=tuples_of(st.sampled_from(sorted(SCHEMES))),
    published=tuples_of(counts),
    measured=maybe(counts),
    verified=st.sampled_from(Verified),
    known_issues=tuples_of(texts),
)

settings = st.builds(Setting, name=texts, value=texts)
sources = st.builds(
    Source,
    card=texts,
    licence=texts,
    converter=texts,
    settings=tuples_of(settings),
    raw_sha256=sha256s,
    raw_files_read=naturals,
    raw_files_skipped=naturals,
    raw_files_ignored=naturals,
)
parents = st.builds(Parent, name=texts, sha256=sha256s)
manifests = st.builds(
    Manifest,
    schema_version=st.just(SCHEMA_VERSION),
    name=texts,
    sources=tuples_of(sources),
    versions=tuples_of(st.builds(Version, package=texts, version=texts)),
    encoder=maybe(texts),
    pixel_sha256=sha256s,
    counts=tuples_of(st.builds(Tally, what=texts, value=texts, n=naturals)),
    skips=naturals,
    operations=tuples_of(
        st.builds(Operation, name=texts, settings=tuples_of(settings), parents=tuples_of(parents))
    ),
)
