"""The files that come back: a tool's annotations, and the key that says what they are of."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from thyrodata.annotation.assignment import MARKER, Assignment, read_assignment
from thyrodata.annotation.key import KeyRow, read_key, rows_sha256
from thyrodata.errors import CaseError
from thyrodata.io.cvat import read_cvat
from thyrodata.io.drawn import DrawnImage
from thyrodata.io.files import read_bytes, read_text
from thyrodata.io.labelstudio import read_label_studio

__all__ = ["read_drawn", "read_key_beside"]


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
    """Return the SHA-256 of a tool's file, and what it says.

    Raises:
        CaseError: It cannot be read, or is of no format that is understood.
    """
    try:
        data = read_bytes(str(place), place.stat().st_size)
    except (OSError, ValueError) as error:  # a name may hold a null character
        reason = getattr(error, "strerror", None) or error
        raise CaseError(
            f"the file cannot be read: {reason}", where=str(place), hint="check its name"
        ) from None
    match data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]:
        case b"<":
            images = read_cvat(data, str(place))
        case b"[":
            images = read_label_studio(data, str(place))
        case _:
            raise CaseError(
                "this is no annotations file of CVAT and no JSON of Label Studio",
                where=str(place),
                hint="unpack what was downloaded: annotations.xml is in the archive",
            )
    return sha256(data).hexdigest(), images
