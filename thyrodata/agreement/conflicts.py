"""What of an image goes to the arbiter: the readings that are open, beside what is settled."""

from __future__ import annotations

from thyrodata.agreement.images import ReadImage, has_read
from thyrodata.agreement.policy import Policy
from thyrodata.agreement.queue import Conflict
from thyrodata.agreement.resolving import REASONS, Resolution, resolve_image
from thyrodata.agreement.votes import Outcome
from thyrodata.schema.record import Finding
from thyrodata.schema.vocab import Scope

__all__ = ["conflict_on"]


def conflict_on(image: ReadImage, policy: Policy) -> Conflict | None:
    """Return what of an image waits for the arbiter; ``None`` if nothing that is drawn does.

    Of an image that one reader alone has read, what that reader says twice over may be open: there is no
    other reading to choose.

    A drawing whose outline is settled and whose grade is not is shown as each reader has it: the arbiter
    chooses the grade by choosing a reading.
    """
    made = resolve_image(image, policy)
    readers = [reader for reader in sorted(policy.readers) if has_read(image, reader)]
    if not made.open_things or len(readers) == 1:
        return None
    said = [
        vote.why for vote in made.votes if vote.outcome is Outcome.OPEN and vote.scope is not Scope.FINDING
    ]
    why = dict.fromkeys([*(code for each in made.open_things for code in each.why), *said])
    return Conflict(
        image_id=image.image_id,
        readings=tuple((reader, _drawn(made, reader)) for reader in readers),
        agreed=_settled(made),
        why=tuple(REASONS[code] for code in why),
    )


def _drawn(made: Resolution, reader: str) -> tuple[Finding, ...]:
    return tuple(finding for each in made.open_things for finding in each.drawn.get(reader, ()))


def _settled(made: Resolution) -> tuple[Finding, ...]:
    unsettled = {each.consensus_id for each in made.open_things}
    return tuple(finding for finding in made.findings if finding.finding_id not in unsettled)
