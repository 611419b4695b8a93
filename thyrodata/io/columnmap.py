"""The file in which a user says what the columns of a table mean: ``columns.yaml``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any, Generic, TypeVar

from thyrodata.io.raw import RawFile
from thyrodata.io.yamltext import YamlNode, read_yaml
from thyrodata.schema.record import MAX_AGE, Age, Label
from thyrodata.schema.vocab import EDITIONS, SCHEMES, Basis, Scope, Sex

__all__ = [
    "BoxColumns",
    "Column",
    "ColumnMap",
    "LabelColumn",
    "label_column",
    "named_column",
    "needed",
    "parse_age",
    "read_column_map",
    "sex_column",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column(Generic[T]):
    """A column, and how the texts in it are understood."""

    name: str
    where: str
    """The line of the file that names it."""
    parse: Callable[[str], T | None]
    """Returns what a text means, which is stripped and not empty; ``None`` if it means nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelColumn:
    """A column of labels of one scheme."""

    column: Column[Label]
    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxColumns:
    """The four columns of a box's corners, in pixels."""

    corners: tuple[Column[float], Column[float], Column[float], Column[float]]
    """x1, y1, x2, y2."""
    one_based: bool
    """The first column and row of pixels are number 1, not 0."""
    inclusive: bool
    """x2 and y2 name the last column and row of pixels in the box, not the edge after them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMap:
    """What the columns of a table mean. A column that it does not name has no meaning and is kept as text."""

    image: Column[str]
    patient: Column[str] | None = None
    case: Column[str] | None = None
    nodule: Column[str] | None = None
    split: Column[str] | None = None
    sex: Column[Sex] | None = None
    age: Column[Age] | None = None
    spacing_mm: tuple[Column[float], Column[float]] | None = None
    """Of the distances between pixel centres down a column and along a row (y, x), in mm."""
    labels: tuple[LabelColumn, ...] = ()
    box: BoxColumns | None = None

    def columns(self) -> Iterator[Column[Any]]:
        """Yield every column that is named."""
        single = (self.image, self.patient, self.case, self.nodule, self.split, self.sex, self.age)
        yield from (column for column in single if column)
        yield from self.spacing_mm or ()
        yield from (label.column for label in self.labels)
        yield from self.box.corners if self.box else ()


_KEYS = tuple(field.name for field in fields(ColumnMap))
_CORNERS = ("x1", "y1", "x2", "y2")
_AGE = re.compile(r"([0-9]{1,3})(?:\.0+)?(\+?)")  # 45; 45.0, as programs write it that met a gap; 90+
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_PART = re.compile(r"[a-z0-9][a-z0-9-]*")


def read_column_map(file: RawFile) -> ColumnMap:
    """Return what a column-mapping file says.

    Its keys are the fields of :class:`ColumnMap`. A column is a name; those of ``sex`` and ``split`` may be
    ``{column: NAME, values: {TEXT: MEANING}}``. ``spacing_mm`` is a column or ``{y: NAME, x: NAME}``, ``box``
    is ``{x1:, y1:, x2:, y2:, one_based:, inclusive:}``, and ``labels`` a list of ``{column:, scheme:, of:,
    basis:, edition:, values:}``.

    Raises:
        CaseError: The file cannot be read.
        RawLayoutError: It is broken, or says what cannot be; ``where`` is the line.
    """
    root = read_yaml(file)
    said = root.mapping("the file", _KEYS)
    labels = tuple(map(label_column, said["labels"].items("labels"))) if "labels" in said else ()
    scopes = {label.scope for label in labels}
    if Scope.NODULE in scopes and "nodule" not in said:
        said["labels"].fail("a label is of a nodule that no column names", "write 'nodule: NAME'")
    if Scope.FINDING in scopes and "box" not in said:
        said["labels"].fail(
            "a label is of a finding, and no box is mapped", "write 'of: image', or map a box"
        )
    return ColumnMap(
        image=named_column(needed(root, said, "image", "the file"), "image", str),
        patient=named_column(said["patient"], "patient", str) if "patient" in said else None,
        case=named_column(said["case"], "case", str) if "case" in said else None,
        nodule=named_column(said["nodule"], "nodule", str) if "nodule" in said else None,
        split=_split(said["split"]) if "split" in said else None,
        sex=sex_column(said["sex"]) if "sex" in said else None,
        age=named_column(said["age"], "age", parse_age) if "age" in said else None,
        spacing_mm=_spacing(said["spacing_mm"]) if "spacing_mm" in said else None,
        labels=labels,
        box=_box(said["box"]) if "box" in said else None,
    )


def needed(node: YamlNode, said: Mapping[str, YamlNode], key: str, what: str) -> YamlNode:
    """Return the value of a key that must be there.

    Raises:
        RawLayoutError: It is not.
    """
    if key not in said:
        node.fail(f"{what} has no key {key!r}", f"write '{key}: ...'")
    return said[key]


def named_column(node: YamlNode, what: str, parse: Callable[[str], T | None]) -> Column[T]:
    """Return the column that a text names.

    Raises:
        RawLayoutError: It is not one text.
    """
    return Column(name=node.text(what), where=node.where, parse=parse)


def parse_age(text: str) -> Age | None:
    """Return an age in years, such as ``45`` or ``90+``; ``None`` if it is none."""
    found = _AGE.fullmatch(text)
    if found is None or int(found[1]) > MAX_AGE:
        return None
    return Age(years=int(found[1]), at_least=bool(found[2]))


def _parse_number(text: str) -> float | None:
    number = float(text) if _NUMBER.fullmatch(text) else None
    return number if number is not None and isfinite(number) else None


def _parse_spacing(text: str) -> float | None:
    number = _parse_number(text)
    return number if number is not None and number > 0 else None


def _parse_part(text: str) -> str | None:
    return text if _PART.fullmatch(text) else None


def _values(node: YamlNode, what: str) -> tuple[YamlNode, Mapping[str, YamlNode]]:
    """Return the column and the stated values of a node that is a column's name, or says both."""
    if isinstance(node.value, str):
        return node, {}
    said = node.mapping(what, ("column", "values"))
    return needed(node, said, "column", what), needed(node, said, "values", what).mapping("values")


def _split(node: YamlNode) -> Column[str]:
    name, values = _values(node, "split")
    parts = {text: value.text("a part") for text, value in values.items()}
    for text, part in parts.items():
        if not _PART.fullmatch(part):
            values[text].fail(f"{part!r} names no part", "use lower-case letters, digits and hyphens")
    return named_column(name, "split", parts.get if parts else _parse_part)


def sex_column(node: YamlNode) -> Column[Sex]:
    """Return a column of sexes: its name, or ``{column: NAME, values: {TEXT: female|male}}``.

    Raises:
        RawLayoutError: It is neither.
    """
    name, values = _values(node, "sex")
    known = {sex.value: sex for sex in Sex}
    meanings = {text: known[value.choice("sex", known)] for text, value in values.items()}
    return named_column(name, "sex", (meanings or known).get)


def label_column(node: YamlNode) -> LabelColumn:
    """Return a column of labels: ``{column:, scheme:, of:, basis:, edition:, values:}``.

    Raises:
        RawLayoutError: It is none, or names a scheme, scope, basis, edition or value that there is not.
    """
    said = node.mapping("a label", ("column", "scheme", "of", "basis", "edition", "values"))
    scheme = needed(node, said, "scheme", "a label").choice("scheme", SCHEMES)
    scope = needed(node, said, "of", "a label").choice("of", [scope.value for scope in Scope])
    basis = said["basis"].choice("basis", [basis.value for basis in Basis]) if "basis" in said else None
    editions = sorted(EDITIONS.get(scheme, ()))
    edition = said["edition"].choice("edition", editions) if "edition" in said else None
    labels = {
        str(term.value): Label(value=term, edition=edition, basis=Basis(basis) if basis else None)
        for term in SCHEMES[scheme]
    }
    values = said["values"].mapping("values") if "values" in said else {}
    meanings = {text: labels[value.choice(scheme, labels)] for text, value in values.items()}
    name = needed(node, said, "column", "a label")
    return LabelColumn(column=named_column(name, "column", (meanings or labels).get), scope=Scope(scope))


def _spacing(node: YamlNode) -> tuple[Column[float], Column[float]]:
    if isinstance(node.value, str):
        column = named_column(node, "spacing_mm", _parse_spacing)
        return column, column
    said = node.mapping("spacing_mm", ("y", "x"))
    down, along = (named_column(needed(node, said, key, "spacing_mm"), key, _parse_spacing) for key in "yx")
    return down, along


def _box(node: YamlNode) -> BoxColumns:
    said = node.mapping("box", (*_CORNERS, "one_based", "inclusive"))
    x1, y1, x2, y2 = (named_column(needed(node, said, key, "box"), key, _parse_number) for key in _CORNERS)
    # There is no default for these: a box that is a pixel off is not seen by looking at it.
    one_based, inclusive = (
        needed(node, said, key, "box").choice(key, ("true", "false")) == "true"
        for key in ("one_based", "inclusive")
    )
    return BoxColumns(corners=(x1, y1, x2, y2), one_based=one_based, inclusive=inclusive)
