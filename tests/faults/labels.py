"""Faults of what is said, one for each rule of TD4."""

from __future__ import annotations

from tests.faults.model import Fault, image_record
from thyrodata.schema.record import AcrPoints, Age, Label, Nodule, Patient, SourceField
from thyrodata.schema.vocab import Basis, Bethesda, Malignancy, Sex, TiradsAcr, TiradsKwak

__all__ = ["FAULTS"]

BENIGN = Label(value=Malignancy.BENIGN, basis=Basis.HISTOLOGY)
MALIGNANT = Label(value=Malignancy.MALIGNANT, basis=Basis.HISTOLOGY)
CYTOLOGY_VI = Label(value=Bethesda.VI, edition="2023", basis=Basis.CYTOLOGY)
SEVEN_POINTS = AcrPoints(composition=2, echogenicity=2, shape=3, margin=0, echogenic_foci=0)


def one(**fields) -> Fault:
    return Fault(records=(image_record("a", **fields),))


def of_nodule(*labels: Label, **fields) -> Fault:
    return one(nodules=(Nodule(nodule_id="n", labels=labels, **fields),))


FAULTS = {
    "TD401": of_nodule(BENIGN, MALIGNANT),
    "TD402": of_nodule(CYTOLOGY_VI, BENIGN),
    "TD403": one(case_labels=(Label(value=TiradsKwak.T4A), Label(value=TiradsKwak.T4B))),
    "TD404": of_nodule(Label(value=TiradsAcr.TR3), points=SEVEN_POINTS),
    "TD405": one(case_labels=(BENIGN,), nodules=(Nodule(nodule_id="n", labels=(MALIGNANT,)),)),
    "TD406": Fault(
        records=tuple(
            image_record(name, group="c", patient=Patient(sex=sex))
            for name, sex in (("a", Sex.FEMALE), ("b", Sex.MALE))
        )
    ),
    "TD407": one(source_fields=(SourceField(name="age", text="1958"),)),
    "TD408": one(patient=Patient(age=Age(years=119))),
    "TD409": of_nodule(size_mm=(0.8, 0.5)),
    "TD410": of_nodule(Label(value=Malignancy.BENIGN)),
    "TD411": of_nodule(Label(value=Bethesda.II, basis=Basis.CYTOLOGY)),
}
"""By code."""
