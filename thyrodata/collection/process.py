"""The processing of one file as it is sent to workers, and the places where what it makes is kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from thyrodata.capture.verdict import Verdict
from thyrodata.collection.model import FileDone, FileJob, Treatment

__all__ = ["PREVIEWS", "Process", "begun", "chunk_file", "image_folder", "pixels_file"]

PREVIEWS = "previews"
"""The folder below the work folder with pictures of what was put aside; they are not de-identified."""


def chunk_file(work: Path, number: int) -> Path:
    """Return the file that holds the records of a file."""
    return work / f"file-{number:06d}.arrow"


def pixels_file(work: Path, number: int) -> Path:
    """Return the file that holds a line for each image of a file, with the hash of its pixels."""
    return work / f"file-{number:06d}.pixels"


def image_folder(dataset: Path, job: FileJob) -> Path:
    """Return the folder that holds all images of a file, and nothing else."""
    return dataset / "images" / job.subject.name


def begun(job: FileJob, verdict: Verdict, detail: str = "") -> FileDone:
    """Return what is noted of a file beside its pictures."""
    subject = job.subject
    return FileDone(
        file=job.file.ordinal,
        verdict=verdict.code,
        detail=detail,
        group=subject.group,
        numbers=subject.numbers,
        tokens=subject.tokens,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """Makes images of a file, or puts it aside. Sent to workers."""

    treatment: Treatment
    dataset: Path | None
    """The dataset in the making; ``None`` to write nothing."""
    work: Path
    """For records, until all are there, and for what has to be unpacked."""

    def __call__(self, number: int, job: FileJob) -> FileDone:
        """Process a file.

        Args:
            number: Names the files that are written for it.
            job: The file.

        Raises:
            OutputError: Something could not be written.
        """
        # Only workers need what it imports: networks, decoders, morphology.
        from thyrodata.collection.making import make_images  # noqa: PLC0415

        return make_images(self, number, job)
