"""Putting a captured dataset together: records, splits, COCO, card, account and checksums."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path

from thyrodata import __version__
from thyrodata.capture.clinical import ClinicalCounts
from thyrodata.capture.verdict import Outcome
from thyrodata.change import sums_sha256
from thyrodata.collection.account import (
    ACCOUNT,
    CLINICAL,
    account_lines,
    clinical_text,
    put_aside,
    read_account,
    skip_of,
    verdict_of,
)
from thyrodata.collection.model import NAMESPACE, RULES, FileDone, Treatment
from thyrodata.collection.process import chunk_file, pixels_file
from thyrodata.conversion import VERSIONED, clear_unfinished, write_skips
from thyrodata.dataset import RECORDS_FILE, Dataset, seal, write_manifest
from thyrodata.inheritance import extended_splits
from thyrodata.io.cards import load_card
from thyrodata.io.files import write_file, write_image
from thyrodata.io.parquet import read_chunk, stream_as, stream_batches, write_records
from thyrodata.partition import SplitPlan, plan_split, write_splits
from thyrodata.reports.card import dataset_card
from thyrodata.sample import Kept
from thyrodata.schema.manifest import SCHEMA_VERSION, Manifest, Operation, Parent, Setting, Source, Version
from thyrodata.survey import Glance, Survey

__all__ = ["FINGERPRINT", "Assembly"]

FINGERPRINT = "key fingerprint"
"""The setting of a source that tells which key its pseudonyms were made with."""

_DECODERS = (
    "pydicom",
    "pylibjpeg-rle",
    "pylibjpeg-openjpeg",
    "pyjpegls",
    "python-gdcm",
    "imagecodecs",
    "pillow",
    "numpy",
    "scipy",
    "rapidocr",
    "onnxruntime",
)
"""Packages whose version may change the pixels that leave, or which text is found in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """What a dataset is put together from."""

    folder: Path
    """The dataset in the making, whose images are there."""
    work: Path
    treatment: Treatment
    settings: tuple[Setting, ...]
    fingerprint: str
    raw_hash: str
    """Of the export: keyed, since file sizes and hashes may be known to others."""
    files: Sequence[FileDone]
    """What became of each file of this export."""
    exported: Sequence[int]
    """The numbers of the files of which there are images, in the order of the records."""
    clinical: ClinicalCounts | None
    parent: Dataset | None
    seed: int

    def assemble(self) -> None:
        """Write everything but the new images; whatever an earlier attempt left is replaced.

        Raises:
            DatasetError: The dataset that is continued is damaged.
            OutputError: It cannot be written.
        """
        folder = self.folder
        clear_unfinished(folder)
        self._keep_images()
        skips = [skip_of(done) for done in put_aside(self.files)]
        write_skips(folder, skips)
        batches = chain.from_iterable(read_chunk(chunk_file(self.work, number)) for number in self.exported)
        earlier = stream_batches(self.parent.path / RECORDS_FILE) if self.parent else ()
        write_records(folder / RECORDS_FILE, chain(earlier, batches))
        write_file(folder / ACCOUNT, account_lines([*self._earlier(), *self.files]))
        if self.clinical:
            write_file(folder / CLINICAL, clinical_text(self.clinical))
        survey = Survey(stream_as(folder / RECORDS_FILE, Glance))
        write_manifest(folder, self._manifest(survey, len(skips)))
        dataset = Dataset(folder)
        plan = SplitPlan(seed=self.seed)
        splits = extended_splits(survey, self.parent) if self.parent else [plan_split(survey, plan)]
        write_splits(dataset, survey, folder, splits)
        write_file(folder / "README.md", dataset_card(dataset).encode())
        dataset.note("capture")
        seal(folder, {m.path: m.sha256 for m in survey.members if m.path and m.sha256})

    def _earlier(self) -> Sequence[FileDone]:
        return read_account(self.parent.path) if self.parent else ()

    def _keep_images(self) -> None:
        """Copy the images of the dataset that is continued."""
        for member in self.parent.survey().members if self.parent else ():
            if self.parent and member.path and member.sha256:
                place = str(self.parent.path / member.path)
                kept = Kept(place=place, path=member.path, sha256=member.sha256, bit_depth=None)
                write_image(f"{self.folder}/{member.path}", kept.read())

    def _manifest(self, survey: Survey, quarantined: int) -> Manifest:
        card = load_card(NAMESPACE).card
        outcomes = [verdict_of(done).outcome for done in self.files]
        source = Source(
            card=card.name,
            licence=card.licence,
            converter="capture",
            settings=(
                *self.settings,
                Setting(name=FINGERPRINT, value=self.fingerprint),
                Setting(name="rules", value=RULES),
            ),
            raw_sha256=self.raw_hash,
            raw_files_read=outcomes.count(Outcome.EXPORTED),
            raw_files_skipped=quarantined,
            raw_files_ignored=outcomes.count(Outcome.SKIPPED),
        )
        before = self.parent.manifest if self.parent else None
        step = Operation(name="capture", parents=tuple(_parents(self.parent)))
        return Manifest(
            schema_version=SCHEMA_VERSION,
            name=card.name,
            sources=(*(before.sources if before else ()), source),
            versions=tuple(_versions()),
            encoder=self.treatment.encoder.describe(),
            pixel_sha256=self._pixel_sha256(),
            counts=survey.counts,
            skips=quarantined,
            operations=(*before.operations, step) if before else (),
        )

    def _pixel_sha256(self) -> str:
        digest = hashlib.sha256()
        for member in self.parent.survey().members if self.parent else ():
            digest.update(f"{member.sha256 or '-'}\n".encode())
        for number in self.exported:
            digest.update(pixels_file(self.work, number).read_bytes())
        return digest.hexdigest()


def _parents(parent: Dataset | None) -> Iterator[Parent]:
    if parent:
        yield Parent(name=parent.manifest.name, sha256=sums_sha256(parent))


def _versions() -> Iterator[Version]:
    yield Version(package="thyrodata", version=__version__)
    for package in (*VERSIONED, *_DECODERS):
        try:
            yield Version(package=package, version=version(package))
        except PackageNotFoundError:  # of an extra that this export did not need
            continue
