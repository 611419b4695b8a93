"""What YOLO says of a whole data set: ``data.yaml`` with the folders of the parts, and the classes' names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from thyrodata.errors import RawLayoutError
from thyrodata.io.raw import RawFile
from thyrodata.io.yamltext import YamlNode, read_yaml

__all__ = ["YoloData", "label_path", "read_yolo_data"]

_PARTS = ("train", "val", "test")
_OTHER_KEYS = frozenset({"channels", "download", "flip_idx", "kpt_names", "kpt_shape", "names", "nc", "path"})
_PART = re.compile(r"[a-z0-9][a-z0-9-]*")
_INDEX = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True, kw_only=True)
class YoloData:
    """What is said of a whole data set."""

    names: tuple[str, ...]
    """Of the classes, by their indexes."""
    folders: Mapping[str, tuple[str, ...]] | None
    """Of each part's images: paths in the source that are empty or end in a slash. ``None`` if not said."""


def read_yolo_data(files: Sequence[RawFile]) -> YoloData:
    """Read ``data.yaml`` or a list of the classes' names, ``classes.txt``; several must agree.

    The paths of ``data.yaml`` begin where it lies, or at its ``path`` there. Keys beside ``path``, ``train``,
    ``val``, ``test``, ``names`` and ``nc`` are taken for further parts if they name a folder with files.

    Args:
        files: One or more, the ``data.yaml`` first.

    Raises:
        CaseError: A file cannot be read.
        RawLayoutError: One is broken, names no classes or another number of them than it says, or has a path
            that leads out of the source or is a list of images; or two disagree. ``where`` is the line.
    """
    first, *others = files
    data = (
        _read_data_yaml(first)
        if first.suffix == ".yaml"
        else YoloData(names=_read_class_names(first), folders=None)
    )
    for file in others:
        if _read_class_names(file) != data.names:
            raise RawLayoutError(
                f"the classes are not those of {first}", where=str(file), hint="remove the wrong file"
            )
    return data


def _read_data_yaml(file: RawFile) -> YoloData:
    root = read_yaml(file)
    said = root.mapping("the file")
    if "names" not in said:
        root.fail("the file names no classes", "write 'names: [nodule]'")
    names = _names(said["names"])
    if "nc" in said and said["nc"].text("nc") != str(len(names)):
        said["nc"].fail(
            f"nc is {said['nc'].value}, and there are {len(names)} names", "correct the wrong one"
        )
    base = file.path[: -len(file.name)]
    if "path" in said and said["path"].value:
        base += _folder(said["path"], "path")
    folders: dict[str, tuple[str, ...]] = {}
    for key, node in said.items():
        if key in _PARTS and node.value:
            folders[key] = tuple(base + _folder(item, key) for item in _listed(node))
        elif key not in _PARTS and key not in _OTHER_KEYS and isinstance(node.value, str):
            folder = f"{base}{node.value.strip('/')}/"
            if any(other.path.startswith(folder) for other in file.raw.files):
                if not _PART.fullmatch(key):
                    node.fail(f"{key!r} names no part", "use lower-case letters, digits and hyphens")
                folders[key] = (folder,)
    if not folders:
        root.fail("the file names no folder of images", "write 'train: images/train'")
    return YoloData(names=names, folders=folders)


def _names(node: YamlNode) -> tuple[str, ...]:
    if isinstance(node.value, tuple):
        names = tuple(item.text("a class's name") for item in node.value)
    else:
        said = node.mapping("names")
        indexes = sorted(int(key) for key in said if _INDEX.fullmatch(key))
        if indexes != list(range(len(said))):
            node.fail("the indexes of the classes are not 0, 1, 2, ...", "write 'names: {0: NAME, 1: NAME}'")
        names = tuple(said[key].text("a class's name") for key in sorted(said, key=int))
    if not names:
        node.fail("there are no names of classes", "write 'names: [nodule]'")
    return names


def _listed(node: YamlNode) -> tuple[YamlNode, ...]:
    return node.value if isinstance(node.value, tuple) else (node,)


def _folder(node: YamlNode, what: str) -> str:
    """Return a path inside the source, empty or with a slash at its end."""
    text = node.text(what)
    if what in _PARTS:
        text = text.removeprefix(
            "../"
        )  # some tools write paths from a folder beside the part, and mean this one
    parts = [part for part in text.split("/") if part not in {"", "."}]
    if text.startswith(("/", "~")) or ".." in parts or "\\" in text or ":" in text:
        node.fail(
            f"{what} {text!r} does not stay in the folder of the file",
            f"write it from there, with forward slashes, such as '{what}: images/{what}'",
        )
    if text.endswith(".txt"):
        node.fail(f"{what} is a list of images, which is not read", "name the folder of the images")
    return "".join(f"{part}/" for part in parts)


def _read_class_names(file: RawFile) -> tuple[str, ...]:
    hint = "write a class's name on each line"
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RawLayoutError(
            f"the file is not UTF-8: byte {error.start}", where=str(file), hint="save it as UTF-8"
        ) from None
    names = tuple(line.strip() for line in text.rstrip().splitlines())
    for number, name in enumerate(names, 1):
        if not name:
            raise RawLayoutError("a line has no class's name", where=f"{file}:{number}", hint=hint)
    if not names:
        raise RawLayoutError("the file names no class", where=str(file), hint=hint)
    return names


def label_path(image: RawFile) -> str:
    """Return where an image's labels lie: the last folder called ``images`` becomes ``labels``.

    Beside the image, if none is called so.
    """
    stem = image.path[: -len(image.suffix)]
    before, images, after = f"/{stem}".rpartition("/images/")
    return f"{before}/labels/{after}.txt".removeprefix("/") if images else f"{stem}.txt"
