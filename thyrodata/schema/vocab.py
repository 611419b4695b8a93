"""Closed vocabularies: one enum per published scale, and the small enums of the data model.

A term always travels with its scheme (``tirads-kwak/4a``), because the same digit means different things
on different scales. There is no generic TI-RADS, and nothing here maps one scale to another or to
malignancy: that is an explicit, named step (``relabel``).
"""

from __future__ import annotations

from enum import Enum

from thyrodata.errors import SchemaError

__all__ = [
    "EDITIONS",
    "GRADED",
    "SCHEMES",
    "Basis",
    "Bethesda",
    "Coverage",
    "DdtiCalcifications",
    "DdtiComposition",
    "DdtiEchogenicity",
    "DdtiMargins",
    "DeepLesionSite",
    "GroupKind",
    "Location",
    "Malignancy",
    "Modality",
    "Scope",
    "Sex",
    "Structure",
    "Term",
    "TiradsAcr",
    "TiradsChinese",
    "TiradsEu",
    "TiradsEuRisk",
    "TiradsFrench",
    "TiradsHorvath",
    "TiradsKorean",
    "TiradsKwak",
    "ViewPlane",
    "parse_term",
]


class _Word(Enum):
    """A member of a closed vocabulary, of which a process has one object: so identity is its hash.

    That of :class:`enum.Enum` is written in Python, and a conversion asks over twenty times an image.
    """

    __hash__ = object.__hash__


class Term(_Word):
    """A value of a published vocabulary. ``str(term)`` is ``scheme/value``."""

    _text: str
    _grade: int | None

    @property
    def scheme(self) -> str:
        """The scheme's name, a key of :data:`SCHEMES`."""
        return _SCHEME_OF[type(self)]

    @property
    def grade(self) -> int | None:
        """The rank of the value on its scale, 0 the lowest; ``None`` where the scale has no order."""
        return self._grade

    def __str__(self) -> str:
        """Return ``scheme/value``."""
        return self._text


class TiradsKwak(Term):
    """TI-RADS by the number of suspicious features (Kwak et al., Radiology 2011;260:892-899)."""

    T1 = "1"
    T2 = "2"
    T3 = "3"
    T4A = "4a"
    T4B = "4b"
    T4C = "4c"
    T5 = "5"


class TiradsAcr(Term):
    """ACR TI-RADS levels (Tessler et al., J Am Coll Radiol 2017;14:587-595)."""

    TR1 = "TR1"
    TR2 = "TR2"
    TR3 = "TR3"
    TR4 = "TR4"
    TR5 = "TR5"


class TiradsEu(Term):
    """EU-TIRADS categories (Russ et al., Eur Thyroid J 2017;6:225-237)."""

    EU1 = "1"
    EU2 = "2"
    EU3 = "3"
    EU4 = "4"
    EU5 = "5"


class TiradsEuRisk(Term):
    """The risk that EU-TIRADS names for its categories 2 to 5 (Russ et al., Eur Thyroid J 2017;6:225-237)."""

    BENIGN = "benign"
    LOW = "low-risk"
    INTERMEDIATE = "intermediate-risk"
    HIGH = "high-risk"


class TiradsHorvath(Term):
    """The first TIRADS (Horvath et al., J Clin Endocrinol Metab 2009;94:1748-1751)."""

    T1 = "1"
    T2 = "2"
    T3 = "3"
    T4A = "4a"
    T4B = "4b"
    T5 = "5"
    T6 = "6"


class TiradsFrench(Term):
    """The French TIRADS (Russ et al., J Radiol 2011;92:701-713)."""

    T1 = "1"
    T2 = "2"
    T3 = "3"
    T4A = "4A"
    T4B = "4B"
    T5 = "5"


class TiradsKorean(Term):
    """K-TIRADS (Shin et al., Korean J Radiol 2016;17:370-395; Ha et al., ibid. 2021;22:2094-2123)."""

    K1 = "1"
    K2 = "2"
    K3 = "3"
    K4 = "4"
    K5 = "5"


class TiradsChinese(Term):
    """C-TIRADS (Zhou et al., Endocrine 2020;70:256-279)."""

    C1 = "1"
    C2 = "2"
    C3 = "3"
    C4A = "4A"
    C4B = "4B"
    C4C = "4C"
    C5 = "5"
    C6 = "6"


class Bethesda(Term):
    """The Bethesda System for Reporting Thyroid Cytopathology; its editions are in :data:`EDITIONS`.

    Category III is indeterminate, not a step between II and IV of one measure, but the categories are
    published in the order of their risk of malignancy (Ali et al., Thyroid 2023;33:1039-1044).
    """

    I = "I"  # noqa: E741 -- the category's published name
    II = "II"
    III = "III"
    IV = "IV"
    V = "V"
    VI = "VI"


class Malignancy(Term):
    """What pathology concluded. The label's basis says which pathology."""

    BENIGN = "benign"
    MALIGNANT = "malignant"


class DdtiComposition(Term):
    """DDTI's ``composition``, spelled as in the release (Pedraza et al., Proc SPIE 2015;9287)."""

    SOLID = "solid"
    PREDOMINANTLY_SOLID = "predominantly solid"
    SPONGIFORM = "spongiform"
    PREDOMINANTLY_CYSTIC = "predominantly cystic"
    DENSE = "dense"
    CYSTIC = "cystic"


class DdtiEchogenicity(Term):
    """DDTI's ``echogenicity``, spelled as in the release."""

    HYPERECHOGENICITY = "hyperechogenicity"
    ISOECHOGENICITY = "isoechogenicity"
    HYPOECHOGENICITY = "hypoechogenicity"
    MARKED_HYPOECHOGENICITY = "marked hypoechogenicity"


class DdtiMargins(Term):
    """DDTI's ``margins``, spelled as in the release."""

    WELL_DEFINED = "well defined"
    WELL_DEFINED_SMOOTH = "well defined smooth"
    ILL_DEFINED = "ill defined"
    ILL_DEFINED_HYPHEN = "ill- defined"  # sic: the release has both spellings, and says no more
    MACROLOBULATED = "macrolobulated"
    MICROLOBULATED = "microlobulated"
    SPICULATED = "spiculated"


class DdtiCalcifications(Term):
    """DDTI's ``calcifications``, spelled as in the release: singular and plural are both there."""

    NON = "non"
    MACROCALCIFICATION = "macrocalcification"
    MACROCALCIFICATIONS = "macrocalcifications"
    MICROCALCIFICATION = "microcalcification"
    MICROCALCIFICATIONS = "microcalcifications"


class DeepLesionSite(Term):
    """DeepLesion's ``Coarse_lesion_type`` 1-8 (Yan et al., J Med Imaging 2018;5:036501)."""

    BONE = "bone"
    ABDOMEN = "abdomen"
    MEDIASTINUM = "mediastinum"
    LIVER = "liver"
    LUNG = "lung"
    KIDNEY = "kidney"
    SOFT_TISSUE = "soft-tissue"
    PELVIS = "pelvis"


SCHEMES: dict[str, type[Term]] = {
    "bethesda": Bethesda,
    "ddti-calcifications": DdtiCalcifications,
    "ddti-composition": DdtiComposition,
    "ddti-echogenicity": DdtiEchogenicity,
    "ddti-margins": DdtiMargins,
    "deeplesion-site": DeepLesionSite,
    "malignancy": Malignancy,
    "tirads-acr": TiradsAcr,
    "tirads-chinese": TiradsChinese,
    "tirads-eu": TiradsEu,
    "tirads-eu-risk": TiradsEuRisk,
    "tirads-french": TiradsFrench,
    "tirads-horvath": TiradsHorvath,
    "tirads-korean": TiradsKorean,
    "tirads-kwak": TiradsKwak,
}
"""Every vocabulary by the name of its scheme."""

GRADED: frozenset[str] = frozenset(
    scheme for scheme in SCHEMES if scheme.startswith("tirads-") or scheme in {"bethesda", "malignancy"}
)
"""The schemes whose members are declared in ascending order of concern."""

EDITIONS: dict[str, frozenset[str]] = {
    # Cibas & Ali, Am J Clin Pathol 2009;132:658 · Thyroid 2017;27:1341 · Ali et al., Thyroid 2023;33:1039
    "bethesda": frozenset({"2009", "2017", "2023"}),
    "tirads-korean": frozenset({"2016", "2021"}),
}
"""The published editions of a scheme, by year, for those that have more than one."""

_SCHEME_OF = {terms: scheme for scheme, terms in SCHEMES.items()}
for _scheme, _terms in SCHEMES.items():
    for _rank, _term in enumerate(_terms):
        # Written once here: every record asks for them, and an enum's own value and hash are slow to reach.
        _term._text = f"{_scheme}/{_term.value}"  # noqa: SLF001
        _term._grade = _rank if _scheme in GRADED else None  # noqa: SLF001
_TERM_OF = {str(term): term for terms in SCHEMES.values() for term in terms}


def parse_term(text: str) -> Term:
    """Return the term that ``str(term)`` wrote.

    Raises:
        SchemaError: The scheme is unknown or does not have this value.
    """
    term = _TERM_OF.get(text)
    if term is not None:
        return term
    scheme, _, value = text.partition("/")
    if scheme not in SCHEMES:
        raise SchemaError(f"unknown label scheme {scheme!r}", hint=f"known schemes: {', '.join(SCHEMES)}")
    values = ", ".join(str(member.value) for member in SCHEMES[scheme])
    raise SchemaError(f"{value!r} is not a value of {scheme}", hint=f"its values: {values}")


class Modality(_Word):
    """How an image was acquired."""

    ULTRASOUND = "ultrasound"
    CT = "ct"


class Scope(_Word):
    """What a label is said of. A label of the case is none of its images."""

    CASE = "case"
    NODULE = "nodule"
    IMAGE = "image"
    FINDING = "finding"


class Sex(_Word):
    """A patient's sex as the source states it."""

    FEMALE = "female"
    MALE = "male"


class ViewPlane(_Word):
    """The plane of an ultrasound image relative to the neck."""

    TRANSVERSE = "transverse"
    LONGITUDINAL = "longitudinal"


class Location(_Word):
    """Where in the thyroid a nodule lies."""

    LEFT_LOBE = "left-lobe"
    RIGHT_LOBE = "right-lobe"
    ISTHMUS = "isthmus"


class GroupKind(_Word):
    """The coarsest identity, nearest to the patient, that a source publishes. A case is not a patient."""

    PATIENT = "patient"
    CASE = "case"
    NODULE = "nodule"
    CLIP = "clip"
    IMAGE = "image"


class Structure(_Word):
    """What a finding is a drawing of. Markers (arrows, burned-in calipers) are no anatomy."""

    NODULE = "nodule"
    LESION = "lesion"
    GLAND = "gland"
    LYMPH_NODE = "lymph-node"
    MARKER = "marker"


class Coverage(_Word):
    """What a reading covered, and so what the absence of a finding means.

    ``NONE``: nothing was outlined and nothing may be concluded. ``PARTIAL``: some of what was seen is
    missing. ``COMPLETE``: the reader says that all there is has been drawn.
    """

    NONE = "none"
    PARTIAL = "partial"
    COMPLETE = "complete"


class Basis(_Word):
    """What a label rests on: malignant by cytology is not malignant by histology."""

    IMAGING = "imaging"
    CYTOLOGY = "cytology"
    HISTOLOGY = "histology"
