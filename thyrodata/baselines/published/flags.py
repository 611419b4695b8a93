"""What speaks against a printed figure, computed from the printed figures themselves.

A printed figure stands for all numbers that round to it, so two figures contradict each other only if no such
numbers agree. What cannot be computed from the tables stands with the paper, as
:attr:`thyrodata.baselines.published.papers.Paper.caveats`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from fractions import Fraction

from thyrodata.baselines.published.tables import Row, Table, load_table

__all__ = ["Flag", "flags", "implied_f1", "implied_jaccard", "implied_share", "is_share_of"]

VALIDATION = (286, 292)
"""ThyroNet-X4's benign and malignant images that the accuracies of its table are of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A contradiction or gap."""

    rows: tuple[str, ...]
    """The names of the rows that it is about; none if it is about the whole table."""
    says: str

    def about(self, row: Row) -> bool:
        """Return whether it concerns a row of its table."""
        return not self.rows or row.name in self.rows


def flags(table: Table) -> tuple[Flag, ...]:
    """Return what the figures of a table show against themselves, each flag as a sentence."""
    return tuple(found for check in _CHECKS.get(table.source.name, ()) for found in check(table))


def implied_f1(row: Row) -> tuple[Fraction, Fraction, Fraction]:
    """Return the F1 that precision p and recall r imply, 2pr / (p + r), with its lowest and highest value.

    Raises:
        TypeError: One of them is not printed.
    """
    return _between(lambda p, r: 2 * p * r / (p + r), row, "precision", "recall")


def implied_jaccard(row: Row) -> tuple[Fraction, Fraction, Fraction]:
    """Return the Jaccard index that a Dice index D in percent implies, D / (2 - D), lowest and highest.

    It holds for one pair of masks and for pooled pixels, and not for means over images: D / (2 - D) is
    convex, so that the mean Jaccard index is above it unless all images have the same Dice index.
    """
    return _between(lambda d: 100 * d / (200 - d), row, "dice")


def implied_share(row: Row) -> Fraction:
    """Return the share of positive images by which accuracy follows from sensitivity and specificity."""
    columns = ("accuracy", "image_sensitivity", "image_specificity")
    accuracy, sensitivity, specificity = (_printed(row, column) for column in columns)
    return (accuracy - specificity) / (sensitivity - specificity)


def is_share_of(printed: Decimal, n: int) -> bool:
    """Return whether a whole number out of ``n`` gives a printed fraction, be it rounded or cut off."""
    step = Decimal(1).scaleb(int(printed.as_tuple().exponent))
    nearest = int(printed * n)
    shares = [Decimal(k) / n for k in range(max(nearest - 1, 0), nearest + 3)]
    return any(
        share.quantize(step, way) == printed for share in shares for way in (ROUND_DOWN, ROUND_HALF_UP)
    )


def _printed(row: Row, column: str) -> Fraction:
    value = row.value(column)
    if value is None:
        raise TypeError(f"{row.key} has no {column}")
    return Fraction(value)


def _half(row: Row, column: str) -> Fraction:
    """Half of the last printed digit."""
    return Fraction(1, 2 * 10 ** len(row.figures[column].partition(".")[2]))


def _between(rule: Callable[..., Fraction], row: Row, *columns: str) -> tuple[Fraction, Fraction, Fraction]:
    """A rule that rises with its arguments: of the printed figures, and of the ends they stand for."""
    middle = [_printed(row, column) for column in columns]
    halves = [_half(row, column) for column in columns]
    low = rule(*(value - half for value, half in zip(middle, halves, strict=True)))
    high = rule(*(value + half for value, half in zip(middle, halves, strict=True)))
    return rule(*middle), low, high


def _agrees(row: Row, column: str, implied: tuple[Fraction, Fraction, Fraction]) -> bool:
    value, half = _printed(row, column), _half(row, column)
    return value - half <= implied[2] and implied[1] <= value + half


def _f1(table: Table) -> Iterator[Flag]:
    for row in table.rows:
        implied = implied_f1(row)
        if not _agrees(row, "f1", implied):
            yield Flag(
                rows=(row.name,),
                says=f"F1 is printed as {row.figures['f1']}; its precision {row.figures['precision']} and "
                f"recall {row.figures['recall']} imply {float(implied[0]):.3f}.",
            )


def _named_best(table: Table) -> Iterator[Flag]:
    named = table.row("VGG-13 Batchnorm")
    printed = max(table.rows, key=lambda row: _printed(row, "f1"))
    implied = max(table.rows, key=lambda row: implied_f1(row)[0])
    if printed is not named:
        yield Flag(
            rows=(named.name, printed.name),
            says=f"The text names {named.name} the best, with F1 {named.figures['f1']}; the table prints "
            f"{printed.figures['f1']} for {printed.name}, and precision and recall imply the highest, "
            f"{float(implied_f1(implied)[0]):.3f}, for {implied.name}.",
        )


def _two_recalls(table: Table) -> Iterator[Flag]:
    differ = [row for row in table.rows if row.value("recall") != row.value("image_sensitivity")]
    if differ:
        shares = sorted(float(implied_share(row)) for row in table.rows)
        yield Flag(
            rows=tuple(row.name for row in differ),
            says="Recall and image sensitivity differ, and neither is defined. Accuracy, sensitivity and "
            f"specificity agree only if {100 * shares[0]:.0f} to {100 * shares[-1]:.0f} % of the images are "
            "malignant; of the test images, 48 % are.",
        )


def _no_operating_point(table: Table) -> Iterator[Flag]:
    without = [row.name for row in table.rows if row.value("precision") is None]
    if without:
        yield Flag(
            rows=tuple(without),
            says="A recall without its precision or false positives per image: no operating point is given.",
        )


def _two_yolov5n(table: Table) -> Iterator[Flag]:
    brief = load_table("deeplesion_detectors").row("YOLOv5n")
    classes = load_table("deeplesion_yolov5n_per_class")
    whole = classes.row("all")
    columns = ("precision", "recall", "map50")
    if any(not _agrees(brief, name, (_printed(whole, name),) * 3) for name in columns):
        images = sum(int(row.figures["images"]) for row in classes.rows if row is not whole)
        yield Flag(
            rows=("YOLOv5n",) if table.source.name == brief.table else (),
            says="The two tables of YOLOv5n disagree: precision, recall and mAP50 are "
            + " and ".join("/".join(row.figures[name] for name in columns) for row in (brief, whole))
            + f"; the text has 1,398 validation images, the line `all` {int(whole.figures['images']):,}, and "
            f"its classes sum to {images:,}.",
        )


def _pooled(table: Table) -> Iterator[Flag]:
    if all(_agrees(row, "jaccard", implied_jaccard(row)) for row in table.rows):
        yield Flag(
            rows=(),
            says=f"In each of the {len(table.rows)} rows Jaccard is D / (2 - D) of the printed Dice D. That "
            "holds for pooled pixels, or if one was computed from the other, and not for means over images.",
        )


def _impossible_accuracies(table: Table) -> Iterator[Flag]:
    n, majority = sum(VALIDATION), Decimal(max(VALIDATION)) / sum(VALIDATION)
    accuracies = {row.name: Decimal(row.figures["val_accuracy"]) for row in table.rows}
    impossible = tuple(name for name, accuracy in accuracies.items() if not is_share_of(accuracy, n))
    if impossible:
        yield Flag(
            rows=impossible,
            says=f"The validation accuracy is that of no whole number of the {n} validation images; it may "
            "be a mean over batches.",
        )
    below = tuple(name for name, accuracy in accuracies.items() if accuracy < majority)
    if below:
        yield Flag(
            rows=below,
            says=f"The validation accuracy is below {majority:.3f}, the share of the more frequent class.",
        )


def _below_external_majority(table: Table) -> Iterator[Flag]:
    external, benign, malignant = Decimal(".6702"), 192, 410
    majority = Decimal(max(benign, malignant)) / (benign + malignant)
    if external < majority:
        yield Flag(
            rows=(table.rows[0].name,),
            says=f"Its accuracy on another hospital's images, {external}, is below {majority:.3f}, the share "
            "of the more frequent class there.",
        )


def _misnamed(results: Table) -> Iterator[Flag]:
    zoo = load_table("openmedia_zoo")
    frameworks = {row.name.partition(", ")[2]: row.figures for row in zoo.rows}
    lost = [row.name for row in results.rows if row.name not in frameworks]
    if lost:
        yield Flag(
            rows=tuple(lost),
            says=f"The two tables name algorithms differently: the zoo has no {', no '.join(lost)}.",
        )
    for row in results.rows:
        torch, _, mindspore = row.figures["reimplemented_pytorch_mindspore"].partition("/")
        there = frameworks.get(row.name)
        if there and [torch != "-", mindspore != "-"] != [there["pytorch"] != "-", there["mindspore"] != "-"]:
            yield Flag(
                rows=(row.name,),
                says=f"{row.name} has a figure for a framework that the zoo lists it without.",
            )


_CHECKS: dict[str, tuple[Callable[[Table], Iterator[Flag]], ...]] = {
    "thyroidxl_classification": (_f1, _named_best),
    "thyroidxl_segmentation": (_f1, _two_recalls),
    "thyronet_x4": (_below_external_majority, _impossible_accuracies),
    "gambling_segmentation": (_pooled,),
    "deeplesion_detectors": (_no_operating_point, _two_yolov5n),
    "deeplesion_yolov5n_per_class": (_two_yolov5n,),
    "openmedia_results": (_misnamed,),
}
