"""Faults of what may name a person, one for each rule of TD6."""

from __future__ import annotations

import io

from PIL import Image

from tests.faults.model import Fault, image_record
from thyrodata.phantoms import PhantomSpec, phantom
from thyrodata.schema.record import SourceField

__all__ = ["FAULTS"]


def commented(comment: str) -> Fault:
    """A phantom whose file has a comment."""
    buffer = io.BytesIO()
    Image.fromarray(phantom(PhantomSpec(seed=3)).pixels).save(buffer, "JPEG", comment=comment.encode())
    picture = buffer.getvalue()
    return Fault(records=(image_record("a", picture=picture),), images={"images/a.jpg": picture})


FAULTS = {
    "TD601": commented("recorded 2019-03-14"),
    "TD602": Fault(
        records=(image_record("a", source_fields=(SourceField(name="exam", text="seen on 3.4.2017"),)),)
    ),
    "TD603": Fault(records=(image_record("scan_2017-04-03_1"),)),
}
"""By code."""
