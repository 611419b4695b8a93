"""Shortcut audit: whether what is no anatomy tells the label, or the part of a split."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from thyrodata import __version__
from thyrodata.agreement.resampling import Estimate, Resampling
from thyrodata.curation.qc import READING, VERSIONED
from thyrodata.curation.shortcuttargets import Association, ShortcutTarget
from thyrodata.dataset import RECORDS_FILE, Dataset
from thyrodata.engine import Progress
from thyrodata.errors import UsageError
from thyrodata.io.extras import require_extra
from thyrodata.io.files import write_file
from thyrodata.io.hashes import hash_file
from thyrodata.partition import most_graded
from thyrodata.qc.association import FOLDS, Units, cramers_v, model_auc
from thyrodata.qc.shortcuts import Watched, watch_images
from thyrodata.revision import opened
from thyrodata.schema.record import ImageRecord, Label
from thyrodata.schema.vocab import SCHEMES
from thyrodata.splits import EXCLUDED

__all__ = ["SHORTCUTS", "ShortcutAudit", "audit_shortcuts"]

SHORTCUTS = "reports/shortcuts.json"
"""What was found, by which versions, and of which files."""

LEVEL = 0.99
"""Of the intervals. They leave out the chance in what the model was fitted to: of simulated datasets without
any shortcut 4 to 10 % have an interval wholly above 0.5 at a level of 0.95, and 1 to 4 % at this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortcutAudit:
    """What features that are no anatomy tell of each target."""

    dataset: str
    group_kinds: tuple[str, ...]
    """What intervals are over; over patients only where this is ``patient`` alone."""
    level: float
    """Of the intervals."""
    targets: tuple[ShortcutTarget, ...]
    constant: tuple[str, ...]
    """Features that are the same in all images: they tell nothing."""
    unread: tuple[str, ...]
    """Ids of images that could not be looked at."""
    ocr: bool
    """Whether what is written in the pictures was read, and so is a feature."""
    audited: Mapping[str, str]
    """The SHA-256 of the records and of each split that was audited, by its path: figures are of these."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        packages = (*VERSIONED, *(READING if self.ocr else ()))
        return {
            "versions": {"thyrodata": __version__, **{name: version(name) for name in packages}},
            **asdict(self),
            "targets": [
                {**asdict(each), "leaks": each.leaks, "sentence": str(each)} for each in self.targets
            ],
        }


def audit_shortcuts(
    dataset: Dataset | str | Path,
    *,
    label: str | None = None,
    split: str | None = None,
    seed: int = 0,
    resamples: int = 1000,
    ocr: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
    write: bool = True,
) -> ShortcutAudit:
    """Measure how well features that are no anatomy tell the label, and the parts of splits.

    Looked at are the marks and texts in the echo region, the image's size, the margin, where the echo region
    lies, what is drawn around it, the source and the device as the record states it; and, where that is asked
    for, the labels that are written in the picture. An association is no proof that a model uses it, and none
    is no proof that there is no other shortcut.

    Args:
        dataset: The dataset, or its folder.
        label: The scheme whose values are told; by default the graded one that the most groups have.
        split: The split whose parts are told; by default each one.
        seed: Of the resamples and of the folds.
        resamples: How many.
        ocr: Read what is written in the pictures too, which takes about a second for each image.
        workers: Processes; 1 is this process.
        progress: Called with the number of images done and of all.
        write: Add what is found to the dataset as :data:`SHORTCUTS`, in place of an earlier one.

    Raises:
        UsageError: Nothing has a label of the scheme, or a number is none that can be.
        DatasetError: The dataset is damaged, or there is no such split.
        MissingExtraError: Texts are to be read, and the extra ``ocr`` is not installed.
        OutputError: The report could not be written.
    """
    for module in READING if ocr else ():
        require_extra(module, "ocr")
    data = opened(dataset)
    resampling = Resampling(seed=seed, resamples=resamples, level=LEVEL)
    members = data.survey().members
    group_of = {member.image_id: member.group_id for member in members}
    class_of: dict[str, dict[str, str]] = {}
    scheme = label or most_graded(members)
    if scheme:
        class_of[f"label {scheme}"] = _labelled(data, scheme)
    names = data.splits if split is None else (split,)
    for name in names:
        parts = {part: images for part, images in data.split(name).items() if part != EXCLUDED}
        class_of[f"split {name}"] = {image: part for part, images in parts.items() for image in images}
    watched = watch_images(data, ocr=ocr, workers=workers, progress=progress)
    kinds = sorted(tally.value for tally in data.manifest.counts if tally.what == "groups")
    files = (data.path / RECORDS_FILE, *map(data.split_file, names))
    audit = ShortcutAudit(
        dataset=data.manifest.name,
        group_kinds=tuple(kinds),
        level=LEVEL,
        targets=tuple(
            _audited(name, classes, group_of, watched, resampling) for name, classes in class_of.items()
        ),
        constant=watched.constant,
        unread=watched.unread,
        ocr=ocr,
        audited={file.relative_to(data.path).as_posix(): hash_file(file) for file in files},
    )
    if write:
        with data.adding() as folder:
            (folder / SHORTCUTS).parent.mkdir()
            text = json.dumps(audit.to_json(), indent=2, ensure_ascii=False) + "\n"
            write_file(folder / SHORTCUTS, text.encode())
        data.note("qc shortcuts")
    return audit


def _labelled(dataset: Dataset, scheme: str) -> dict[str, str]:
    """Return the value of each image that has one of a scheme.

    Of several it is the gravest; of a scheme without an order there is none then.

    Raises:
        UsageError: No image has any.
    """
    found: dict[str, str] = {}
    for record in dataset.records():
        terms = {label.value for label in _labels(record) if label.value.scheme == scheme}
        graded = [term for term in terms if term.grade is not None]
        if graded:
            found[record.image_id] = str(max(graded, key=lambda term: term.grade or 0).value)
        elif len(terms) == 1:
            found[record.image_id] = str(next(iter(terms)).value)
    if not found:
        known = ", ".join(sorted(SCHEMES))
        raise UsageError(f"no image has a label of {scheme!r}", hint=f"there are the schemes {known}")
    return found


def _labels(record: ImageRecord) -> Iterator[Label]:
    yield from record.case_labels
    yield from record.image_labels
    for nodule in record.nodules:
        yield from nodule.labels
    for finding in record.findings:
        yield from finding.labels


def _audited(
    name: str,
    class_of: Mapping[str, str],
    group_of: Mapping[str, str],
    watched: Watched,
    resampling: Resampling,
) -> ShortcutTarget:
    stated = [place for place, image_id in enumerate(watched.records) if image_id in class_of]
    images = [watched.records[place] for place in stated]
    pairs = {(class_of[image_id], group_of[image_id]) for image_id in images}
    counts = Counter(value for value, _ in pairs)
    classes = {value: n for value, n in sorted(counts.items()) if n >= FOLDS}
    kept = [place for place, image_id in zip(stated, images, strict=True) if class_of[image_id] in classes]
    groups = [group_of[watched.records[place]] for place in kept]
    features: tuple[Association, ...] = ()
    together = None
    if len(classes) > 1 and watched.categories:
        numbers = {value: number for number, value in enumerate(classes)}
        units = Units(np.array([numbers[class_of[watched.records[place]]] for place in kept]), groups)
        features, together = _associations(units, watched, kept, resampling)
    return ShortcutTarget(
        name=name,
        classes=classes,
        images=len(kept),
        groups=len(set(groups)),
        images_unstated=len(watched.records) - len(stated),
        images_of_rare_classes=len(stated) - len(kept),
        features=features,
        together=together,
    )


def _associations(
    units: Units, watched: Watched, kept: Sequence[int], resampling: Resampling
) -> tuple[tuple[Association, ...], Estimate]:
    columns = {name: codes[kept] for name, codes in watched.categories.items()}
    found = [
        Association(
            feature=name,
            categories=len(np.unique(codes)),
            cramers_v=cramers_v(units, codes, resampling),
            auc=model_auc(units, [codes], resampling),
        )
        for name, codes in columns.items()
    ]
    telling = sorted(found, key=lambda each: (-(each.auc.value or 0), each.feature))
    return tuple(telling), model_auc(units, [*columns.values()], resampling)
