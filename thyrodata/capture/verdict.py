"""What becomes of a file of the export: a closed list, each with the sentence that a person reads."""

from __future__ import annotations

from enum import Enum, StrEnum

from thyrodata.sandbox import Lost

__all__ = ["Outcome", "Verdict", "verdict_of_loss"]


class Outcome(StrEnum):
    """What a file comes to."""

    EXPORTED = "exported"
    QUARANTINED = "quarantined"
    """Put aside: nothing of it leaves until a person has looked."""
    SKIPPED = "skipped"
    """It holds no picture that could be exported, or one that is there already."""


class Verdict(Enum):
    """An outcome and its reason: the code that is written, what it comes to, and a sentence."""

    EXPORTED = ("exported", Outcome.EXPORTED, "")

    NO_PICTURE = ("no-picture", Outcome.SKIPPED, "a DICOM object without a picture, such as a report")
    DIRECTORY = ("directory", Outcome.SKIPPED, "a DICOMDIR: the files that it lists are read themselves")
    ARCHIVE = ("archive", Outcome.SKIPPED, "an archive: its members are read as files of their own")
    REPEATED = ("repeated", Outcome.SKIPPED, "the same bytes as another file of the collection")

    NOT_READ = ("not-read", Outcome.QUARANTINED, "the file is not one that is opened")
    BROKEN = ("broken", Outcome.QUARANTINED, "the file cannot be read")
    NOT_ULTRASOUND = ("not-ultrasound", Outcome.QUARANTINED, "a picture of another kind than ultrasound")
    NOT_DECODED = ("not-decoded", Outcome.QUARANTINED, "the pixels cannot be decoded")
    COLOUR = (
        "colour",
        Outcome.QUARANTINED,
        "the corners of the screen are coloured: a wrong colour space",
    )
    REGION = ("region", Outcome.QUARANTINED, "where the ultrasound lies on the screen is in doubt")
    TEXT = ("text", Outcome.QUARANTINED, "there is text in the picture")
    OUTLINE = ("outline", Outcome.QUARANTINED, "an outline would be cut by the crop")
    CRASHED = ("crashed", Outcome.QUARANTINED, "reading it ended the process")
    HUNG = ("hung", Outcome.QUARANTINED, "reading it took too long")
    MEMORY = ("memory", Outcome.QUARANTINED, "reading it takes too much memory")
    FAULT = ("fault", Outcome.QUARANTINED, "a bug of thyrodata that this file brings about; please report it")

    def __init__(self, code: str, outcome: Outcome, sentence: str) -> None:
        self.code = code
        self.outcome = outcome
        self.sentence = sentence


def verdict_of_loss(lost: Lost) -> Verdict:
    """Return what a file comes to on which a worker was lost."""
    return {Lost.CRASHED: Verdict.CRASHED, Lost.HUNG: Verdict.HUNG, Lost.MEMORY: Verdict.MEMORY}[lost]
