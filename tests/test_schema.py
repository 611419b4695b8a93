"""The data model: invalid objects cannot exist, vocabularies are closed, and the Arrow schema matches it."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, fields, is_dataclass
from enum import Enum
from inspect import Parameter, signature
from itertools import pairwise
from math import inf, nan
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pyarrow as pa
import pytest

from thyrodata.errors import SchemaError
from thyrodata.io.parquet import RECORDS, batch_of, records_of
from thyrodata.schema import card, geometry, manifest, record
from thyrodata.schema.card import Card, Counts, Redistribution, Verified
from thyrodata.schema.geometry import Box, Calipers, Line, Mask, Point, Polygon, PolygonPart
from thyrodata.schema.manifest import SCHEMA_VERSION, Manifest, Tally
from thyrodata.schema.plain import from_plain, to_plain
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
    Read,
    Reading,
    Remark,
    SourceField,
)
from thyrodata.schema.vocab import (
    EDITIONS,
    GRADED,
    SCHEMES,
    Bethesda,
    Coverage,
    DdtiMargins,
    GroupKind,
    Malignancy,
    Modality,
    Structure,
    Term,
    TiradsAcr,
    TiradsKorean,
    TiradsKwak,
    parse_term,
)

GOLDEN = Path(__file__).parent / "fixtures" / "deeplesion" / "golden.json"


# --- Arrow and the dataclasses: same names, same order, same shapes ---


def mismatches(schema: pa.Schema, cls: type) -> list[str]:
    """What of an Arrow schema is not what the dataclass's fields ask for."""
    found = [
        f"{field.name}: nullable is {schema.field(field.name).nullable}"
        for field in fields(cls)
        if field.name in schema.names and schema.field(field.name).nullable != (field.default is not MISSING)
    ]
    return found + _struct_mismatches(pa.struct(list(schema)), cls, "")


def _struct_mismatches(kind: pa.StructType, cls: Any, where: str) -> list[str]:
    hints = get_type_hints(cls)
    expected = [(field.name, hints[field.name]) for field in fields(cls)]
    return _members_mismatches(kind, expected, where)


def _members_mismatches(kind: pa.DataType, expected: list[tuple[str, Any]], where: str) -> list[str]:
    if not pa.types.is_struct(kind):
        return [f"{where}: {kind} is no struct"]
    names = [name for name, _ in expected]
    if [field.name for field in kind] != names:
        return [f"{where}: {[field.name for field in kind]} are not {names}"]
    return [
        problem
        for name, hint in expected
        for problem in _mismatches(kind.field(name).type, hint, f"{where}.{name}".lstrip("."))
    ]


def _mismatches(kind: pa.DataType, hint: Any, where: str) -> list[str]:
    members = [m for m in get_args(hint) if m is not NoneType] if _is_union(hint) else [hint]
    if len(members) > 1:
        return _members_mismatches(kind, [(m.__name__.lower(), m) for m in members], where)
    bare = members[0]
    if get_origin(bare) is tuple:
        if not pa.types.is_list(kind):
            return [f"{where}: {kind} is no list"]
        item = get_args(bare)[0]
        return _mismatches(kind.value_type, float if item == Point else item, f"{where}[]")
    if is_dataclass(bare):
        return _struct_mismatches(kind, bare, where)
    scalars = {int: pa.int64(), float: pa.float64(), bool: pa.bool_(), str: pa.string()}
    expected = pa.string() if issubclass(bare, Enum) else scalars[bare]
    return [] if kind == expected else [f"{where}: {kind} is not {expected}"]


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, UnionType)


def test_arrow_schema_is_that_of_the_dataclasses() -> None:
    assert mismatches(RECORDS, ImageRecord) == []


def _graft(kind: pa.DataType, path: list[str], change: Callable[[list[pa.Field]], list[pa.Field]]) -> Any:
    """The type with the fields of the struct at a path changed; lists are looked through."""
    if pa.types.is_list(kind):
        return pa.list_(_graft(kind.value_type, path, change))
    if not path:
        return pa.struct(change(list(kind)))
    head, *rest = path
    return pa.struct([f.with_type(_graft(f.type, rest, change)) if f.name == head else f for f in kind])


DOCTORED: dict[str, tuple[list[str], Callable[[list[pa.Field]], list[pa.Field]]]] = {
    "a column is missing": ([], lambda f: f[:-1]),
    "a column is added": ([], lambda f: [*f, pa.field("mood", pa.string())]),
    "columns are swapped": ([], lambda f: [f[1], f[0], *f[2:]]),
    "a column is renamed": ([], lambda f: [f[0].with_name("id"), *f[1:]]),
    "what must be said may be null": ([], lambda f: [pa.field(f[0].name, f[0].type), *f[1:]]),
    "what may be unsaid may not be null": (
        [],
        lambda f: [*f[:3], pa.field(f[3].name, f[3].type, nullable=False), *f[4:]],
    ),
    "a text is a number": ([], lambda f: [f[0].with_type(pa.int64()), *f[1:]]),
    "a list is a struct": (
        [],
        lambda f: [x.with_type(x.type.value_type) if x.name == "findings" else x for x in f],
    ),
    "a struct is a list": (
        [],
        lambda f: [x.with_type(pa.list_(x.type)) if x.name == "image" else x for x in f],
    ),
    "a whole number is short": (["image"], lambda f: [f[0].with_type(pa.int32()), *f[1:]]),
    "a nested field is missing": (["image", "crop"], lambda f: f[1:]),
    "nested fields are swapped": (["findings", "labels"], lambda f: f[::-1]),
    "a union lacks a member": (["findings", "geometries"], lambda f: f[:-1]),
    "a union's member is of another type": (
        ["findings", "origin"],
        lambda f: [f[0], f[1].with_type(f[0].type)],
    ),
    "points are in pairs": (
        ["findings", "geometries", "line"],
        lambda f: [f[0].with_type(pa.list_(pa.list_(pa.float64())))],
    ),
    "numbers are single": (["nodules"], lambda f: [*f[:2], f[2].with_type(pa.list_(pa.float32())), *f[3:]]),
}


@pytest.mark.parametrize("name", DOCTORED)
def test_a_planted_mismatch_is_found(name: str) -> None:
    path, change = DOCTORED[name]
    doctored = pa.schema(list(_graft(pa.struct(list(RECORDS)), path, change)))
    assert len(mismatches(doctored, ImageRecord)) == 1


def test_other_columns_are_refused() -> None:
    batch = batch_of([])
    with pytest.raises(SchemaError, match="columns"):
        records_of(batch.select(batch.schema.names[::-1]))


# --- Objects: frozen, keyword-only, never invalid ---

CLASSES = [
    cls
    for module in (card, geometry, manifest, record)
    for cls in vars(module).values()
    if isinstance(cls, type) and is_dataclass(cls) and cls.__module__ == module.__name__
]


@pytest.mark.parametrize("cls", CLASSES)
def test_class_is_frozen_slotted_and_keyword_only(cls: type) -> None:
    empty: Any = object.__new__(cls)
    assert not hasattr(empty, "__dict__")
    with pytest.raises(FrozenInstanceError):
        setattr(empty, fields(cls)[0].name, None)
    kinds = {parameter.kind for parameter in signature(cls).parameters.values()}
    assert kinds == {Parameter.KEYWORD_ONLY}


def test_records_are_hashable() -> None:
    assert len({from_plain(ImageRecord, json.loads(GOLDEN.read_text())) for _ in range(2)}) == 1


SQUARE = ((0.0, 0.0), (4.0, 0.0), (4.0, 4.0))
BOX = Box(x=1.0, y=2.0, width=3.0, height=4.0)
MASK = Mask(height=2, width=3, counts="6")


def crop(**changes: Any) -> CropLedger:
    return CropLedger(
        **{"source_width": 9, "source_height": 8, "kept_box": (1, 2, 4, 4), "frame_key": "f", **changes}
    )


def image(**changes: Any) -> ImageRef:
    return ImageRef(**{"width": 3, "height": 2, **changes})


def finding(**changes: Any) -> Finding:
    return Finding(**{"finding_id": "1", "structure": Structure.NODULE, "geometries": (BOX,), **changes})


def an_image_record(**changes: Any) -> ImageRecord:
    return ImageRecord(
        **{
            "image_id": "made/1",
            "image": image(),
            "modality": Modality.ULTRASOUND,
            "group_id": "made/1",
            "group_kind": GroupKind.CASE,
            "readings": (Reading(),),
            "findings": (finding(),),
            "source": "made",
            **changes,
        }
    )


def a_card(**changes: Any) -> Card:
    texts = ("name", "title", "licence", "access", "consent", "ethics", "citation", "readers")
    return Card(
        **{
            **dict.fromkeys(texts, "not stated"),
            "modality": Modality.CT,
            "identity": GroupKind.IMAGE,
            "redistribution": Redistribution.NOT_STATED,
            "verified": Verified.LAYOUT,
            **changes,
        }
    )


def a_manifest(**changes: Any) -> Manifest:
    given = {
        "schema_version": SCHEMA_VERSION,
        "name": "m",
        "sources": (),
        "versions": (),
        "pixel_sha256": "0",
        "counts": (),
        "skips": 0,
    }
    return Manifest(**{**given, **changes})


def test_the_objects_that_the_table_breaks_are_valid() -> None:
    assert an_image_record(image=image(crop=crop())).findings == (finding(),)
    assert a_card().vocabularies == ()
    assert a_manifest().schema_version == SCHEMA_VERSION


INVALID: dict[str, tuple[Callable[[], object], str]] = {
    # geometries
    "box: width below zero": (lambda: Box(x=0.0, y=0.0, width=-1.0, height=1.0), "negative side"),
    "box: height below zero": (lambda: Box(x=0.0, y=0.0, width=1.0, height=-0.1), "negative side"),
    "box: not a number": (lambda: Box(x=nan, y=0.0, width=1.0, height=1.0), "finite"),
    "box: infinite": (lambda: Box(x=0.0, y=0.0, width=1.0, height=inf), "finite"),
    "box: far beyond any image": (lambda: Box(x=1e7, y=0.0, width=1.0, height=1.0), "beyond"),
    "box: far before any image": (lambda: Box(x=0.0, y=-1e7, width=1.0, height=1.0), "beyond"),
    "polygon: ring of two points": (lambda: PolygonPart(exterior=SQUARE[:2]), "2 points"),
    "polygon: ring of no points": (lambda: PolygonPart(exterior=()), "0 points"),
    "polygon: hole of two points": (lambda: PolygonPart(exterior=SQUARE, holes=(SQUARE[:2],)), "2 points"),
    "polygon: infinite": (lambda: PolygonPart(exterior=(*SQUARE, (0.0, -inf))), "finite"),
    "polygon: infinite hole": (
        lambda: PolygonPart(exterior=SQUARE, holes=((*SQUARE, (nan, 0.0)),)),
        "finite",
    ),
    "polygon: no part": (lambda: Polygon(parts=()), "no part"),
    "mask: no rows": (lambda: Mask(height=0, width=3, counts="0"), "no pixels"),
    "mask: negative columns": (lambda: Mask(height=1, width=-3, counts="3"), "no pixels"),
    "mask: no runs": (lambda: Mask(height=2, width=3, counts=""), "sum"),
    "mask: too few pixels": (lambda: Mask(height=2, width=3, counts="5"), "sum"),
    "mask: too many pixels": (lambda: Mask(height=2, width=3, counts="7"), "sum"),
    "mask: foreign character": (lambda: Mask(height=2, width=3, counts="6 "), "outside"),
    "mask: character beyond ASCII": (lambda: Mask(height=3, width=5, counts="é"), "outside"),
    "mask: character after the last": (lambda: Mask(height=2, width=3, counts="p"), "outside"),
    "mask: a run below zero": (lambda: Mask(height=2, width=3, counts="6O1"), "negative"),
    "mask: a number that does not end": (lambda: Mask(height=2, width=3, counts="6P"), "inside a number"),
    "mask: a number of fourteen characters": (
        lambda: Mask(height=2, width=3, counts="V" + "P" * 12 + "0"),
        "longer",
    ),
    "mask: a number without end": (lambda: Mask(height=2, width=3, counts="o" * 1_000_000), "longer"),
    "calipers: infinite": (lambda: Calipers(long=((0.0, 0.0), (inf, 1.0))), "finite"),
    "calipers: infinite short axis": (
        lambda: Calipers(long=SQUARE[:2], short=((nan, 0.0), (1.0, 1.0))),
        "finite",
    ),
    "line: one point": (lambda: Line(points=SQUARE[:1]), "1 points"),
    "line: infinite": (lambda: Line(points=((0.0, 0.0), (nan, 1.0))), "finite"),
    # the image and the people
    "crop: empty": (lambda: crop(kept_box=(1, 2, 1, 4)), "kept box"),
    "crop: inside out": (lambda: crop(kept_box=(1, 4, 4, 2)), "kept box"),
    "crop: before the frame": (lambda: crop(kept_box=(-1, 2, 4, 4)), "kept box"),
    "crop: wider than the frame": (lambda: crop(kept_box=(1, 2, 10, 4)), "kept box"),
    "crop: taller than the frame": (lambda: crop(kept_box=(1, 2, 4, 9)), "kept box"),
    "image: no columns": (lambda: image(width=0), "no pixels"),
    "image: negative rows": (lambda: image(height=-2), "no pixels"),
    "image: path from the root": (lambda: image(path="/etc/passwd"), "path"),
    "image: path out of the dataset": (lambda: image(path="images/../../x.png"), "path"),
    "image: path through itself": (lambda: image(path="./x.png"), "path"),
    "image: path with a double slash": (lambda: image(path="images//x.png"), "path"),
    "image: path to a folder": (lambda: image(path="images/"), "path"),
    "image: empty path": (lambda: image(path=""), "path"),
    "image: path with a backslash": (lambda: image(path="images\\x.png"), "path"),
    "image: path with a line end": (lambda: image(path="images/x\n.png"), "path"),
    "image: short hash": (lambda: image(sha256="0" * 63), "sha256"),
    "image: upper-case hash": (lambda: image(sha256="A" * 64), "sha256"),
    "image: hash and a line end": (lambda: image(sha256="0" * 64 + "\n"), "sha256"),
    "image: frame below zero": (lambda: image(frame_index=-1), "frame index"),
    "image: no spacing": (lambda: image(spacing_mm=(0.0, 0.1)), "spacing"),
    "image: negative spacing": (lambda: image(spacing_mm=(0.1, -0.1)), "spacing"),
    "image: infinite spacing": (lambda: image(spacing_mm=(0.1, inf)), "spacing"),
    "image: spacing not a number": (lambda: image(spacing_mm=(nan, 0.1)), "spacing"),
    "age: below zero": (lambda: Age(years=-1), "nobody"),
    "age: a birth year": (lambda: Age(years=1962), "nobody"),
    "acquisition: no frame time": (lambda: Acquisition(frame_time_ms=0.0), "frame time"),
    "acquisition: endless slice spacing": (lambda: Acquisition(slice_spacing_mm=inf), "slice spacing"),
    "acquisition: window turned round": (lambda: Acquisition(window_hu=(40.0, -40.0)), "window"),
    "image: bit depth of none": (lambda: image(bit_depth=0), "bit depth"),
    "source field: half a character": (lambda: SourceField(name="a", text="\ud800"), "not Unicode"),
    "remark: half a character": (lambda: Remark(code="a", text="\ud800"), "not Unicode"),
    "finding: score is no number": (lambda: finding(score=nan), "score"),
    # labels and points
    "label: an edition that never was": (lambda: Label(value=Bethesda.IV, edition="2010"), "edition"),
    "label: an edition of another scheme": (lambda: Label(value=TiradsKorean.K3, edition="2017"), "edition"),
    "label: an edition of a scheme without": (lambda: Label(value=TiradsKwak.T5, edition="2011"), "edition"),
    "points: composition 3": (lambda: AcrPoints(composition=3), "composition"),
    "points: echogenicity 4": (lambda: AcrPoints(echogenicity=4), "echogenicity"),
    "points: shape 1": (lambda: AcrPoints(shape=1), "shape"),
    "points: margin 1": (lambda: AcrPoints(margin=1), "margin"),
    "points: foci 7": (lambda: AcrPoints(echogenic_foci=7), "echogenic_foci"),
    "points: below zero": (lambda: AcrPoints(composition=-1), "composition"),
    # nodules, findings, splits, remarks
    "nodule: four sizes": (lambda: Nodule(nodule_id="1", size_mm=(1.0, 2.0, 3.0, 4.0)), "4 sizes"),
    "nodule: no size": (lambda: Nodule(nodule_id="1", size_mm=(0.0,)), "not positive"),
    "nodule: negative size": (lambda: Nodule(nodule_id="1", size_mm=(None, -2.0)), "not positive"),
    "nodule: infinite size": (lambda: Nodule(nodule_id="1", size_mm=(inf,)), "not positive"),
    "finding: no geometry": (lambda: finding(geometries=()), "no geometry"),
    "finding: two boxes": (lambda: finding(geometries=(BOX, MASK, BOX)), "two geometries of one class"),
    "split: a part with a space": (lambda: OfficialSplit(part="train set"), "plain name"),
    "split: an upper-case part": (lambda: OfficialSplit(part="Train"), "plain name"),
    "split: no part": (lambda: OfficialSplit(part=""), "plain name"),
    "split: a name with a slash": (lambda: OfficialSplit(name="a/b", part="train"), "plain name"),
    "remark: no code": (lambda: Remark(code="", text="?"), "remark code"),
    "remark: a sentence for a code": (lambda: Remark(code="It is cut.", text=""), "remark code"),
    # the record
    "record: id without a namespace": (lambda: an_image_record(image_id="1"), "namespace/name"),
    "record: id without a name": (lambda: an_image_record(image_id="made/"), "namespace/name"),
    "record: id in an upper-case namespace": (lambda: an_image_record(image_id="Made/1"), "namespace/name"),
    "record: id with a line end": (lambda: an_image_record(image_id="made/1\n2"), "namespace/name"),
    "record: id that ends in a space": (lambda: an_image_record(image_id="made/1 "), "namespace/name"),
    "record: id that begins with a space": (lambda: an_image_record(image_id="made/ 1"), "namespace/name"),
    "record: group id without a namespace": (lambda: an_image_record(group_id="1"), "namespace/name"),
    "record: a reader twice": (
        lambda: an_image_record(readings=(Reading(reader="a"),) * 2, findings=()),
        "twice",
    ),
    "record: an unnamed reader twice": (
        lambda: an_image_record(readings=(Reading(), Reading(role="r"))),
        "twice",
    ),
    "record: a finding twice": (lambda: an_image_record(findings=(finding(), finding(score=0.5))), "twice"),
    "record: a nodule twice": (lambda: an_image_record(nodules=(Nodule(nodule_id="1"),) * 2), "twice"),
    "record: a split twice": (
        lambda: an_image_record(official_splits=(OfficialSplit(part="a"), OfficialSplit(part="b"))),
        "twice",
    ),
    "record: a finding of a stranger": (
        lambda: an_image_record(findings=(finding(origin=Read(reader="a")),)),
        "no reading",
    ),
    "record: a finding that nobody read": (lambda: an_image_record(readings=()), "no reading"),
    "record: a finding of an unknown nodule": (
        lambda: an_image_record(findings=(finding(nodule_id="1"),)),
        "names a nodule",
    ),
    "record: a finding of a reading of nothing": (
        lambda: an_image_record(readings=(Reading(coverage=Coverage.NONE),)),
        "covers nothing",
    ),
    "record: a mask of the turned image": (
        lambda: an_image_record(findings=(finding(geometries=(Mask(height=3, width=2, counts="6"),)),)),
        "another size",
    ),
    # card and manifest
    **{
        f"card: blank {name}": (lambda name=name: a_card(**{name: " "}), f"{name} is empty")  # type: ignore[misc]
        for name in ("name", "title", "licence", "access", "consent", "ethics", "citation", "readers")
    },
    "card: an unknown vocabulary": (lambda: a_card(vocabularies=("malignancy", "tirads")), "'tirads'"),
    "manifest: of another version": (lambda: a_manifest(schema_version="9.0"), "schema 9.0"),
}


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_object_cannot_be_built(name: str) -> None:
    build, words = INVALID[name]
    with pytest.raises(SchemaError, match=words):
        build()


VALID: dict[str, Callable[[], object]] = {
    "a box without area": lambda: Box(x=-1.5, y=0.0, width=0.0, height=0.0),
    "a mask whose first run is zero": lambda: Mask(height=2, width=3, counts="06"),
    "a mask whose number is written with thirteen characters": lambda: Mask(
        height=2, width=3, counts="V" + "P" * 11 + "0"
    ),
    "a path with dots and spaces in its names": lambda: image(path="images/a b/..x..y.png"),
    "a box kept whole": lambda: crop(kept_box=(0, 0, 9, 8)),
    "a newborn": lambda: Age(years=0),
    "the editions of the schemes that have them": lambda: [
        Label(value=next(iter(SCHEMES[scheme])), edition=year)
        for scheme in EDITIONS
        for year in EDITIONS[scheme]
    ],
    "all points of the lexicon": lambda: AcrPoints(
        composition=2, echogenicity=3, shape=3, margin=3, echogenic_foci=6
    ),
    "a nodule with its second size only": lambda: Nodule(nodule_id="1", size_mm=(None, 3.5, None)),
    "a finding that a policy made, read by nobody": lambda: an_image_record(
        readings=(), findings=(finding(origin=Derived(policy="majority", from_ids=("1",))),)
    ),
    "a marker in a reading of nothing": lambda: an_image_record(
        readings=(Reading(coverage=Coverage.NONE),), findings=(finding(structure=Structure.MARKER),)
    ),
    "an id with slashes, dots, spaces and accents": lambda: an_image_record(image_id="a.b_c-1/é 2/3.png"),
    "a mask of the image's size": lambda: an_image_record(findings=(finding(geometries=(MASK,)),)),
}


@pytest.mark.parametrize("name", VALID)
def test_what_lies_just_inside_can_be_built(name: str) -> None:
    assert VALID[name]()


@pytest.mark.parametrize(
    ("stated", "coverage"),
    [
        ([], Coverage.NONE),
        ([Coverage.NONE], Coverage.NONE),
        ([None], None),
        ([Coverage.NONE, None], None),
        ([None, Coverage.PARTIAL], Coverage.PARTIAL),
        ([Coverage.NONE, Coverage.PARTIAL], Coverage.PARTIAL),
        ([Coverage.PARTIAL, Coverage.COMPLETE, Coverage.NONE], Coverage.COMPLETE),
    ],
)
def test_coverage_of_an_image_is_the_best_of_its_readings(
    stated: list[Coverage | None], coverage: Coverage | None
) -> None:
    readings = tuple(Reading(reader=str(i), coverage=value) for i, value in enumerate(stated))
    assert an_image_record(readings=readings, findings=()).coverage is coverage


def test_geometry_of_a_finding_is_the_first_that_is_asked_for() -> None:
    drawn = finding(geometries=(BOX, MASK))
    assert drawn.geometry(Mask) is MASK
    assert drawn.geometry(Polygon, Box) is BOX
    assert drawn.geometry(Mask, Box) is MASK
    assert drawn.geometry(Line) is None


def test_manifest_counts_one_value_or_all() -> None:
    counts = (
        Tally(what="findings", value="nodule", n=3),
        Tally(what="findings", value="marker", n=2),
        Tally(what="remarks", value="nodule", n=7),
    )
    made = a_manifest(counts=counts)
    assert made.count("findings") == 5
    assert made.count("findings", "marker") == 2
    assert made.count("skips") == 0


# --- Vocabularies ---


def test_schemes_are_alphabetical_and_hold_every_vocabulary() -> None:
    assert list(SCHEMES) == sorted(SCHEMES)
    assert set(SCHEMES.values()) == set(Term.__subclasses__())


def test_terms_are_unique_and_parse_back() -> None:
    terms = [term for scheme in SCHEMES.values() for term in scheme]
    assert len({str(term) for term in terms}) == len(terms)
    for scheme, members in SCHEMES.items():
        assert members.__members__.keys() == {member.name for member in members}, "a value stands there twice"
        for term in members:
            assert term.scheme == scheme
            assert str(term) == f"{scheme}/{term.value}"
            assert parse_term(str(term)) is term


def test_a_word_that_has_travelled_is_the_same_key() -> None:
    """Words are hashed by identity, which is right as long as each stays the one object."""
    words = [*TiradsKwak, *Coverage, *GroupKind, *Modality, *Structure]
    travelled = [pickle.loads(pickle.dumps(word)) for word in words]  # noqa: S301 -- pickled a moment ago
    travelled += [*copy.deepcopy(words), *(type(word)(word.value) for word in words)]
    places = {word: place for place, word in enumerate(words)}
    assert [places[word] for word in travelled] == [*range(len(words))] * 3
    assert {Label(value=word): word for word in TiradsKwak}[Label(value=TiradsKwak.T5)] is TiradsKwak.T5


@pytest.mark.parametrize("text", ["tirads/4", "", "4a", "TIRADS-KWAK/4a", "/"])
def test_an_unknown_scheme_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(SchemaError, match="unknown label scheme") as caught:
        parse_term(text)
    assert all(scheme in caught.value.hint for scheme in SCHEMES)


@pytest.mark.parametrize("text", ["tirads-kwak/6", "tirads-kwak/", "tirads-kwak", "tirads-kwak/4A"])
def test_an_unknown_value_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(SchemaError, match="not a value of tirads-kwak") as caught:
        parse_term(text)
    assert caught.value.hint.endswith("1, 2, 3, 4a, 4b, 4c, 5")


def test_graded_schemes() -> None:
    assert {"bethesda", "malignancy"} | {s for s in SCHEMES if s.startswith("tirads-")} == GRADED


@pytest.mark.parametrize("scheme", sorted(GRADED))
def test_grades_ascend_with_the_published_values(scheme: str) -> None:
    members = list(SCHEMES[scheme])
    assert [term.grade for term in members] == list(range(len(members)))
    words = {
        "malignancy": ["benign", "malignant"],
        "tirads-eu-risk": ["benign", "low-risk", "intermediate-risk", "high-risk"],
    }
    order = words.get(scheme, ["I", "II", "III", "IV", "V", "VI"])
    ranks = [
        (order.index(text), "") if text in order else (int(text[0]), text[1:].lower())
        for text in (term.value.removeprefix("TR") for term in members)
    ]
    assert all(low < high for low, high in pairwise(ranks))


def test_ungraded_terms_have_no_grade() -> None:
    assert DdtiMargins.SPICULATED.grade is None
    assert Malignancy.BENIGN.grade == 0
    assert TiradsAcr.TR5.grade == 4


def test_editions_are_of_known_schemes() -> None:
    assert EDITIONS.keys() <= SCHEMES.keys()
    assert all(year.isdecimal() and len(year) == 4 for years in EDITIONS.values() for year in years)


# --- From plain values ---


def broken(change: Callable[[Any], object]) -> SchemaError:
    plain = json.loads(GOLDEN.read_text(encoding="utf-8"))
    change(plain)
    with pytest.raises(SchemaError) as caught:
        from_plain(ImageRecord, plain)
    return caught.value


PLACES: dict[str, tuple[Callable[[Any], object], str, str]] = {
    "unknown scheme": (
        lambda p: p["findings"][0]["labels"].append({"value": "tirads/4"}),
        "findings[0].labels[1].value",
        "unknown label scheme 'tirads'",
    ),
    "a number for a term": (
        lambda p: p["findings"][0]["labels"].append({"value": 4}),
        "findings[0].labels[1].value",
        "4 is not a term",
    ),
    "unknown key": (lambda p: p.update(mood="good"), "", "unknown field 'mood' of ImageRecord"),
    "unknown key within": (
        lambda p: p["image"].update(mood="good"),
        "image",
        "unknown field 'mood' of ImageRef",
    ),
    "missing key": (lambda p: p.pop("source"), "", "field 'source' of ImageRecord is missing"),
    "missing key within": (
        lambda p: p["findings"][1].pop("structure"),
        "findings[1]",
        "field 'structure' of Finding is missing",
    ),
    "a text for a whole number": (
        lambda p: p["image"].update(width="9"),
        "image.width",
        "expected int, not '9'",
    ),
    "a fraction for a whole number": (
        lambda p: p["image"].update(width=9.0),
        "image.width",
        "expected int, not 9.0",
    ),
    "a truth value for a number": (
        lambda p: p["findings"][0]["geometries"][0]["box"].update(x=True),
        "findings[0].geometries[0].box.x",
        "expected float, not True",
    ),
    "a number for a text": (lambda p: p.update(study_id=2), "study_id", "expected str, not 2"),
    "a null for a text": (lambda p: p.update(source=None), "source", "expected str, not None"),
    "a number beyond any float": (
        lambda p: p["findings"][0]["geometries"][0]["box"].update(x=10**400),
        "findings[0].geometries[0].box.x",
        "int too large",
    ),
    "an unknown member of an enum": (lambda p: p.update(modality="mri"), "modality", "'mri' is not"),
    "a list for a member of an enum": (lambda p: p.update(modality=["ct"]), "modality", "['ct'] is not"),
    "a text for an object": (lambda p: p.update(image="x.png"), "image", "expected an object (ImageRef)"),
    "a text for a list": (lambda p: p.update(findings="none"), "findings", "expected a list, not 'none'"),
    "a pair of three": (
        lambda p: p["image"].update(spacing_mm=[1, 1, 1]),
        "image.spacing_mm",
        "expected 2 values",
    ),
    "a point of one": (
        lambda p: p["findings"][0]["geometries"][1]["calipers"]["long"].__setitem__(1, [5]),
        "findings[0].geometries[1].calipers.long[1]",
        "expected 2 values, not 1",
    ),
    "an unknown member of a union": (
        lambda p: p["findings"][0]["geometries"].append({"circle": {}}),
        "findings[0].geometries[2]",
        "expected an object with one key of: box, polygon, mask, calipers, line",
    ),
    "two members of a union": (
        lambda p: p["findings"][0].update(origin={"read": {}, "derived": {}}),
        "findings[0].origin",
        "expected an object with one key of: read, derived",
    ),
    "a list for a union": (
        lambda p: p["findings"][0].update(origin=["read"]),
        "findings[0].origin",
        "expected an object with one key of: read, derived",
    ),
    "an object that would be invalid": (
        lambda p: p["findings"][0]["geometries"][0]["box"].update(width=-1),
        "findings[0].geometries[0].box",
        "negative side",
    ),
    "a finding that would be invalid": (
        lambda p: p["findings"][1].update(geometries=[]),
        "findings[1]",
        "no geometry",
    ),
    "a record that would be invalid": (lambda p: p.update(readings=[]), "", "who has no reading"),
}


@pytest.mark.parametrize("name", PLACES)
def test_an_error_says_where(name: str) -> None:
    change, where, words = PLACES[name]
    error = broken(change)
    assert error.where == where
    assert words in error.message


def test_the_hint_of_an_error_survives() -> None:
    error = broken(lambda p: p["findings"][0]["labels"][0].update(value="bethesda/7"))
    assert error.hint == "its values: I, II, III, IV, V, VI"


@pytest.mark.parametrize("value", [None, 3, "made/1", [], True])
def test_what_is_no_object_is_refused(value: object) -> None:
    with pytest.raises(SchemaError, match="expected an object"):
        from_plain(ImageRecord, value)


def test_defaults_are_left_out() -> None:
    plain = to_plain(an_image_record(findings=()))
    assert plain == {
        "image_id": "made/1",
        "image": {"width": 3, "height": 2},
        "modality": "ultrasound",
        "group_id": "made/1",
        "group_kind": "case",
        "readings": [{}],
        "source": "made",
    }


def test_a_card_and_a_manifest_as_plain_values() -> None:
    published = a_card(published=(Counts(images=480, cases=390),), vocabularies=("tirads-kwak",))
    assert to_plain(published)["published"] == [{"cases": 390, "images": 480}]
    assert from_plain(Card, to_plain(published)) == published
    made = a_manifest(counts=(Tally(what="findings", value="nodule", n=3),))
    assert to_plain(made)["counts"] == [{"what": "findings", "value": "nodule", "n": 3}]
    assert from_plain(Manifest, to_plain(made)) == made
