"""TN5000: 5,000 ultrasound images of thyroid nodules with boxes, in Pascal VOC's layout.

"TN5000", Scientific Data 12:1437 (2025). It publishes no patients.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from thyrodata.converters._voc import voc_sample
from thyrodata.io.raw import Raw
from thyrodata.io.voc import VocImage, VocObject, list_voc
from thyrodata.sample import Sample
from thyrodata.schema.record import Finding, Label, Reading, Remark, SourceField
from thyrodata.schema.vocab import Coverage, Malignancy, Structure

__all__ = ["Tn5000"]

# The release does not say what each nodule's class rests on: the labels have no basis.
_LABELS = {"0": Label(value=Malignancy.BENIGN), "1": Label(value=Malignancy.MALIGNANT)}


class Tn5000:
    """Reads TN5000. Every image is its own group."""

    name: ClassVar[str] = "tn5000"
    ignores: ClassVar[Mapping[str, str]] = {}

    def items(self, raw: Raw) -> Iterator[VocImage]:
        """List the images by the number in their names.

        Raises:
            RawLayoutError: The folder has no annotation files, or a list is broken.
        """
        return list_voc(raw)

    def samples(self, item: VocImage) -> Iterator[Sample]:
        """Read an annotation file and its image.

        Raises:
            CaseError: One of them is missing or broken.
        """
        _, said = item.annotation()
        findings = tuple(_finding(found, index) for index, found in enumerate(said.objects, 1))
        yield voc_sample(
            self.name,
            item,
            item.image().image(),
            said,
            findings=findings,
            reading=Reading(coverage=None if findings else Coverage.NONE),
            remarks=tuple(
                Remark(code="value-not-understood", text=f"the name {found.name!r} is not 0 or 1")
                for found in said.objects
                if found.name not in _LABELS
            ),
        )


def _finding(found: VocObject, index: int) -> Finding:
    label = _LABELS.get(found.name)
    homeless = () if label else (SourceField(name="name", text=found.name),)
    return Finding(
        finding_id=str(index),
        structure=Structure.NODULE,
        geometries=(found.box,),
        labels=(label,) if label else (),
        source_fields=(*homeless, *(SourceField(name=name, text=text) for name, text in found.fields)),
    )
