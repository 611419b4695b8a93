"""The account of a consensus: what was agreed, decided and left open, and every vote."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from thyrodata.agreement.consensus import without_consensus
from thyrodata.agreement.images import ReadImage
from thyrodata.agreement.model import Noted
from thyrodata.agreement.notes import noted
from thyrodata.agreement.policy import OutlineRule, Policy
from thyrodata.agreement.resolving import REASONS, Resolution, resolve_image
from thyrodata.agreement.shapes import shares
from thyrodata.agreement.votes import Outcome, Tally, Vote, tally
from thyrodata.io.parquettable import table_bytes
from thyrodata.io.png import encode_png
from thyrodata.schema.record import Derived

__all__ = ["POLICY", "Account", "account_of"]

POLICY = "policy.yaml"
_FULL = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a policy makes of a dataset's readings."""

    policy: Policy
    tallies: tuple[Tally, ...]
    reasons: tuple[tuple[str, int], ...]
    """Why readers do not agree, and how often."""
    notes: tuple[Noted, ...]
    images: int
    """Images of which the consensus says something."""
    findings: int
    """Of the consensus."""
    replaced: int
    """Findings of an earlier consensus, which are gone."""
    open_images: tuple[str, ...]
    """Images on which something waits for the arbiter."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "policy": self.policy.name,
            "readers": sorted(self.policy.readers),
            "arbiter": self.policy.arbiter,
            "read": self.images,
            "findings": self.findings,
            "replaced": self.replaced,
            "outcomes": [each.to_json() for each in self.tallies],
            "reasons": [{"code": code, "what": REASONS[code], "n": n} for code, n in self.reasons],
            "open_images": [*self.open_images],
            "notes": [each.to_json() for each in self.notes],
        }


def account_of(
    images: Iterable[ReadImage], policy: Policy, notes: Mapping[str, Sequence[str]]
) -> tuple[Account, Mapping[str, bytes]]:
    """Return what a policy makes of images, and the files of a dataset that hold it.

    Args:
        images: With what all sources say of them.
        policy: What a person has decided.
        notes: What could not be joined: places by code.
    """
    counter = _Counter(policy, notes)
    for image in images:
        counter.add(image)
    return counter.account(), counter.files()


class _Counter:
    """Resolves images one by one, and keeps the votes."""

    def __init__(self, policy: Policy, notes: Mapping[str, Sequence[str]]) -> None:
        self._policy = policy
        self._notes = defaultdict(list, {code: [*places] for code, places in notes.items()})
        self._soft = policy.outlines is not None and policy.outlines.rule is OutlineRule.SOFT
        self._votes: list[Vote] = []
        self._open: list[str] = []
        self._pictures: dict[tuple[str, str], tuple[str, bytes]] = {}
        self._seen = self._images = self._findings = self._replaced = 0

    def add(self, image: ReadImage) -> None:
        self._replaced += sum(isinstance(each.origin, Derived) for each in image.findings)
        read = without_consensus(image)
        made = resolve_image(read, self._policy)
        self._votes += made.votes
        self._images += made.reading is not None
        self._findings += len(made.findings)
        if any(vote.outcome is Outcome.OPEN for vote in made.votes):
            self._open.append(image.image_id)
        for code, place in made.notes:
            self._notes[code].append(place)
        for position, each in enumerate(made.findings if self._soft else (), 1):
            name = f"shares/{self._seen:06d}-{position}.png"
            self._pictures[image.image_id, each.finding_id] = (name, _picture(read, made, each.finding_id))
        self._seen += 1

    def account(self) -> Account:
        reasons = Counter(vote.why for vote in self._votes if vote.why)
        return Account(
            policy=self._policy,
            tallies=tally(self._votes),
            reasons=tuple(sorted(reasons.items())),
            notes=noted(self._notes),
            images=self._images,
            findings=self._findings,
            replaced=self._replaced,
            open_images=tuple(self._open),
        )

    def files(self) -> Mapping[str, bytes]:
        home = f"agreement/{self._policy.name}"
        said = json.dumps(self.account().to_json(), indent=2, ensure_ascii=False) + "\n"
        return {
            f"{home}/{POLICY}": self._policy.text().encode(),
            f"{home}/votes.parquet": _votes_table(self._votes, self._pictures),
            **{f"{home}/{name}": data for name, data in self._pictures.values()},
            "reports/agree.json": said.encode(),
        }


def _picture(image: ReadImage, made: Resolution, finding_id: str) -> bytes:
    """Return a PNG of the image's size: 255 where all who looked have drawn the pixel, 0 where nobody has."""
    rasters = [drawing.raster for drawing in made.made_of[finding_id] if drawing.raster is not None]
    pixels = np.zeros((image.image.height, image.image.width), np.uint8)
    if rasters:
        left, top, counts = shares(rasters)
        height, width = counts.shape
        pixels[top : top + height, left : left + width] = np.rint(counts * (_FULL / len(rasters)))
    return encode_png(pixels)


def _votes_table(rows: Sequence[Vote], pictures: Mapping[tuple[str, str], tuple[str, bytes]]) -> bytes:
    """Return a row for each thing that was decided, or waits."""
    names = [pictures.get((row.image_id, row.consensus_id), ("", b""))[0] for row in rows]
    return table_bytes(
        {
            "image_id": [row.image_id for row in rows],
            "group_id": [row.group_id for row in rows],
            "scope": [row.scope.value for row in rows],
            "item": [row.item for row in rows],
            "thing": [row.thing for row in rows],
            "readers": [[voter.reader for voter in row.voters] for row in rows],
            "finding_ids": [[voter.finding_id for voter in row.voters] for row in rows],
            "values": [[voter.value for voter in row.voters] for row in rows],
            "agreement": [row.agreement for row in rows],
            "outcome": [row.outcome.value for row in rows],
            "rule": [row.rule for row in rows],
            "why": [row.why for row in rows],
            "consensus_id": [row.consensus_id for row in rows],
            "value": [row.value for row in rows],
            "shares": names,
        }
    )
