"""The papers, and which of their tables are shipped."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PAPERS", "TABLES", "Paper", "TableSource"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSource:
    """A shipped table of a paper."""

    name: str
    """Of the file, without its suffix."""
    title: str
    """What the table shows."""
    naming: int = 1
    """How many of the first columns name a row; the others are its figures."""
    unit: str = "fractions"
    """What the figures are given in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A paper whose figures a baseline is set beside."""

    name: str
    citation: str
    doi: str | None
    """``None`` if it is not known here."""
    data: str
    """What the models were trained and tested on."""
    measured_on: str
    """In a few words: the images that the figures are of."""
    runs: str
    """How many runs a figure stands on, in a sentence."""
    run_count: int
    caveats: tuple[str, ...]
    """What a reader of any of its figures must know and no recomputation shows."""
    tables: tuple[TableSource, ...]


_SINGLE = "One run per figure; no interval and no spread are given: a single run is not a result."

PAPERS: tuple[Paper, ...] = (
    Paper(
        name="ThyroidXL",
        citation=(
            "Duong Viet H, Vu H, Phan Huong D, et al. ThyroidXL: Advancing Thyroid Nodule Diagnosis with an "
            "Expert-Labeled, Pathology-Validated Dataset. MICCAI 2025."
        ),
        doi=None,
        data="ThyroidXL: 9,541 images to train with, 2,094 to test on, split by patient",
        measured_on="ThyroidXL, test",
        runs=_SINGLE,
        run_count=1,
        caveats=(
            "48 % of the test images are malignant, and 26 % of the training images.",
            "What an image without a box or a malignant pixel counts as is not stated.",
            "Patients are judged by weighted majority voting, each image by the model's confidence.",
        ),
        tables=(
            TableSource(name="thyroidxl_classification", title="Classification of images and patients"),
            TableSource(name="thyroidxl_detection", title="Detection, and the class of the surest box"),
            TableSource(
                name="thyroidxl_segmentation",
                title="Class-aware segmentation, and the class of most pixels",
                naming=2,
            ),
        ),
    ),
    Paper(
        name="ThyroNet-X4",
        citation=(
            "ThyroNet-X4 genesis: an advanced deep learning model for auxiliary diagnosis of thyroid "
            "nodules' malignancy. Scientific Reports, 2025."
        ),
        doi=None,
        data=(
            "derived from DDTI: 624 benign and 622 malignant images to train with, 286 and 292 to "
            "validate on; 192 and 410 images of another hospital"
        ),
        measured_on="made from DDTI, validation",
        runs="Single runs, which its authors name as a limit.",
        run_count=1,
        caveats=(
            "The training counts include augmented copies.",
            "How benign and malignant were told apart in DDTI, which publishes TI-RADS, is not known here.",
            "The accuracy on the other hospital's images is .6702.",
        ),
        tables=(
            TableSource(name="thyronet_x4", title="Classification; losses, and accuracies as fractions"),
        ),
    ),
    Paper(
        name="Gambling adversarial nets",
        citation=(
            "Bakhtiariziabari M, Ghafoorian M. Gambling Adversarial Nets for Hard Sample Mining "
            "and Structured Prediction: Application in Ultrasound Thyroid Nodule Segmentation. "
            "MLMI 2020, LNCS 12436."
        ),
        doi="10.1007/978-3-030-59861-7_52",
        data="TN-SCUI 2020: 80 % to train with, 10 % to validate on, 10 % to test on",
        measured_on="TN-SCUI 2020, test",
        runs="Each figure is the mean of three runs; their spread is not given.",
        run_count=3,
        caveats=(
            "The final models were fitted on the training and validation images together.",
            "The hyperparameters are in a supplement that is not published: not exactly reproducible.",
            "The tolerance of the BF score is not stated.",
        ),
        tables=(
            TableSource(
                name="gambling_segmentation",
                title="Segmentation by architecture and loss",
                naming=2,
                unit="percent; Chamfer and Hausdorff distances in pixels, as far as is stated",
            ),
            TableSource(
                name="gambling_mmcl_unet",
                title="Mean likelihood of the most likely class (MMCL) of U-Net by loss",
            ),
        ),
    ),
    Paper(
        name="Lightweight detectors on DeepLesion",
        citation="Siddiqui and Wang, on detectors of the YOLOv5 family on DeepLesion.",
        doi=None,
        data=(
            "DeepLesion: YOLOv5n with all types of lesion, 5,590 images to train with and 1,398 to "
            "validate on; YOLOv5x with the type `other` only, 8,078, 1,277 and 1,696 images"
        ),
        measured_on="DeepLesion",
        runs=_SINGLE,
        run_count=1,
        caveats=(
            "YOLOv5n and YOLOv5x were trained and tested on different images: their rows do not compare.",
        ),
        tables=(
            TableSource(name="deeplesion_detectors", title="Detection by model"),
            TableSource(
                name="deeplesion_yolov5n_per_class",
                title="YOLOv5n by type of lesion: images, instances, and fractions",
            ),
        ),
    ),
    Paper(
        name="OpenMedIA",
        citation=(
            "Zhuang J-X, Huang X, Yang Y, et al. OpenMedIA: Open-Source Medical Image Analysis Toolbox and "
            "Benchmark under Heterogeneous AI Computing Platforms. 2022."
        ),
        doi=None,
        data="each algorithm on a public set of its own; none of the thyroid",
        measured_on="other organs, a set each",
        runs=_SINGLE,
        run_count=1,
        caveats=("No figure is of the thyroid: none stands beside one of ours.",),
        tables=(
            TableSource(name="openmedia_results", title="Figures as first published and re-implemented"),
            TableSource(
                name="openmedia_zoo", title="Which algorithms are there for which framework", naming=2
            ),
        ),
    ),
)
"""The papers in the order in which they are listed."""

TABLES: dict[str, tuple[Paper, TableSource]] = {
    source.name: (paper, source) for paper in PAPERS for source in paper.tables
}
"""Every table by the name of its file, with its paper."""
