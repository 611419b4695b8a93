"""All that is left to chance, each a pure function of the seed and of what it is for.

Nothing of a generator has to be kept between epochs, so a training that is resumed draws what one without
interruption draws, on any device and for any size of batch.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

__all__ = ["Purpose", "batches", "stream", "torch_seed"]


class Purpose(IntEnum):
    """What is drawn for; of each value the draws are independent. Numbers are for good."""

    WEIGHTS = 0
    ORDER = 1
    AUGMENTATION = 2
    MODULE = 3
    """What a module draws itself in an epoch: dropout and stochastic depth."""


def stream(purpose: Purpose, seed: int, *place: int) -> np.random.Generator:
    """Return the generator of a purpose at a place, such as an epoch, and an image's number."""
    return np.random.default_rng([int(purpose), seed, *place])


def torch_seed(purpose: Purpose, seed: int, *place: int) -> int:
    """Return what to seed torch with."""
    return int(stream(purpose, seed, *place).integers(2**63))


def batches(
    count: int, size: int, *, seed: int, epoch: int, rank: int = 0, ranks: int = 1
) -> list[NDArray[np.int64]]:
    """Return the batches of an epoch, each as the numbers of its images.

    All ranks together see each image once, in batches whose sizes differ by one image at most, since a last
    batch of one image has no variance for batch normalisation. Each rank has as many batches: where there
    are fewer images than ranks, some are empty.

    Args:
        count: Images of the part.
        size: The most images of a batch.
        seed: See :class:`thyrodata.baselines.training.settings.TrainSettings`.
        epoch: From 1.
        rank: Which of the processes this is, from 0.
        ranks: How many there are.
    """
    order = stream(Purpose.ORDER, seed, epoch).permutation(count)
    rounds = -(-count // (size * ranks))
    return np.array_split(order, rounds * ranks)[rank::ranks]
