"""The files of readers: a tool's annotations, and the key that says what work lists they are of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

from thyrodata.annotation.assignment import MARKER, Assignment, read_assignment
from thyrodata.annotation.key import KeyRow, read_key, rows_sha256
from thyrodata.annotation.readings import NewReading, Scene, check_accounts, interpret
from thyrodata.errors import CaseError
from thyrodata.io.cvat import read_cvat
from thyrodata.io.drawn import DrawnImage, Note
from thyrodata.io.drawncoco import read_drawn_coco
from thyrodata.io.drawnmasks import read_drawn_masks
from thyrodata.io.files import read_bytes, read_text
from thyrodata.io.labelstudio import read_label_studio
from thyrodata.io.raw import named_file
from thyrodata.schema.vocab import Structure

__all__ = ["FileReading", "read_drawn", "read_key_beside", "readings_of_file"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReading:
    """What one reader's file says of one image that it names itself."""

    reading: NewReading | None
    """``None`` where nothing shows that anybody looked at the image."""
    size: tuple[int, int] | None
    """Width and height in pixels; ``None`` where the file does not state them, and nothing is drawn."""
    notes: tuple[Note, ...]
    """What the file says and no reading can hold."""
    where: str
    """The place in the file."""


def readings_of_file(
    place: Path, reader: str, structures: tuple[Structure, ...] = (Structure.NODULE,)
) -> Mapping[str, FileReading]:
    """Return what a reader's file says of each image, without a key: its names are the images' own.

    Args:
        place: Annotations of CVAT, JSON of Label Studio, a COCO file, or a folder of masks.
        reader: Whose it is.
        structures: What was asked for: meant where a label names only a grade, or where there is no label.

    Returns:
        By the image's file name without its folder and suffix, which a mask need not share with its image; in
        the order of the file.

    Raises:
        CaseError: It cannot be read, names an image twice or says what no reading can; or a region does not
            state the size of its image.
    """
    _, images = read_drawn(place)
    check_accounts(images)
    found: dict[str, FileReading] = {}
    for image in images:
        name = PurePosixPath(image.name).stem
        if name in found:
            raise CaseError(
                f"{name!a} is there twice, first at {found[name].where}",
                where=image.where,
                hint="give each image once; folders and suffixes do not tell images apart",
            )
        if image.size is None and image.drawings:
            raise CaseError(
                "no region states the size of its image",
                where=image.where,
                hint="export the project again; or import it with the key of its work list",
            )
        width, height = image.size or (1, 1)  # nothing is drawn that would have to fit
        scene = Scene(reader=reader, structures=structures, width=width, height=height)
        found[name] = FileReading(
            reading=interpret(image, scene), size=image.size, notes=image.notes, where=image.where
        )
    return found


def read_key_beside(place: Path) -> tuple[Assignment, tuple[KeyRow, ...]]:
    """Return a key's rows, and what was asked, which lies beside it.

    Raises:
        CaseError: One of the two is missing or damaged, or they are not of the same lists.
    """
    rows = read_key(read_text(place), str(place))
    marker = place.parent / MARKER
    assignment = read_assignment(read_text(marker).encode(), str(marker))
    if rows_sha256(rows) != assignment.key_sha256:
        raise CaseError(
            "a row of the key is not what was written, or one is missing",
            where=str(place),
            hint=f"take the key that was written with {marker}",
        )
    return assignment, rows


def read_drawn(place: Path) -> tuple[str, tuple[DrawnImage, ...]]:
    """Return the SHA-256 of a tool's file or of a folder of masks, and what it says.

    Raises:
        CaseError: It cannot be read, or is of no format that is understood.
    """
    if place.is_dir():
        return read_drawn_masks(place)
    try:
        data = read_bytes(str(place), place.stat().st_size)
    except (OSError, ValueError) as error:  # a name may hold a null character
        reason = getattr(error, "strerror", None) or error
        raise CaseError(
            f"the file cannot be read: {reason}", where=str(place), hint="check its name"
        ) from None
    match data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]:
        case b"<":
            images: tuple[DrawnImage, ...] | None = read_cvat(data, str(place))
        case b"[":
            images = read_label_studio(data, str(place))
        case b"{":
            images = read_drawn_coco(named_file(place))
        case _:
            images = None
    if images is None:
        raise CaseError(
            "this is no annotations file of CVAT, no JSON of Label Studio and no COCO file",
            where=str(place),
            hint="unpack what was downloaded: annotations.xml is in the archive",
        )
    return sha256(data).hexdigest(), images
