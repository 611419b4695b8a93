"""All image files of a dataset, for rules that hold them against one another; what cannot be read is kept."""

from __future__ import annotations

from functools import cached_property

from thyrodata.dataset import Dataset
from thyrodata.engine import Progress
from thyrodata.qc.copies import Copies, find_copies, pictures_of
from thyrodata.qc.rule import Unread

__all__ = ["Whole"]


class Whole:
    """A dataset as rules of its files see it. Pictures are compared when a rule first asks, and once.

    Args:
        dataset: The dataset.
        workers: Processes that compare; 1 is this process.
        progress: Of the comparison, as of :func:`thyrodata.qc.copies.find_copies`.

    Attributes:
        dataset: The dataset.
        unread: Images that a rule could not read, in the order in which they were met.
    """

    def __init__(self, dataset: Dataset, *, workers: int = 1, progress: Progress | None = None) -> None:
        self.dataset = dataset
        self.unread: list[Unread] = []
        self._workers = workers
        self._progress = progress

    @property
    def compared(self) -> bool:
        """Whether a rule has asked for the copies."""
        return "copies" in vars(self)

    @cached_property
    def copies(self) -> Copies:
        """The images that show one picture.

        Raises:
            DatasetError: The records are missing or damaged.
        """
        found = find_copies(pictures_of(self.dataset), workers=self._workers, progress=self._progress)
        for image_id in found.unread:
            self.miss(image_id, "the image cannot be read, and was compared with no other")
        return found

    def miss(self, image_id: str, why: str) -> None:
        """Keep that an image could not be read."""
        self.unread.append(Unread(image_id=image_id, why=why, hint="run `thyrodata verify` on the dataset"))
