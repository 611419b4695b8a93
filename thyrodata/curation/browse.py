"""Browsing a dataset in FiftyOne: all that is said of its images, and what was found beside them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from thyrodata import __version__
from thyrodata.curation.markers import MARKERS
from thyrodata.curation.qc import ISSUES
from thyrodata.curation.report import chosen_split
from thyrodata.curation.tags import kept_tags
from thyrodata.dataset import MANIFEST, RECORDS_FILE, Dataset
from thyrodata.engine import Progress
from thyrodata.errors import OutputError
from thyrodata.exports.fiftyone.app import PORT, served
from thyrodata.exports.fiftyone.browsing import Beside, Built, FoundMarks, build_dataset
from thyrodata.exports.fiftyone.connection import MADE_BY, open_fiftyone, slug_of
from thyrodata.exports.fiftyone.previews import Previews
from thyrodata.exports.fiftyone.tagging import Tags, made_here, read_tags
from thyrodata.io.hashes import SUMS, read_sums
from thyrodata.io.workspace import check_apart
from thyrodata.reports.datapage.beside import CLUSTERS
from thyrodata.reports.datapage.beside import Beside as Files
from thyrodata.reports.datapage.quality import copies, joined_clusters
from thyrodata.revision import opened
from thyrodata.schema.plain import to_plain

__all__ = ["Browsed", "browse_dataset", "look_at"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Browsed:
    """A FiftyOne dataset that can be looked at."""

    name: str
    built: Built | None
    """``None`` where what was there shows the dataset as it is."""
    previews: Path
    """Where pictures of 8 bits are, if any is needed."""
    quality_control: bool
    """Whether it was run, so that issues are shown."""
    groups: tuple[str, ...]
    """The kinds of its groups: a case is no patient."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "name": self.name,
            "reused": self.built is None,
            **({} if self.built is None else to_plain(self.built)),
            "preview_folder": str(self.previews),
            "quality_control": self.quality_control,
            "groups": [*self.groups],
        }


def browse_dataset(
    dataset: Dataset | str | Path,
    *,
    name: str | None = None,
    split: str | None = None,
    previews: str | Path | None = None,
    hu_offset: float | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Browsed:
    """Make a FiftyOne dataset that shows a dataset, or find the one that was made of it.

    A sample is an image. It has all that its record says, each drawing in a field of its reader and kind,
    each label in a field of its scale and scope, and beside that the parts of all splits, what quality
    control found, marks over the echo, and which images show one picture. It has no tags but those that were
    set in the App and imported: see :func:`thyrodata.curation.tags.import_tags`. Image files stay where they
    are; of those of more than 8 bits, which the App does not show, pictures are written.

    Args:
        dataset: The dataset, or its folder. It is only read.
        name: What the FiftyOne dataset is called; by default as the dataset.
        split: The split whose parts have views; by default ``default``, if there is one.
        previews: The folder of pictures; by default below FiftyOne's folder of datasets, ``~/fiftyone``.
        hu_offset: The Hounsfield units of the stored value 0 of CT images, as the card says: they are shown
            in the window that their record states. Without it they are stretched between percentiles.
        overwrite: Replace a FiftyOne dataset of this name that was made here of other contents.
        progress: Called with the number of records done and of all.

    Raises:
        MissingExtraError: FiftyOne is not installed, or has no database.
        UsageError: There is no such split, or the name is none.
        OutputError: There is a FiftyOne dataset of this name with other contents, or with tags that are not
            imported; or a picture cannot be written.
        DatasetError: The dataset is damaged, or has no image file.
        CaseError: An image that needs a picture cannot be decoded.
    """
    source = opened(dataset)
    called, shown = name or source.manifest.name, chosen_split(source, split)
    fiftyone = open_fiftyone()
    slug = slug_of(fiftyone, called)
    home = Path(previews) if previews else Path(fiftyone.config.default_dataset_dir) / slug / "previews"
    check_apart(source.path, home)
    info = _info(source, shown, home, hu_offset)
    browsed = Browsed(
        name=called,
        built=None,
        previews=home,
        quality_control=(source.path / ISSUES).is_file(),
        groups=tuple(tally.value for tally in source.manifest.counts if tally.what == "groups"),
    )
    there = made_here(fiftyone, called)
    if there is not None:
        if there.info == info:
            return browsed
        _check_replaced(fiftyone, there, source, overwrite=overwrite)
    built = build_dataset(
        source,
        called,
        _beside(source, kept_tags(source, slug)),
        Previews(folder=home, hu_offset=hu_offset),
        split=shown,
        info=info,
        overwrite=overwrite,
        progress=progress,
    )
    return Browsed(
        name=called,
        built=built,
        previews=home,
        quality_control=browsed.quality_control,
        groups=browsed.groups,
    )


def look_at(browsed: Browsed, port: int = PORT, ready: Callable[[str], None] | None = None) -> None:
    """Run FiftyOne's App for this machine alone, until the user stops it with Ctrl-C.

    Args:
        browsed: What is shown.
        port: Of the loopback address.
        ready: Called with the App's address once it answers.

    Raises:
        MissingExtraError: FiftyOne is not installed, or has no database.
        OutputError: The port is taken.
        ThyrodataError: The App does not start.
    """
    with served(browsed.name, port) as app:
        if ready:
            ready(app.address)
        app.wait()


def _info(dataset: Dataset, split: str | None, previews: Path, hu_offset: float | None) -> dict[str, Any]:
    """Return what the FiftyOne dataset says of itself: equal where it would be made equal again."""
    shown = {RECORDS_FILE, MANIFEST, ISSUES, MARKERS, CLUSTERS}
    sums = {
        path: digest
        for path, digest in read_sums(dataset.path / SUMS).items()
        if path in shown or (path.startswith("splits/") and path.endswith(".csv"))
    }
    return {
        MADE_BY: __version__,
        "dataset": dataset.manifest.name,
        "path": str(dataset.path.resolve()),
        "contents_sha256": sha256(json.dumps(sorted(sums.items())).encode()).hexdigest(),
        "split": split,
        "previews": str(previews.resolve()),
        "hu_offset": hu_offset,
    }


def _check_replaced(fiftyone: Any, made: Any, dataset: Dataset, *, overwrite: bool) -> None:
    """Refuse to replace what is there, unless that is wanted and loses nothing that a person has set."""
    place = made.info.get("path")
    if not overwrite:
        ours = place == str(dataset.path.resolve())
        shown = "this dataset as it was, or was asked for" if ours else f"another one, {place}"
        raise OutputError(
            f"the FiftyOne dataset {made.name} shows {shown}",
            hint="add --overwrite to show this one as it is, or choose another --name",
        )
    tags, _ = read_tags(fiftyone, made, made.values("image_id"))
    if tags != kept_tags(dataset, slug_of(fiftyone, made.name)):
        raise OutputError(
            f"the FiftyOne dataset {made.name} has tags that were not imported",
            hint=f"run thyrodata browse {place} --name {made.name!r} --import-tags first, then this again",
        )


def _beside(dataset: Dataset, tags: Tags) -> Beside:
    files = Files(dataset)
    found = files.issues()
    issues = defaultdict(list)
    for issue in found or ():
        issues[issue.image_id].append(issue)
    clusters = joined_clusters(files.clusters(), copies(found or ()))
    return Beside(
        splits={
            split: {each: part for part, ids in dataset.split(split).items() for each in ids}
            for split in dataset.splits
        },
        issues=None if found is None else {each: tuple(said) for each, said in issues.items()},
        marks=_marks(files),
        same_pictures={each: cluster[0] for cluster in clusters for each in cluster},
        tags=tags,
    )


def _marks(files: Files) -> Mapping[str, FoundMarks]:
    return {
        image_id: FoundMarks(
            marked=each.has_marker, score=each.score, kinds="+".join(each.kinds), mask=each.mask
        )
        for image_id, each in (files.markers() or {}).items()
    }
