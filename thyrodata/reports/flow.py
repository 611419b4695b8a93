"""The flow of a selection as a figure: boxes for what is left, and beside them what was removed and why.

It follows the flow diagram of CONSORT (Schulz et al., BMJ 2010;340:c332), drawn as SVG: units are pixels, y
runs down.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from unicodedata import combining, east_asian_width
from xml.sax.saxutils import escape

from thyrodata.selection.criteria import Criterion
from thyrodata.selection.ledger import Ledger, Stage
from thyrodata.selection.notes import notes
from thyrodata.selection.wording import count_level, name_counts

__all__ = ["draw_flow"]

FONT = 13
LINE = 18
"""From one line of text to the next."""
PAD = 10
"""Between a box and its text."""
MARGIN = 20
MAIN = 300
"""Width of a box of what is left."""
SIDE = 440
"""Width of a box of what was removed."""
BETWEEN = 50
"""Between the two columns."""
GAP = 18
"""The least distance from a box to the next one below."""
WIDTH = 2 * MARGIN + MAIN + BETWEEN + SIDE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Box:
    x: float
    y: float
    width: int
    title: tuple[str, ...]
    lines: tuple[str, ...]

    @property
    def height(self) -> int:
        return 2 * PAD + LINE * (len(self.title) + len(self.lines))

    @property
    def middle(self) -> float:
        return self.y + self.height / 2

    def svg(self) -> Iterator[str]:
        yield (
            f'<rect x="{self.x:g}" y="{self.y:g}" width="{self.width}" height="{self.height}" '
            'fill="#ffffff" stroke="#333333"/>'
        )
        for i, line in enumerate((*self.title, *self.lines)):
            bold = ' font-weight="bold"' if i < len(self.title) else ""
            y = self.y + PAD + LINE * i + FONT
            yield f'<text x="{self.x + PAD:g}" y="{y:g}"{bold}>{escape(line)}</text>'


def draw_flow(ledger: Ledger) -> str:
    """Return the figure of a selection as SVG."""
    y: float = MARGIN
    box = _box(MARGIN, y, MAIN, f"{ledger.dataset}: given", name_counts(ledger.given))
    shapes = [*box.svg()]
    for number, stage in enumerate(ledger.stages, 1):
        side = _box(MARGIN + MAIN + BETWEEN, box.y + box.height + GAP, SIDE, *_removed(number, stage))
        last = number == len(ledger.stages)
        title = "Selected" if last else f"Left after {number}"
        after = _box(MARGIN, side.y + side.height + GAP, MAIN, title, name_counts(stage.after))
        x = MARGIN + MAIN / 2
        shapes += [
            _arrow((x, box.y + box.height), (x, after.y)),
            _arrow((x, side.middle), (side.x, side.middle)),
            *side.svg(),
            *after.svg(),
        ]
        box = after
    y = box.y + box.height + GAP
    said = [line for note in notes(ledger) for line in _wrapped(note, WIDTH - 2 * MARGIN)]
    shapes += [
        f'<text x="{MARGIN}" y="{y + LINE * i + FONT:g}">{escape(line)}</text>' for i, line in enumerate(said)
    ]
    height = y + LINE * len(said) + MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:g}" '
        f'viewBox="0 0 {WIDTH} {height:g}" font-family="DejaVu Sans, Verdana, sans-serif" '
        f'font-size="{FONT}" fill="#111111">'
    )
    ground = f'<rect width="{WIDTH}" height="{height:g}" fill="#ffffff"/>'
    return "\n".join([head, f"<title>{_clean(_title(ledger))}</title>", ground, *shapes, "</svg>", ""])


def _title(ledger: Ledger) -> str:
    return f"Flow of a selection of {ledger.dataset}"


def _box(x: float, y: float, width: int, title: str, lines: Iterable[str]) -> _Box:
    room = width - 2 * PAD
    return _Box(
        x=x,
        y=y,
        width=width,
        title=tuple(_wrapped(title, room, bold=True)),
        lines=tuple(part for line in lines for part in _wrapped(line, room)),
    )


def _removed(number: int, stage: Stage) -> tuple[str, list[str]]:
    """Return the title and the lines of the box of what a criterion removed."""
    step = stage.step
    lines = [step.rule]
    if isinstance(step, Criterion) and step.unknown:
        lines += [f"unknown: {step.unknown.value}"]
    lines += [f"removed: {', '.join(name_counts(stage.removed_counts))}"]
    why = ", ".join(f"{why.value} {n:,}" for why, n in stage.why)
    lines += [f"of {count_level(stage.asked, step.level, stage.before)}: {why or 'none removed'}"]
    if kept := stage.kept_though_unknown:
        lines += [f"kept though unknown: {count_level(len(kept), step.level, stage.before)}"]
    if stage.classes:
        lines += [f"drawn from {', '.join(f'{name}: {n:,}' for name, n in stage.classes)}"]
    return f"{number}. {step.name}", lines


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    """Return a straight arrow, down or to the right."""
    (x0, y0), (x1, y1) = start, end
    head = "l-4 -7h8z" if x0 == x1 else "l-7 -4v8z"
    return (
        f'<path d="M{x0:g} {y0:g}L{x1:g} {y1:g}" stroke="#333333"/>'
        f'<path d="M{x1:g} {y1:g}{head}" fill="#333333"/>'
    )


def _wrapped(text: str, room: float, *, bold: bool = False) -> list[str]:
    """Break a text into lines of at most so many pixels: between words, or inside one that is too long."""
    lines, line = [], ""
    for word in _clean_text(text).split():
        rest = word
        joined = f"{line} {rest}".strip()
        if _width(joined, bold=bold) <= room:
            line = joined
            continue
        if line:
            lines.append(line)
        while _width(rest, bold=bold) > room:
            cut = next(i for i in range(len(rest), 0, -1) if i == 1 or _width(rest[:i], bold=bold) <= room)
            lines.append(rest[:cut])
            rest = rest[cut:]
        line = rest
    return [*lines, line] if line else lines


def _width(text: str, *, bold: bool) -> float:
    """Return a width that a text does not exceed in a wide sans-serif face, in pixels."""
    return FONT * (1.12 if bold else 1) * sum(map(_em, text))


def _em(char: str) -> float:
    if combining(char):
        return 0
    if east_asian_width(char) in "WF" or char in "mwMW@%":
        return 1.0
    if char in " .,:;'!|iljtfr()[]":
        return 0.42
    return 0.8 if char.isupper() else 0.65


def _clean_text(text: str) -> str:
    """Return a text without what XML cannot hold."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _clean(text: str) -> str:
    return escape(_clean_text(text))
