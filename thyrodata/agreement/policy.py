"""The policy of a consensus: what readers' drawings and words come to, said by a person for each task.

There is no default: what is not said is not done. A file that says it::

    name: two-residents
    readers: [resident_1, resident_2]   # "" is one whom the source does not name
    arbiter: radiologist_1          # may be left out
    match: 0.1                      # the least IoU of two drawings that may be of one thing
    outlines:                       # of masks and polygons
      agree: {dice: 0.8}            # below it, readers disagree
      then: mean-shape
    boxes:
      agree: {iou: 0.5}
      then: mean
    unmatched: adjudicate           # one reader drew it, and another who looked did not
    one-reader: leave               # nobody else has looked
    classes:
      tirads-kwak: highest
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from math import isfinite
from typing import TypeVar

from thyrodata.agreement.shapes import STAPLE_READERS
from thyrodata.errors import UsageError
from thyrodata.io.raw import RawFile
from thyrodata.io.yamltext import YamlNode, parse_yaml
from thyrodata.schema.vocab import GRADED, SCHEMES
from thyrodata.survey import CONSENSUS

__all__ = [
    "BoxRule",
    "Boxes",
    "ClassRule",
    "Lone",
    "OutlineRule",
    "Outlines",
    "Policy",
    "Unmatched",
    "read_policy",
]

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_HINT = "compare it with the example of docs/agreement.md"
_FEWEST = 2


class OutlineRule(Enum):
    """What is made of outlines that agree."""

    AGREE = "agree"
    """They must be equal in every pixel."""
    INTERSECTION = "intersection"
    UNION = "union"
    MEAN_SHAPE = "mean-shape"
    STAPLE = "staple"
    SOFT = "soft"
    """The pixels that a share of the readers, the level, has; the shares are kept beside."""
    ADJUDICATE = "adjudicate"


class BoxRule(Enum):
    """What is made of boxes that agree."""

    AGREE = "agree"
    """They must be equal."""
    INTERSECTION = "intersection"
    UNION = "union"
    """The least box that holds all."""
    MEAN = "mean"
    """The mean of each edge."""
    ADJUDICATE = "adjudicate"


class Unmatched(Enum):
    """What becomes of a drawing that not all who looked have."""

    KEEP = "keep"
    DROP = "drop"
    """Where all who have not drawn it say that they drew all there is; else it is adjudicated."""
    MAJORITY = "majority"
    """Kept if more than half have drawn it, dropped if more than half say that it is not there."""
    ADJUDICATE = "adjudicate"


class Lone(Enum):
    """What becomes of an image that one of the readers alone has read."""

    TAKE = "take"
    LEAVE = "leave"


class ClassRule(Enum):
    """What is made of the values that readers give on one scheme."""

    AGREE = "agree"
    """They must be equal."""
    MAJORITY = "majority"
    """That of more than half of those who gave one, of whom there must be three."""
    HIGHEST = "highest"
    """On the scheme's scale."""
    LOWEST = "lowest"
    ADJUDICATE = "adjudicate"


def _check_share(value: float, what: str) -> None:
    if not 0 < value <= 1:
        raise UsageError(f"{what} of {value} is none", hint="it is above 0 and at most 1: write 0.5, say")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlines:
    """How outlines are resolved.

    Raises:
        UsageError: The measure is none of the two, or a number is no share.
    """

    measure: str
    """``dice`` or ``iou``: the least of every two readers."""
    least: float
    """From which on they agree."""
    rule: OutlineRule
    level: float | None = None
    """For ``soft``: the share of the readers from which on a pixel is taken."""

    def __post_init__(self) -> None:
        if self.measure not in {"dice", "iou"}:
            raise UsageError(f"there is no measure {self.measure!a}", hint="there are: dice, iou")
        _check_share(self.least, f"a threshold in {self.measure}")
        if self.level is not None:
            _check_share(self.level, "a level")


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxes:
    """How boxes are resolved.

    Raises:
        UsageError: The number is no share.
    """

    least: float
    """IoU from which on they agree."""
    rule: BoxRule

    def __post_init__(self) -> None:
        _check_share(self.least, "a threshold in iou")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a person has decided.

    Raises:
        UsageError: It contradicts itself: fewer than two readers, an arbiter who votes, a rule that so few
            readers cannot use, or a rank of what has none.
    """

    name: str
    """Of the consensus: lower-case letters, digits and hyphens."""
    readers: tuple[str, ...]
    """Those who vote. In which order they are named plays no part."""
    match: float
    """The least IoU of two drawings that may be of one thing."""
    unmatched: Unmatched
    one_reader: Lone
    arbiter: str | None = None
    """Whose reading decides what is in conflict, and nothing else."""
    outlines: Outlines | None = None
    """``None`` where no outlines are resolved."""
    boxes: Boxes | None = None
    classes: Mapping[str, ClassRule]
    """By scheme. Labels of other schemes are not resolved."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name == CONSENSUS:
            raise UsageError(
                f"a policy cannot be called {self.name!a}", hint="lower-case letters, digits and hyphens"
            )
        if len(set(self.readers)) < _FEWEST or len(set(self.readers)) != len(self.readers):
            raise UsageError("a policy is of two readers or more, each named once")
        if self.arbiter in self.readers:
            raise UsageError(f"{self.arbiter} cannot both vote and arbitrate", hint="name a third reader")
        _check_share(self.match, "a least IoU of a match")
        self._check_rules()

    def _check_rules(self) -> None:
        many = len(self.readers) >= STAPLE_READERS
        if self.outlines and self.outlines.rule is OutlineRule.STAPLE and not many:
            raise UsageError(
                "STAPLE needs three readers: of two it returns their union or intersection by chance",
                hint="use mean-shape, intersection or union, or adjudicate",
            )
        if self.outlines and (self.outlines.rule is OutlineRule.SOFT) != (self.outlines.level is not None):
            raise UsageError("'soft' needs a level, and only it has one", hint="write 'level: 0.5', say")
        if self.unmatched is Unmatched.MAJORITY and not many:
            raise UsageError("two readers have no majority", hint="write 'unmatched: adjudicate', say")
        for scheme, rule in self.classes.items():
            if scheme not in SCHEMES:
                raise UsageError(f"there is no scheme {scheme!a}", hint=f"there are: {', '.join(SCHEMES)}")
            if rule in {ClassRule.HIGHEST, ClassRule.LOWEST} and scheme not in GRADED:
                raise UsageError(f"{scheme} has no order, so none of its values is the {rule.value}")
            if rule is ClassRule.MAJORITY and not many:
                raise UsageError("two readers have no majority", hint=f"write '{scheme}: agree', say")

    def text(self) -> str:
        """Return the policy as a file, the same for equal policies."""
        lines = [f"name: {self.name}", f"readers: [{', '.join(map(_quoted, sorted(self.readers)))}]"]
        lines += [f"arbiter: {_quoted(self.arbiter)}"] if self.arbiter is not None else []
        lines += [f"match: {self.match!r}"]
        if self.outlines:
            chosen = self.outlines
            lines += [
                "outlines:",
                f"  agree: {{{chosen.measure}: {chosen.least!r}}}",
                f"  then: {chosen.rule.value}",
            ]
            lines += [f"  level: {chosen.level!r}"] if chosen.level is not None else []
        if self.boxes:
            lines += ["boxes:", f"  agree: {{iou: {self.boxes.least!r}}}", f"  then: {self.boxes.rule.value}"]
        lines += [f"unmatched: {self.unmatched.value}", f"one-reader: {self.one_reader.value}"]
        if self.classes:
            lines += [
                "classes:",
                *(f"  {scheme}: {rule.value}" for scheme, rule in sorted(self.classes.items())),
            ]
        return "\n".join([*lines, ""])


def _quoted(name: str) -> str:
    """Return a name as YAML reads it back, whatever is in it."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name):
        return name
    # JSON would write what is beyond the 16 bits of its escapes as two, which in YAML are two characters.
    text = (c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in name)
    return f'"{"".join(text)}"'


EnumT = TypeVar("EnumT", bound=Enum)

_KEYS = ("name", "readers", "arbiter", "match", "outlines", "boxes", "unmatched", "one-reader", "classes")


def read_policy(file: RawFile) -> Policy:
    """Read a policy.

    Raises:
        CaseError: The file cannot be read.
        RawLayoutError: It is broken, or says what cannot be; ``where`` is the line.
    """
    root = parse_yaml(file.read(), str(file), _HINT)
    said = root.mapping("a policy", _KEYS)
    for key in ("name", "readers", "match", "unmatched", "one-reader"):
        if key not in said:
            root.fail(f"the policy does not say {key!r}, and nothing is decided by default", _HINT)
    if "outlines" not in said and "boxes" not in said and "classes" not in said:
        root.fail("the policy has neither outlines nor boxes nor classes to resolve", _HINT)
    classes = said["classes"].mapping("classes", tuple(SCHEMES)) if "classes" in said else {}
    try:
        return Policy(
            name=said["name"].text("name"),
            readers=tuple(map(_reader, said["readers"].items("readers"))),
            arbiter=said["arbiter"].text("arbiter") if "arbiter" in said else None,
            match=_share(said["match"], "match"),
            outlines=_outlines(said["outlines"]) if "outlines" in said else None,
            boxes=_boxes(said["boxes"]) if "boxes" in said else None,
            unmatched=_choice(said["unmatched"], "unmatched", Unmatched),
            one_reader=_choice(said["one-reader"], "one-reader", Lone),
            classes={scheme: _choice(node, scheme, ClassRule) for scheme, node in classes.items()},
        )
    except UsageError as error:
        root.fail(error.message, error.hint or _HINT)


def _reader(node: YamlNode) -> str:
    return "" if node.value == "" else node.text("a reader")


def _outlines(node: YamlNode) -> Outlines:
    said = node.mapping("outlines", ("agree", "then", "level"))
    measure, least = _threshold(node, said, ("dice", "iou"))
    return Outlines(
        measure=measure,
        least=least,
        rule=_choice(_needed(node, said, "then"), "then", OutlineRule),
        level=_share(said["level"], "level") if "level" in said else None,
    )


def _boxes(node: YamlNode) -> Boxes:
    said = node.mapping("boxes", ("agree", "then"))
    _, least = _threshold(node, said, ("iou",))
    return Boxes(least=least, rule=_choice(_needed(node, said, "then"), "then", BoxRule))


def _threshold(node: YamlNode, said: Mapping[str, YamlNode], measures: tuple[str, ...]) -> tuple[str, float]:
    agree = _needed(node, said, "agree")
    inner = agree.mapping("agree", measures)
    if len(inner) != 1:
        agree.fail("'agree' is one measure", f"write 'agree: {{{measures[0]}: 0.8}}', say")
    ((measure, least),) = inner.items()
    return measure, _share(least, measure)


def _needed(node: YamlNode, said: Mapping[str, YamlNode], key: str) -> YamlNode:
    if key not in said:
        node.fail(f"{key!r} is not said, and nothing is decided by default", _HINT)
    return said[key]


def _share(node: YamlNode, what: str) -> float:
    try:
        value = float(node.text(what))
    except ValueError:
        value = float("nan")
    if not (isfinite(value) and 0 < value <= 1):
        node.fail(f"{what} is no number above 0 and up to 1", "write 0.5, say")
    return value


def _choice(node: YamlNode, what: str, kind: type[EnumT]) -> EnumT:
    known = {str(each.value): each for each in kind}
    return known[node.choice(what, known)]
