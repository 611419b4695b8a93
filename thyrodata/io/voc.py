"""Pascal VOC: annotation files of boxes, and folders of them with their lists of parts.

Everingham and Winn, "The PASCAL Visual Object Classes Challenge 2012 (VOC2012) Development Kit", 2012.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from thyrodata.errors import CaseError, RawLayoutError, SchemaError
from thyrodata.io.images import IMAGE_SUFFIXES
from thyrodata.io.raw import Raw, RawFile, at_most_one, show_path
from thyrodata.io.xml import Element, parse_xml
from thyrodata.schema.geometry import Box

__all__ = ["VocAnnotation", "VocImage", "VocObject", "list_voc", "object_names", "read_voc"]

ANNOTATIONS, IMAGES, LISTS = "Annotations/", "JPEGImages/", "ImageSets/Main/"

_WHOLE = re.compile(r"[0-9]{1,9}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}(?:\.[0-9]{0,20})?(?:[eE][+-]?[0-9]{1,2})?")
_PART = re.compile(r"[a-z0-9][a-z0-9-]*")
_SHOWS = frozenset({"-1", "0", "1"})  # the class is not there, is there and difficult, is there
_AGAIN = "compare the file with its source, or annotate the image again"

Fields = tuple[tuple[str, str], ...]
"""The tags' path and the text of elements that have no other place, in the order of the file."""


# ---------------------------------------------------------------- one annotation file


@dataclass(frozen=True, slots=True, kw_only=True)
class VocObject:
    """An object: its class, its box, and whatever else is said of it."""

    name: str
    box: Box
    fields: Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class VocAnnotation:
    """What an annotation file says of an image."""

    filename: str | None
    size: tuple[int, int] | None
    """Width and height in pixels, as the file states them; the image may have others."""
    objects: tuple[VocObject, ...]
    fields: Fields
    """All that is said of the image and stands in no other field."""


def read_voc(data: bytes, where: str) -> VocAnnotation:
    """Read an annotation file.

    A pixel's coordinates are 1-based and a box's maxima are inclusive: the box of the image's first pixel is
    1, 1, 1, 1 in the file and x = y = 0, width = height = 1 here. Some writers count from 0; such a file
    cannot be told from one that counts from 1.

    Args:
        data: The whole file.
        where: The file's place, for errors.

    Raises:
        CaseError: It is not XML, not of this grammar, or a box is empty or no box.
    """
    root = parse_xml(data, where)
    if root.tag != "annotation":
        _refuse(f"the file is a <{root.tag}>, no <annotation>", root, where)
    for element in root.iter():
        if element.tail and element.tail.strip():
            _refuse(f"a text stands after <{element.tag}>", element, where)
    size = _only(root, "size", where)
    return VocAnnotation(
        filename=_text(root, "filename", where),
        size=None if size is None else (_whole(size, "width", where), _whole(size, "height", where)),
        objects=tuple(_object(found, where) for found in root.iterfind("object")),
        fields=tuple(_fields(root, "", {"filename", "object", "size/width", "size/height"})),
    )


def _object(element: Element, where: str) -> VocObject:
    name, bndbox = _text(element, "name", where), _only(element, "bndbox", where)
    if not name or bndbox is None:
        _refuse(f"the object has no {'bndbox' if name else 'name'}", element, where)
    own = {"name", *(f"bndbox/{side}" for side in ("xmin", "ymin", "xmax", "ymax"))}
    return VocObject(name=name, box=_box(bndbox, where), fields=tuple(_fields(element, "", own)))


def _box(element: Element, where: str) -> Box:
    xmin, ymin, xmax, ymax = (_number(element, side, where) for side in ("xmin", "ymin", "xmax", "ymax"))
    if xmax < xmin or ymax < ymin:  # equal ones are of a single row or column, since maxima are inclusive
        _refuse("the box's maxima are less than its minima", element, where)
    try:
        return Box(x=xmin - 1, y=ymin - 1, width=xmax - xmin + 1, height=ymax - ymin + 1)
    except SchemaError as error:
        _refuse(error.message, element, where)


def _fields(element: Element, path: str, own: set[str]) -> Iterator[tuple[str, str]]:
    """Yield all texts and attributes below an element, but those of paths that have a place of their own."""
    for name, value in element.attrib.items():
        yield f"{path}@{name!s}", str(value)
    for child in element:
        name = f"{path}{child.tag!s}"
        if name in own:
            continue
        if child.text and child.text.strip():
            yield name, child.text
        yield from _fields(child, f"{name}/", own)


def _only(element: Element, tag: str, where: str) -> Element | None:
    found = element.findall(tag)
    if len(found) > 1:
        _refuse(f"<{tag}> in <{element.tag}> is there twice", found[1], where)
    return found[0] if found else None


def _text(element: Element, tag: str, where: str) -> str | None:
    child = _only(element, tag, where)
    if child is not None and (len(child) or child.attrib):
        _refuse(f"<{tag}> in <{element.tag}> is more than a text", child, where)
    return None if child is None or not child.text else child.text.strip() or None


def _whole(element: Element, tag: str, where: str) -> int:
    text = _text(element, tag, where)
    if text is None or not _WHOLE.fullmatch(text):
        _refuse(f"the image's {tag} {text!r} is no whole number", element, where)
    return int(text)


def _number(element: Element, tag: str, where: str) -> float:
    text = _text(element, tag, where)
    if text is None or not _NUMBER.fullmatch(text):
        _refuse(f"the box's {tag} {text!r} is no number", element, where)
    return float(text)


def _refuse(what: str, element: Element, where: str) -> NoReturn:
    raise CaseError(what, where=f"{where}:{element.sourceline}", hint=_AGAIN)


# ---------------------------------------------------------------- a folder


@dataclass(frozen=True, slots=True, kw_only=True)
class VocImage:
    """An image of a folder: an item for a converter."""

    name: str
    """Of the annotation file and the image, without suffix; below the folders' own names, if deeper."""
    files: tuple[RawFile, ...]
    """The annotation file, the image, and all lists."""
    parts: tuple[str, ...]
    """The lists that name it, unless they are of a class; ``trainval`` only where it is a part of its own."""
    classes: Fields
    """What the lists of a class, such as ``nodule_train``, say of it: 1, 0 or -1."""
    doubts: tuple[str, ...]
    """Where the lists contradict each other."""

    def __str__(self) -> str:
        """Return the path of the annotation file."""
        found = [file for file in self.files if file.path.startswith(ANNOTATIONS)]
        return str(found[0]) if found else show_path(f"{ANNOTATIONS}{self.name}.xml")

    def annotation(self) -> tuple[RawFile, VocAnnotation]:
        """Return the annotation file and what it says.

        Raises:
            CaseError: It is missing, there twice or broken.
        """
        file = self._file(ANNOTATIONS, f"annotation file {self}")
        return file, read_voc(file.read(), str(file))

    def image(self) -> RawFile:
        """Return the image's file.

        Raises:
            CaseError: It is missing or there twice.
        """
        return self._file(IMAGES, show_path(f"image {IMAGES}{self.name}.jpg"))

    def _file(self, folder: str, what: str) -> RawFile:
        found = at_most_one([file for file in self.files if file.path.startswith(folder)], f"the {what}")
        if found is None:
            raise CaseError(
                f"the {what} is missing",
                where=str(self),
                hint="add it, or take out what names it",
            )
        return found


def list_voc(raw: Raw) -> Iterator[VocImage]:
    """List the images of a folder by the paths of their annotation files, which are not read.

    An image without an annotation file is listed only if a list names it.

    Raises:
        RawLayoutError: The folder has no annotation file, or a list is empty, no list, or names an image
            that is not there.
    """
    annotations = _files(raw, ANNOTATIONS, {".xml"})
    if not annotations:
        raise _no_voc(raw)
    images = _files(raw, IMAGES, IMAGE_SUFFIXES)
    files = tuple(f for name, found in _files(raw, LISTS, {".txt"}).items() for f in found if "/" not in name)
    known = annotations.keys() | images.keys()
    lists = _Lists(tuple(_read_list(file, known) for file in files))
    unannotated = (name for name in images if name not in annotations and name in lists)
    for name in (*annotations, *unannotated):
        yield VocImage(
            name=name,
            files=(*annotations.get(name, ()), *images.get(name, ()), *files),
            parts=lists.parts_of(name),
            classes=lists.classes_of(name),
            doubts=lists.doubts_of(name),
        )


def object_names(images: Iterable[VocImage]) -> tuple[str, ...]:
    """Return the names of all objects, sorted; a broken file's are found missing when it is read."""
    names: set[str] = set()
    for image in images:
        with suppress(CaseError):
            names.update(found.name for found in image.annotation()[1].objects)
    return tuple(sorted(names))


def _files(raw: Raw, folder: str, suffixes: Collection[str]) -> dict[str, list[RawFile]]:
    """Return the files below a folder by their path in it without suffix."""
    files: dict[str, list[RawFile]] = {}
    for file in raw.files:
        if file.path.startswith(folder) and file.suffix in suffixes:
            files.setdefault(file.path[len(folder) : -len(file.suffix)], []).append(file)
    return files


@dataclass(frozen=True, slots=True, kw_only=True)
class _List:
    """A list of images: of a part, or of the images in a part that do or do not show a class."""

    file: RawFile
    lines: Mapping[str, str]
    """The second word of each line, empty if there is none, by the name of the image."""

    @property
    def is_of_class(self) -> bool:
        return any(self.lines.values())


class _Lists:
    """The lists of a folder: of parts, of classes, and ``trainval``, which sums up two of them."""

    def __init__(self, lists: Sequence[_List]) -> None:
        self._classes = {found.file.stem: found.lines for found in lists if found.is_of_class}
        self._parts = {_part(found.file): found.lines for found in lists if not found.is_of_class}
        is_union = {"train", "val", "trainval"} <= self._parts.keys()
        self._union = self._parts.pop("trainval") if is_union else None
        self._names = {name for found in lists for name in found.lines}

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def parts_of(self, name: str) -> tuple[str, ...]:
        return tuple(part for part, lines in self._parts.items() if name in lines)

    def classes_of(self, name: str) -> Fields:
        return tuple((of, lines[name]) for of, lines in self._classes.items() if name in lines)

    def doubts_of(self, name: str) -> tuple[str, ...]:
        """Return what the lists leave in doubt about the part of an image."""
        parts, doubts = self.parts_of(name), []
        if len(parts) > 1:
            doubts.append(f"the lists {' and '.join(parts)} all name it, so that it has no part")
        if self._parts and not parts:
            doubts.append("no list of a part names it")
        if self._union is not None and (name in self._union) != bool({"train", "val"} & set(parts)):
            neither = "trainval names it, and neither train nor val does"
            either = "train or val names it, and trainval does not"
            doubts.append(neither if name in self._union else either)
        return tuple(doubts)


def _part(file: RawFile) -> str:
    if not _PART.fullmatch(file.stem):
        raise RawLayoutError(
            f"{file.stem!r} cannot name a part: it is not lower-case letters, digits and hyphens",
            where=str(file),
            hint="rename the list",
        )
    return file.stem


def _read_list(file: RawFile, known: Collection[str]) -> _List:
    """Read a list. One that is cut at the end of a line cannot be told from a whole one."""
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RawLayoutError(
            f"the list is not UTF-8: byte {error.start}", where=str(file), hint="save it as UTF-8"
        ) from None
    lines: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        name, shows = line.strip(), ""
        words = name.rsplit(maxsplit=1)
        if name not in known and words[1:] and words[1] in _SHOWS:
            name, shows = words
        if not name:
            continue
        if name in lines or name not in known:
            what = "names it twice" if name in lines else "names what has neither annotation nor image"
            raise RawLayoutError(
                f"the list {what}: {name!r}",
                where=f"{file}:{number}",
                hint="the list or the folder is not whole: copy it again, or take the line out",
            )
        lines[name] = shows
    if not lines:
        raise RawLayoutError("the list is empty", where=str(file), hint="copy it again, or remove it")
    return _List(file=file, lines=lines)


def _no_voc(raw: Raw) -> RawLayoutError:
    below = {
        file.path.rpartition("/" + ANNOTATIONS)[0] for file in raw.files if f"/{ANNOTATIONS}" in file.path
    }
    perhaps = f": perhaps {raw.root / min(below)}" if below else ""
    return RawLayoutError(
        "no annotation files (Annotations/*.xml) lie in the folder",
        where=str(raw.root),
        hint=f"give the folder that holds Annotations beside JPEGImages{perhaps}",
    )
