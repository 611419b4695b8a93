"""The names of categories in formats that have one class per finding: COCO, YOLO, VOC."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from thyrodata.errors import SchemaError, UsageError
from thyrodata.schema.record import Label
from thyrodata.schema.vocab import Structure, parse_term

__all__ = ["Category", "category", "parse_categories", "parse_category"]

Category = tuple[Structure, tuple[Label, ...]]
"""What a category says of a finding: what it is a drawing of, and its label, if any."""

_STRUCTURES = {structure.value: structure for structure in Structure}


def category(structure: Structure, labels: tuple[Label, ...]) -> str:
    """Return ``scheme/value`` of a finding's first own label, or else its structure's name.

    A label of the case or the image is none of the finding.
    """
    return str(labels[0].value) if labels else structure.value


def parse_category(name: str, structure: Structure) -> Category:
    """Return what a category's name says, if it is a structure's name or ``scheme/value``.

    Args:
        name: As :func:`category` writes it.
        structure: Of a finding whose category is a label.

    Raises:
        SchemaError: It is neither.
    """
    if name in _STRUCTURES:
        return _STRUCTURES[name], ()
    return structure, (Label(value=parse_term(name)),)


def parse_categories(
    given: Iterable[str], names: Iterable[str], structure: Structure, where: str
) -> Mapping[str, Category]:
    """Return what each category of a source says.

    Args:
        given: ``NAME=CATEGORY`` for names that do not speak for themselves.
        names: The categories of the source.
        structure: Of a finding whose category is a label.
        where: The place of the source that names them.

    Raises:
        UsageError: Something given is malformed, or a category is not understood.
    """
    said = {}
    for text in given:
        name, equals, target = text.rpartition("=")
        if not equals or not name:
            raise UsageError(f"{text!r} maps no category", hint="write NAME=nodule or NAME=scheme/value")
        said[name] = target
    found: dict[str, Category] = {}
    unknown = []
    for name in names:
        try:
            found[name] = parse_category(said.get(name, name), structure)
        except SchemaError as error:
            if name in said:
                raise UsageError(f"{name}={said[name]}: {error.message}", hint=error.hint) from None
            unknown.append(name)
    if unknown:
        raise UsageError(
            f"what the categories {', '.join(map(repr, unknown))} mean is not known",
            where=where,
            hint=f"say it: --category '{unknown[0]}=nodule' or --category '{unknown[0]}=malignancy/benign'; "
            f"structures are {', '.join(_STRUCTURES)}",
        )
    return found
