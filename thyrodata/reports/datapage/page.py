"""The report on a dataset as a page: its sections in their order, and what must be known first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from thyrodata.dataset import Dataset
from thyrodata.engine import Progress
from thyrodata.io.cards import load_card
from thyrodata.qc.rule import Issue, Severity
from thyrodata.reports.agreementtables import safe
from thyrodata.reports.datapage import content, marks, quality, readers, shortcuts, spread
from thyrodata.reports.datapage.accounts import at
from thyrodata.reports.datapage.beside import Beside
from thyrodata.reports.datapage.distributions import Distribution
from thyrodata.reports.datapage.gathering import Gathered, gather
from thyrodata.reports.datapage.html import link, note, page, pictures, section, sentence
from thyrodata.reports.datapage.marktally import surest
from thyrodata.reports.datapage.pictures import Gallery
from thyrodata.reports.datapage.plots import Forest
from thyrodata.schema.card import Redistribution
from thyrodata.schema.manifest import Manifest
from thyrodata.schema.vocab import GroupKind

__all__ = ["DataPage", "data_page"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPage:
    """The page, and what it is made of."""

    html: bytes
    distributions: tuple[Distribution, ...]
    forests: tuple[Forest, ...]
    """Estimates that are plotted: of shortcuts, and of the agreement of readers."""
    shown: tuple[str, ...]
    """Ids of the images that are shown as a sample."""
    issues: int | None
    """What quality control found; ``None`` if it was not run."""
    same_pictures: int
    """Sets of images that show one picture."""


def data_page(dataset: Dataset, *, split: str | None, count: int, progress: Progress | None) -> DataPage:
    """Return the report on a dataset: HTML in UTF-8; equal datasets give equal bytes.

    Args:
        dataset: It is only read, its records one row group at a time.
        split: The split by whose parts values are told apart, if there is one.
        count: How many images are shown as a sample.
        progress: Called with the number of records done and of all.

    Raises:
        DatasetError: The dataset is damaged.
        SchemaError: Its card is invalid.
    """
    beside = Beside(dataset)
    issues = beside.issues()
    found = beside.markers()
    audited, measured = beside.account("shortcuts"), beside.account("agreement")
    telling, agreeing = shortcuts.shortcut_forests(audited), readers.agreement_forests(measured)
    gathered = gather(dataset, split, count, _groups(dataset.manifest), found, progress)
    clusters = quality.joined_clusters(gathered.twins, beside.clusters(), quality.copies(issues or ()))
    marked = chain.from_iterable(surest(found or {}).values())
    gallery = Gallery(
        dataset, [*gathered.shown, *quality.pictured(issues or ()), *quality.sides(clusters), *marked]
    )
    sections = {
        "about": ("What it is", content.about(dataset.manifest, beside)),
        "counts": ("Counts", content.counts(dataset.manifest)),
        "left-out": ("What was left out", content.left_out(dataset.manifest, beside)),
        "splits": ("Splits", spread.splits(dataset, split)),
        "distributions": ("Distributions", spread.distributions(gathered.distributions)),
        "images": ("Images with their outlines", _sample(gathered, gallery)),
        "quality": ("Quality control", quality.quality(issues, beside.account("qc") or {}, gallery)),
        "same-pictures": ("Same pictures", quality.same_pictures(clusters, gathered.parts, gallery)),
        "marks": ("Marks over the echo", marks.marks(found, gathered.marks, gallery)),
        "shortcuts": (
            "Shortcuts",
            shortcuts.shortcuts(audited, beside.outdated(at(audited, "audited")), telling),
        ),
        "agreement": (
            "Agreement of readers",
            readers.agreement(dataset.manifest, beside, measured, agreeing),
        ),
        "remarks": ("Remarks", content.remarks(gathered.remarks)),
    }
    title = f"Dataset {dataset.manifest.name}"
    entries = "".join(f"<li>{link(name, heading)}</li>" for name, (heading, _) in sections.items())
    body = chain(
        [f"<h1>{safe(title)}</h1>", sentence(_summary(dataset.manifest))],
        map(note, _cautions(dataset.manifest, issues)),
        [f'<nav aria-label="Sections"><ul>{entries}</ul></nav>', "<main>"],
        (section(name, heading, parts) for name, (heading, parts) in sections.items()),
        ["</main>"],
    )
    return DataPage(
        html=page(title, body),
        distributions=(*gathered.distributions, *([] if found is None else [gathered.marks.by_part])),
        forests=tuple(filter(None, (*telling, *agreeing))),
        shown=gathered.shown,
        issues=None if issues is None else len(issues),
        same_pictures=len(clusters),
    )


def _groups(manifest: Manifest) -> str:
    """Return what the groups are called; a group named after an image may hold several."""
    kinds = {tally.value for tally in manifest.counts if tally.what == "groups"}
    return "groups" if len(kinds) != 1 or kinds == {GroupKind.IMAGE.value} else f"{kinds.pop()}s"


def _summary(manifest: Manifest) -> str:
    outlines, outlined = manifest.count("categories"), manifest.count("outlined-images")
    return (
        f"{manifest.count('images'):,} images of {manifest.count('groups'):,} {_groups(manifest)}; "
        f"{outlined:,} of the images have an outline, {outlines:,} outlines in all."
    )


def _cautions(manifest: Manifest, issues: Sequence[Issue] | None) -> Iterator[str]:
    """Yield what must be known before anything is read or passed on."""
    for tally in manifest.counts:
        if tally.what == "groups" and tally.value != GroupKind.PATIENT.value:
            yield (
                f"The source names {tally.value}s, not patients: 1 {tally.value} is not 1 patient, and one "
                "patient may be in several parts of a split."
            )
    for source in manifest.sources:
        card = load_card(source.card).card
        if card.redistribution is not Redistribution.ALLOWED:
            terms = "forbid" if card.redistribution is Redistribution.FORBIDDEN else "do not say"
            yield (
                f"Whoever gets this page gets images of {card.title}, whose terms {terms} "
                f"{'to pass' if terms == 'forbid' else 'whether one may pass'} them on."
            )
    if manifest.skips:
        yield f"Items of the source that could not be read: {manifest.skips:,}."
    errors = sum(issue.severity is Severity.ERROR for issue in issues or ())
    if errors:
        yield f"Errors that quality control found: {errors:,}."


def _sample(gathered: Gathered, gallery: Gallery) -> Iterator[str]:
    if not gathered.shown:
        yield sentence("None is shown.")
        return
    yield f"<p>At even steps through the dataset.{_legend(gallery.legend(gathered.shown).items())}</p>"
    yield pictures(gallery.draw(image_id).figure(*_part(gathered, image_id)) for image_id in gathered.shown)


def _part(gathered: Gathered, image_id: str) -> Iterable[str]:
    return [f"part {gathered.parts[image_id]}"] if image_id in gathered.parts else []


def _legend(colours: Iterable[tuple[str, tuple[int, int, int]]]) -> str:
    return "".join(
        f'<i style="background:#{bytes(colour).hex()}"></i>{safe(name)}' for name, colour in colours
    )
