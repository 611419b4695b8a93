"""What the commands about readers print."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from thyrodata.cli.output import NOTHING, lines, table

if TYPE_CHECKING:
    from thyrodata.agreement.model import Agreement, Figure, Noted, PairAgreement
    from thyrodata.agreement.resampling import Estimate
    from thyrodata.agreement.scoring import Comparison
    from thyrodata.agreement.votes import Tally
    from thyrodata.curation.agree import ReportedAgreement
    from thyrodata.curation.queue import QueuedConflicts
    from thyrodata.curation.resolve import ResolvedReadings
    from thyrodata.curation.score import ScoredPredictions
    from thyrodata.exports.fiftyone import ConflictsView

__all__ = ["print_queue", "print_report", "print_resolved", "print_score", "print_view"]

SHOWN = 3
"""Places of a note that a terminal shows; a report has all."""


def print_report(made: ReportedAgreement) -> None:
    """Print the figures of every two readers, and what must be known to read them."""
    for pair in made.agreement.pairs:
        title = f"{_both(pair)}: {pair.images} images"
        table(("figure", "value", "95 % interval", "n", "of", "groups"), _figures(pair), title=title)
    lines(_report_notes(made.agreement))
    if made.account:
        lines([f"figures      {made.account}"])
    if made.out:
        lines([f"report       {made.out}/index.html"])


def _both(pair: PairAgreement) -> str:
    return " and ".join(name or "(not named)" for name in pair.readers)


def _figures(pair: PairAgreement) -> Iterator[tuple[str, ...]]:
    """Yield what a terminal shows; the report has medians and the rest as well."""
    for figure in pair.figures:
        if figure.of != "median" or figure.name == "dice":
            yield _figure(figure, "")
    for each in pair.differences:
        for figure in each.figures:
            yield _figure(figure, f"{each.quantity}: ")
    for grades in pair.grades:
        for figure in grades.figures:
            yield _figure(figure, f"{grades.scheme} of the {grades.scope.value}: ")


def _figure(figure: Figure, of: str) -> tuple[str, ...]:
    name = _named(f"{of}{figure.name}", figure.of, figure.unit)
    value = "not defined" if figure.value is None else f"{figure.value:.3f}"
    known = figure.low is not None and figure.high is not None
    interval = f"{figure.low:.3f} to {figure.high:.3f}" if known else NOTHING
    return (name, value, interval, str(figure.n), figure.counted, str(figure.groups))


def _named(name: str, of: str, unit: str) -> str:
    return " ".join(filter(None, (name, of, f"({unit})" if unit else "")))


def _report_notes(said: Agreement) -> Iterator[str]:
    kinds = " and ".join(said.terms.group_kinds)
    yield f"intervals: the bootstrap over groups, {said.terms.resamples} resamples; a group is the {kinds}"
    finer = [kind for kind in said.terms.group_kinds if kind != "patient"]
    yield from (f"note: 1 {kind} is not 1 patient: intervals may be too narrow" for kind in finer)
    for pair in said.pairs:
        apart, sure = sum(pair.unmatched), sum(pair.unmatched_of_complete)
        if apart:
            what = f"{apart} drawings have no counterpart, {sure} where the other has drawn all"
            yield f"note: {_both(pair)}: {what}"
    yield from _notes(said.notes)


def _notes(notes: Iterable[Noted]) -> Iterator[str]:
    for note in notes:
        few = "; ".join(note.places[:SHOWN]) + ("; ..." if len(note.places) > SHOWN else "")
        yield f"note: {note.code}, {len(note.places)}: {note.sentence} ({few})"


def print_resolved(made: ResolvedReadings) -> None:
    """Print what came of the readings, in numbers and shares."""
    from thyrodata.agreement.votes import Outcome

    header = ("what", "things", *(each.value for each in Outcome if each is not Outcome.LEFT), "left")
    title = f"policy {made.account.policy.name}: {', '.join(sorted(made.account.policy.readers))}"
    table(header, map(_outcomes, made.account.tallies), title=title)
    lines(_resolved_notes(made))


def _outcomes(tally: Tally) -> tuple[str, ...]:
    from thyrodata.agreement.votes import Outcome

    cells = []
    for outcome, n in tally.counts:
        share = tally.share(outcome)
        if outcome is not Outcome.LEFT:
            cells.append(NOTHING if share is None else f"{n} ({100 * share:.1f} %)")
    return (tally.item, str(tally.decidable), *cells, str(dict(tally.counts)[Outcome.LEFT]))


def _resolved_notes(made: ResolvedReadings) -> Iterator[str]:
    from thyrodata.agreement.resolving import REASONS

    yield "shares are of what two readers or more could agree on; left is what nobody could, or was asked to"
    yield from (f"why: {n} x {REASONS[code]}" for code, n in made.account.reasons)
    if made.account.replaced:
        yield f"note: {made.account.replaced} findings of an earlier consensus were replaced"
    yield from _notes(made.account.notes)
    if waiting := len(made.account.open_images):
        yield f"open         {waiting} images; they go to an arbiter with thyrodata agree queue"
    done = "would make" if made.revision.dataset is None else "made"
    said = f"{made.revision.images} images, {made.account.findings} findings of the consensus"
    yield f"{done} {made.revision.out}: {said}"


def print_queue(made: QueuedConflicts) -> None:
    """Print what an arbiter is given."""
    said = made.to_json()
    lines([f"{said['images']} images, {said['shapes']} shapes for {made.assignment.task.readers[0]}"])
    if said["as_pixels"]:
        lines([f"note: {said['as_pixels']} shapes are shown as pixels: the format has no holes or parts"])
    lines(f"note: not shown: {note.what} ({note.where})" for note in made.not_shown)
    if made.without_file:
        lines([f"note: {len(made.without_file)} images are not given: there are only their annotations"])
    lines(["note: what is burned into the pixels (names, text, calipers) stays, and was not looked for"])
    lines(["nothing was written" if made.dry_run else f"key          {made.out}/key.csv: give it to nobody"])


def print_view(made: ConflictsView) -> None:
    """Print what can be looked at, and how."""
    lines([f"{made.images} images, {made.shapes} shapes in the FiftyOne dataset {made.name}"])
    if made.as_pixels:
        lines([f"note: {made.as_pixels} shapes are shown as the pixels that they cover"])
    lines(f"note: not shown: {note.what} ({note.where})" for note in made.not_shown)
    if made.without_file:
        lines([f"note: {len(made.without_file)} images are not shown: there are only their annotations"])
    lines(["note: images and groups are named: this is nothing for an arbiter who must not know them"])
    launch = f"FIFTYONE_DO_NOT_TRACK=true fiftyone app launch {made.name} --address 127.0.0.1"
    lines([f"look         {launch}, and choose the view side by side"])


def print_score(made: ScoredPredictions) -> None:
    """Print how a model agrees with readers, beside how they agree with one another."""
    score = made.score
    header = ("figure", *(f"with {reader}" for reader in score.readers), "mean", "readers", "difference")
    title = f"{score.model}: {score.images} images that all have read"
    table(header, map(_comparison, score.comparisons), title=title)
    lines([f"intervals: the bootstrap over groups; a group is the {' and '.join(made.group_kinds)}"])
    if score.left_out:
        lines([f"note: {score.left_out} images are left out: the model or a reader has not read them"])
    if len(score.readers) == 1:
        lines(["note: one reader is no measure of how readers agree"])
    lines(_notes(made.notes))


def _comparison(each: Comparison) -> tuple[str, ...]:
    found = (*each.with_each.values(), each.model, each.readers, each.difference)
    return (_named(each.name, each.of, each.unit), *map(_estimate, found))


def _estimate(found: Estimate) -> str:
    if found.value is None:
        return NOTHING
    if found.low is None or found.high is None:
        return f"{found.value:.3f}"
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"
