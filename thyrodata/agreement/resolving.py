"""Resolving one image: its readers' drawings and words become a consensus, or wait for the arbiter.

All is a function of the image and the policy. Readers' names and their order play no part: what cannot be
told is left open, never decided by whose drawing comes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count

from thyrodata.agreement.arbiter import Arbitration, arbitrate
from thyrodata.agreement.asking import STRUCTURES
from thyrodata.agreement.clusters import Cluster, cluster
from thyrodata.agreement.deciding import Decision, decide_drawing, least_agreement
from thyrodata.agreement.drawings import Drawing, drawings_by, unfit_by
from thyrodata.agreement.grading import GradeDecision, decide_grade
from thyrodata.agreement.images import PATHOLOGY, ReadImage, has_read, stated_coverage
from thyrodata.agreement.policy import Lone, Policy
from thyrodata.agreement.votes import BOX, OUTLINE, Outcome, Vote, Voter
from thyrodata.schema.geometry import Geometry
from thyrodata.schema.record import Derived, Finding, Label, Read, Reading
from thyrodata.schema.vocab import Coverage, Scope
from thyrodata.survey import CONSENSUS

__all__ = ["REASONS", "GradedThing", "OpenThing", "Resolution", "resolve_image"]

REASONS = {
    "below-threshold": "the drawings overlap less than the policy asks",
    "contradictory-grade": "a reader has given one thing two grades of one scheme",
    "editions-differ": "the grades are of two editions of a scheme",
    "grades-differ": "the readers' grades differ",
    "no-majority": "no grade has more than half of three or more readers",
    "not-asked": "the policy does not say what is made of it",
    "not-drawn-by-all": "not all who looked have drawn it",
    "not-equal": "the drawings are not equal, as the policy asks",
    "nothing-left": "no pixel is left of what is made of the drawings",
    "one-reader": "one reader alone has read it",
    "policy-adjudicates": "the policy leaves it to the arbiter",
    "structures-differ": "the readers call it different structures",
    "tied-match": "it could be matched with several drawings, equally well",
    "too-few-for-staple": "fewer than three have drawn it, and STAPLE needs three",
    "unclear-match": "the drawings of three or more readers do not all overlap one another",
}
"""Why readers do not agree, or nothing is decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedThing:
    """What the consensus says of an image, a nodule or a case."""

    scope: Scope
    thing: str
    """The nodule's id; empty for the image and the case."""
    label: Label


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenThing:
    """Something drawn, of which the outline or a grade waits for the arbiter."""

    drawn: Mapping[str, tuple[Finding, ...]]
    """By reader."""
    consensus_id: str
    """Of the consensus finding whose grade is open; empty where the outline is."""
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What an image comes to."""

    reading: Reading | None
    """Of the consensus, and what it covers; ``None`` where none of the readers has read the image."""
    findings: tuple[Finding, ...]
    graded: tuple[GradedThing, ...]
    votes: tuple[Vote, ...]
    notes: tuple[tuple[str, str], ...]
    """Code and place of what was not resolved and is no vote."""
    open_things: tuple[OpenThing, ...]
    """What is drawn and waits for the arbiter."""
    made_of: Mapping[str, tuple[Drawing, ...]]
    """The readers' drawings that each consensus finding was made of, by its id."""


def resolve_image(image: ReadImage, policy: Policy) -> Resolution:
    """Return what a policy makes of an image's readings."""
    return _Resolver(image, policy).resolve()


class _Resolver:
    def __init__(self, image: ReadImage, policy: Policy) -> None:
        self._image = image
        self._policy = policy
        self._readers = tuple(reader for reader in sorted(policy.readers) if has_read(image, reader))
        self._drawn = {reader: drawings_by(image, reader, STRUCTURES) for reader in self._readers}
        self._unfit = {reader: tuple(unfit_by(image, reader, STRUCTURES)) for reader in self._readers}
        self._clusters = cluster(self._drawn, policy.match)
        self._arbitration = self._arbiter()
        self._votes: list[Vote] = []
        self._findings: list[Finding] = []
        self._graded: list[GradedThing] = []
        self._open: list[OpenThing] = []
        self._made_of: dict[str, tuple[Drawing, ...]] = {}
        taken = {each.finding_id for each in image.findings if isinstance(each.origin, Read)}
        names = (f"{policy.name}/{number}" for number in count(1))
        self._ids = (name for name in names if name not in taken)

    def _arbiter(self) -> Arbitration | None:
        arbiter = self._policy.arbiter
        if arbiter is None or not has_read(self._image, arbiter):
            return None
        self._unfit[arbiter] = tuple(unfit_by(self._image, arbiter, STRUCTURES))
        drawn = drawings_by(self._image, arbiter, STRUCTURES)
        complete = self._says_all(arbiter)
        return arbitrate(self._clusters, drawn, self._policy.match, complete=complete)

    def _says_all(self, reader: str) -> bool:
        """Whether a reader says that what can be compared is all there is.

        One who has drawn what cannot be, as a crowd, has seen something there, and nobody knows what.
        """
        return stated_coverage(self._image, reader) is Coverage.COMPLETE and not self._unfit[reader]

    def resolve(self) -> Resolution:
        for k, each in enumerate(self._clusters):
            self._resolve_drawing(k, each)
        if self._readers:
            self._resolve_words()
        return Resolution(
            reading=self._reading(),
            findings=tuple(self._findings),
            graded=tuple(self._graded),
            votes=tuple(self._votes),
            notes=tuple(self._notes()),
            open_things=tuple(self._open),
            made_of=self._made_of,
        )

    # ------------------------------------------------------------ drawings

    def _resolve_drawing(self, k: int, each: Cluster) -> None:
        decision = self._heard(k, self._decide(each))
        drawing = self._arbitration.drawings[k] if self._arbitration else None
        finding_id = "" if decision.geometries is None else next(self._ids)
        is_box = any(drawn.raster is None for drawn in each.all)
        first = len(self._votes)
        measure = "iou" if is_box or self._policy.outlines is None else self._policy.outlines.measure
        self._votes.append(
            self._vote(
                Scope.FINDING,
                BOX if is_box else OUTLINE,
                self._drawers(each, drawing),
                decision,
                agreement=least_agreement(each.all, measure),
                consensus_id=finding_id,
            )
        )
        is_gone = decision.geometries is None and decision.outcome in {Outcome.POLICY, Outcome.ADJUDICATED}
        labels = () if is_gone else tuple(self._labels(each, drawing))
        if decision.geometries is not None:
            heard = drawing if decision.outcome is Outcome.ADJUDICATED else None
            made_of = (*each.all, *((heard,) if heard else ()))
            self._findings.append(self._finding(finding_id, decision.geometries, made_of, labels))
            self._made_of[finding_id] = each.all
        why = [vote.why for vote in self._votes[first:] if vote.outcome is Outcome.OPEN]
        if why:
            drawn = {r: tuple(drawing.finding for drawing in found) for r, found in each.drawings.items()}
            self._open.append(OpenThing(drawn=drawn, consensus_id=finding_id, why=tuple(why)))

    def _decide(self, each: Cluster) -> Decision:
        if len(self._readers) == 1:
            return self._lone(each)
        silent = {reader: self._says_all(reader) for reader in self._readers if reader not in each.drawings}
        size = self._image.image
        return decide_drawing(each, silent, self._policy, width=size.width, height=size.height)

    def _lone(self, each: Cluster) -> Decision:
        """Return what becomes of a drawing on an image that nobody else has read."""
        if self._policy.one_reader is Lone.TAKE and not each.trouble:
            return Decision(
                outcome=Outcome.POLICY,
                rule="one-reader: take",
                why="one-reader",
                geometries=each.all[0].finding.geometries,
            )
        return Decision(outcome=Outcome.LEFT, rule="one-reader: leave", why="one-reader", geometries=None)

    def _heard(self, k: int, decision: Decision) -> Decision:
        """Return what the arbiter makes of a conflict."""
        found = self._arbitration
        if decision.outcome is not Outcome.OPEN or found is None or k in found.tied:
            return decision
        drawing = found.drawings[k]
        if drawing is None and not found.complete:
            return decision
        return Decision(
            outcome=Outcome.ADJUDICATED,
            rule="arbiter",
            why=decision.why,
            geometries=drawing.finding.geometries if drawing else None,
        )

    def _finding(
        self,
        finding_id: str,
        geometries: tuple[Geometry, ...],
        made_of: Sequence[Drawing],
        labels: tuple[Label, ...],
    ) -> Finding:
        findings = [drawing.finding for drawing in made_of]
        nodules = {finding.nodule_id for finding in findings} - {None}
        pathology = [label for finding in findings for label in finding.labels if label.basis in PATHOLOGY]
        return Finding(
            finding_id=finding_id,
            # The arbiter's, where there is one; else they are all the same.
            structure=findings[-1].structure,
            geometries=geometries,
            labels=(*labels, *sorted(dict.fromkeys(pathology), key=str)),
            nodule_id=nodules.pop() if len(nodules) == 1 else None,
            origin=Derived(
                policy=self._policy.name, from_ids=tuple(sorted(finding.finding_id for finding in findings))
            ),
        )

    def _drawers(self, each: Cluster, drawing: Drawing | None) -> Iterator[Voter]:
        for reader in sorted(each.drawings):
            for drawn in each.drawings[reader]:
                yield Voter(reader=reader, finding_id=drawn.finding.finding_id, value="")
        if drawing is not None and self._policy.arbiter is not None:
            yield Voter(reader=self._policy.arbiter, finding_id=drawing.finding.finding_id, value="")

    # ------------------------------------------------------------ words

    def _labels(self, each: Cluster, drawing: Drawing | None) -> Iterator[Label]:
        """Yield the grades of a thing that is drawn, and vote on each scheme."""
        if each.trouble:
            return
        said = {reader: drawn[0].finding.labels for reader, drawn in each.drawings.items()}
        arbiter = drawing.finding.labels if drawing else ()
        ids = {voter.reader: voter.finding_id for voter in self._drawers(each, drawing)}
        yield from self._grades(Scope.FINDING, "", said, arbiter, ids=ids)

    def _resolve_words(self) -> None:
        """Vote on what readers say of the image, its nodules and its case."""
        image = self._image
        things = [(Scope.IMAGE, "", image.image_labels), (Scope.CASE, "", image.case_labels)]
        things += [(Scope.NODULE, nodule.nodule_id, nodule.labels) for nodule in image.nodules]
        for scope, thing, labels in things:
            said = {r: tuple(label for label in labels if label.reader == r) for r in self._policy.readers}
            arbiter = self._policy.arbiter
            by_arbiter = tuple(label for label in labels if arbiter and label.reader == arbiter)
            for label in self._grades(scope, thing, said, by_arbiter, ids={}):
                self._graded.append(
                    GradedThing(scope=scope, thing=thing, label=replace(label, reader=CONSENSUS))
                )

    def _grades(
        self,
        scope: Scope,
        thing: str,
        said: Mapping[str, Sequence[Label]],
        by_arbiter: Sequence[Label],
        *,
        ids: Mapping[str, str],
    ) -> Iterator[Label]:
        for scheme, rule in sorted(self._policy.classes.items()):
            votes = {reader: _on(scheme, labels) for reader, labels in said.items() if _on(scheme, labels)}
            if not votes:
                continue
            decision = decide_grade(votes, rule, lone=self._policy.one_reader is Lone.TAKE)
            of_arbiter = _on(scheme, by_arbiter)
            if decision.outcome is Outcome.OPEN and len({(x.value, x.edition) for x in of_arbiter}) == 1:
                label = replace(of_arbiter[0], reader=None)
                decision = GradeDecision(
                    outcome=Outcome.ADJUDICATED, rule="arbiter", why=decision.why, label=label
                )
            voters = [
                Voter(reader=reader, finding_id=ids.get(reader, ""), value=str(label.value))
                for reader in sorted(votes)
                for label in votes[reader]
            ]
            if self._policy.arbiter is not None:
                arbiter = self._policy.arbiter
                voters += [
                    Voter(reader=arbiter, finding_id=ids.get(arbiter, ""), value=str(label.value))
                    for label in of_arbiter
                ]
            self._votes.append(self._vote(scope, scheme, voters, decision, thing=self._named(scope, thing)))
            if decision.label is not None:
                yield decision.label

    def _named(self, scope: Scope, thing: str) -> str:
        match scope:
            case Scope.NODULE:
                return f"{self._image.group_id}#{thing}"
            case Scope.CASE:
                return self._image.group_id
        return ""

    # ------------------------------------------------------------ the image

    def _vote(
        self,
        scope: Scope,
        item: str,
        voters: Iterable[Voter],
        decision: Decision | GradeDecision,
        *,
        thing: str = "",
        agreement: float | None = None,
        consensus_id: str = "",
    ) -> Vote:
        label = decision.label if isinstance(decision, GradeDecision) else None
        return Vote(
            image_id=self._image.image_id,
            group_id=self._image.group_id,
            scope=scope,
            item=item,
            thing=thing,
            voters=tuple(voters),
            agreement=agreement,
            outcome=decision.outcome,
            rule=decision.rule,
            why=decision.why,
            consensus_id=consensus_id,
            value=str(label.value) if label else "",
        )

    def _reading(self) -> Reading | None:
        """Return what the consensus covers: what is open, or cannot be compared, is missing from it."""
        if not self._readers:
            return None
        drawn = [vote for vote in self._votes if vote.item in {OUTLINE, BOX}]
        if len(self._readers) == 1 and self._policy.one_reader is Lone.LEAVE:
            return Reading(reader=CONSENSUS, coverage=Coverage.NONE)
        is_missing = any(vote.outcome in {Outcome.OPEN, Outcome.LEFT} for vote in drawn)
        if is_missing or any(self._unfit[reader] for reader in self._readers):
            return Reading(reader=CONSENSUS, coverage=Coverage.PARTIAL)
        stated = {stated_coverage(self._image, reader) for reader in self._readers}
        for weakest in (Coverage.PARTIAL, None):
            if weakest in stated:
                return Reading(reader=CONSENSUS, coverage=weakest)
        return Reading(reader=CONSENSUS, coverage=Coverage.COMPLETE)

    def _notes(self) -> Iterator[tuple[str, str]]:
        image_id = self._image.image_id
        if not self._readers:
            yield "no-reader", image_id
        if len(self._readers) == 1:
            yield "one-reader", f"{image_id}: {self._readers[0]}"
        named = {each.reader or "" for each in self._image.readings}
        for reader in sorted(named.intersection(self._policy.readers).difference(self._readers)):
            yield "covers-nothing", f"{image_id}: {reader}"
        for scheme in sorted(self._schemes() - self._policy.classes.keys()):
            yield "scheme-not-asked", f"{image_id}: {scheme}"
        yield from self._notes_on_drawings(image_id)

    def _notes_on_drawings(self, image_id: str) -> Iterator[tuple[str, str]]:
        for unfit in chain.from_iterable(self._unfit.values()):
            yield unfit.code, f"{image_id}: {unfit.finding.finding_id}"
        for each in self._clusters:
            if len(each.drawings) > 1 and all(drawing.equals(each.all[0]) for drawing in each.all):
                yield "equal-drawings", f"{image_id}: {', '.join(sorted(each.drawings))}"
        for drawing in self._arbitration.alone if self._arbitration else ():
            yield "arbiter-alone", f"{image_id}: {drawing.finding.finding_id}"

    def _schemes(self) -> set[str]:
        """Return the schemes on which any reader has graded anything but by pathology."""
        image = self._image
        labels = [
            label for label in (*image.image_labels, *image.case_labels) if label.reader in self._readers
        ]
        labels += [label for each in image.nodules for label in each.labels if label.reader in self._readers]
        labels += [
            label
            for finding in image.findings
            if isinstance(finding.origin, Read) and (finding.origin.reader or "") in self._readers
            for label in finding.labels
        ]
        return {label.value.scheme for label in labels if label.basis not in PATHOLOGY}


def _on(scheme: str, labels: Iterable[Label]) -> tuple[Label, ...]:
    """Return the labels of a scheme that rest on the image: pathology is never voted on."""
    return tuple(label for label in labels if label.value.scheme == scheme and label.basis not in PATHOLOGY)
