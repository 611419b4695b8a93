"""What each figure of a report on agreement is, in a sentence, and where its definition is from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["DEFINITIONS", "Definition"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """The meaning of a figure, for those who read it."""

    title: str
    """As a heading of a table has it."""
    text: str
    source: str
    """The paper or tool whose definition it is."""


_BLAND_ALTMAN = "Bland and Altman, Lancet 1986;327(8476):307-310"
_COHEN = "Cohen, Educ. Psychol. Meas. 1960;20(1):37-46"
_CSURKA = 'Csurka et al., "What is a good evaluation measure for semantic segmentation?", BMVC 2013'
_KRIPPENDORFF = 'Krippendorff, "Computing Krippendorff\'s Alpha-Reliability", 2011'
_RIJSBERGEN = 'van Rijsbergen, "Information Retrieval", 2nd ed. 1979, chapter 7'
_SURFACE_DISTANCE = (
    "Nikolov et al., J. Med. Internet Res. 2021;23(7):e26151, and their package surface-distance"
)

DEFINITIONS: Mapping[str, Definition] = {
    "dice": Definition(
        title="Dice",
        text="Twice the pixels that both readers drew, over the sum of the pixels that each drew.",
        source="Dice, Ecology 1945;26(3):297-302",
    ),
    "iou": Definition(
        title="IoU",
        text="The pixels that both readers drew, over the pixels that at least one of them drew.",
        source="Jaccard, Bull. Soc. Vaud. Sci. Nat. 1901;37(142):547-579",
    ),
    "image_dice": Definition(
        title="Dice per image",
        text=(
            "Dice of all that each reader drew in an image, taken together, whether matched or not; "
            "images in which neither drew anything have none."
        ),
        source="Dice, Ecology 1945;26(3):297-302",
    ),
    "hausdorff": Definition(
        title="Hausdorff distance",
        text=(
            "The greatest distance from an edge pixel of one outline to the nearest edge pixel of the other, "
            "whichever of the two it is taken from; between centres of pixels."
        ),
        source="Huttenlocher et al., IEEE Trans. Pattern Anal. Mach. Intell. 1993;15(9):850-863",
    ),
    "hd95_pooled": Definition(
        title="HD95, pooled",
        text="The 95th percentile of the distances of the edge pixels of both outlines, taken together.",
        source="medpy, metric.binary.hd95",
    ),
    "hd95_max": Definition(
        title="HD95, greater of two",
        text=(
            "The 95th percentile of the distances of the edge pixels of each outline by itself; "
            "the greater of the two."
        ),
        source="MONAI, compute_hausdorff_distance with percentile=95",
    ),
    "hd95_surfel": Definition(
        title="HD95, by length",
        text=(
            "The distance within which 95 % of the length of an outline lies from the other; "
            "the greater of the two. Outlines run between pixels."
        ),
        source=_SURFACE_DISTANCE,
    ),
    "assd": Definition(
        title="Average symmetric surface distance",
        text="The mean of the distances of the edge pixels of both outlines, taken together.",
        source="Heimann et al., IEEE Trans. Med. Imaging 2009;28(8):1251-1265",
    ),
    "assd_surfel": Definition(
        title="Average surface distance, by length",
        text=(
            "The mean distance of each outline from the other, every piece of it weighed by its length; "
            "the mean of the two. Outlines run between pixels."
        ),
        source=_SURFACE_DISTANCE,
    ),
    "boundary_f": Definition(
        title="Boundary F",
        text=(
            "The share of the edge pixels of one outline that lie within the tolerance of the other's, "
            "and the reverse; the harmonic mean of the two."
        ),
        source=f"{_CSURKA}; Perazzi et al., CVPR 2016",
    ),
    "surface_dice": Definition(
        title="Surface Dice",
        text=(
            "The length of both outlines that lies within the tolerance of the other, over the length of "
            "both. Outlines run between pixels."
        ),
        source=_SURFACE_DISTANCE,
    ),
    "area": Definition(
        title="Area",
        text="The number of pixels drawn, times the area of one.",
        source="a count of pixels",
    ),
    "diameter": Definition(
        title="Greatest diameter",
        text="The greatest distance between two corners of pixels drawn.",
        source="the maximum Feret diameter",
    ),
    "detection_f1": Definition(
        title="Detection F1",
        text=(
            "Twice the pairs of drawings that match at the IoU stated, over the sum of the drawings of both "
            "readers: one without a counterpart counts as a miss, also where the other reader does not "
            "say that all was drawn. It is the same whichever reader is taken for the truth."
        ),
        source=_RIJSBERGEN,
    ),
    "detection_f1_same_class": Definition(
        title="Detection F1, same class",
        text="Detection F1 in which a pair matches only if both readers also give it the same class.",
        source=_RIJSBERGEN,
    ),
    "kappa": Definition(
        title="Cohen's kappa",
        text=(
            "The agreement of two readers on categories beyond that of chance: 1 is perfect, 0 is what "
            "chance gives. Not defined where all ratings are of one category."
        ),
        source=_COHEN,
    ),
    "kappa_quadratic": Definition(
        title="Quadratic-weighted kappa",
        text=(
            "Cohen's kappa in which a disagreement weighs the square of the steps of the scale between the "
            "two ratings."
        ),
        source="Cohen, Psychol. Bull. 1968;70(4):213-220",
    ),
    "observed_agreement": Definition(
        title="Observed agreement",
        text="The share of things that both readers put into the same category, chance included.",
        source=_COHEN,
    ),
    "fleiss_kappa": Definition(
        title="Fleiss' kappa",
        text="The agreement beyond chance of several readers, over the things that all of them rated.",
        source="Fleiss, Psychol. Bull. 1971;76(5):378-382",
    ),
    "alpha_nominal": Definition(
        title="Krippendorff's alpha, nominal",
        text=(
            "The agreement beyond chance of several readers, over the things that at least two of them "
            "rated; categories are the same or not."
        ),
        source=_KRIPPENDORFF,
    ),
    "alpha_ordinal": Definition(
        title="Krippendorff's alpha, ordinal",
        text="Krippendorff's alpha in which categories differ the more, the more ratings lie between them.",
        source=_KRIPPENDORFF,
    ),
    "icc_a1": Definition(
        title="ICC(A,1)",
        text=(
            "The share of the variance of single measurements that lies between things, not between readers "
            "or in chance: absolute agreement, two-way random effects; ICC(2,1) of Shrout and Fleiss (1979)."
        ),
        source="McGraw and Wong, Psychol. Methods 1996;1(1):30-46",
    ),
    "bias": Definition(
        title="Bias",
        text="The mean of the first reader's measurement less the second's.",
        source=_BLAND_ALTMAN,
    ),
    "sd": Definition(
        title="SD of differences",
        text="The standard deviation of the differences between the two readers (n - 1).",
        source=_BLAND_ALTMAN,
    ),
    "loa_low": Definition(
        title="Lower limit of agreement",
        text="The bias minus 1.96 standard deviations of the differences.",
        source=_BLAND_ALTMAN,
    ),
    "loa_high": Definition(
        title="Upper limit of agreement",
        text="The bias plus 1.96 standard deviations of the differences.",
        source=_BLAND_ALTMAN,
    ),
    "mean": Definition(
        title="Mean",
        text="The mean over units, each of which counts the same however many its group has.",
        source="the arithmetic mean",
    ),
    "median": Definition(
        title="Median",
        text="The value in the middle, or the mean of the two there.",
        source="the sample median",
    ),
    "interval": Definition(
        title="Interval",
        text=(
            "The percentile interval of the bootstrap in which groups (patients, or the nearest to them that "
            "the source names) are drawn whole, with replacement. There is none with fewer than two groups, "
            "nor where the figure is not defined in more resamples than lie beyond one end of it. "
            "With few groups it is too narrow."
        ),
        source=(
            'Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13; '
            "Field and Welsh, J. R. Stat. Soc. B 2007;69(3):369-390"
        ),
    ),
}
"""By the name of the figure."""
