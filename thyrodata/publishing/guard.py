"""The publish guard: what stands against a dataset's leaving the curator's hands.

It looks at what is recorded and at what can be measured. That nothing stands against publishing does not
mean that one may, or that nobody can be identified: a person decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from thyrodata.dataset import Dataset
from thyrodata.engine import Progress
from thyrodata.errors import DatasetError, OutputError, UsageError
from thyrodata.publishing.identity import of_identity
from thyrodata.publishing.leaks import of_splits
from thyrodata.publishing.objection import GROUNDS, Objection
from thyrodata.publishing.quality import of_quality
from thyrodata.publishing.terms import of_terms
from thyrodata.qc.table import all_rules
from thyrodata.reports.datapage.beside import Beside

__all__ = ["Objection", "check", "objections"]


def objections(
    dataset: Dataset, *, split: str, workers: int = 1, progress: Progress | None = None
) -> tuple[Objection, ...]:
    """Return what stands against publishing a dataset by one of its splits: terms, privacy, quality, leaks.

    Args:
        dataset: It is only read.
        split: The one by whose parts it is published.
        workers: Processes that compare images; 1 is this process. What is found does not depend on them.
        progress: Called with the number of images compared and of all: each is read twice.

    Raises:
        DatasetError: The dataset is not what its checksums say, so that nothing about it is known; or it has
            no such split.
        SplitError: The file of a split is damaged.
        UsageError: There are fewer workers than one.
    """
    if problems := dataset.verify():
        first = problems[0]
        raise DatasetError(
            f"the dataset is not what was written: {first.path} {first.what}, and {len(problems) - 1} more",
            where=str(dataset.path / first.path),
            hint="run `thyrodata verify`",
        )
    beside, members = Beside(dataset), dataset.survey().members
    return (
        *of_terms(dataset),
        *of_identity(dataset, beside, members),
        *of_quality(dataset, beside, members),
        *of_splits(dataset, split, members, workers=workers, progress=progress),
    )


def check(objections: Collection[Objection], accepted: Collection[str]) -> None:
    """Refuse to publish unless every objection is accepted by the name of its override.

    Args:
        objections: What :func:`objections` found.
        accepted: Names of overrides. One that meets no objection does nothing.

    Raises:
        UsageError: A name is none of :data:`thyrodata.publishing.objection.GROUNDS` and no rule's code.
        OutputError: Something is not accepted, or cannot be. It names every such objection.
    """
    names = [*GROUNDS, *(rule.code for rule in all_rules())]
    if unknown := sorted(set(accepted) - set(names)):
        raise UsageError(f"there is no objection {unknown[0]!r}", hint=f"there are: {', '.join(names)}")
    left = [each for each in objections if each.override not in accepted]
    if left:
        raise OutputError(
            "\n".join(["nothing was published:", *_listed(left)]), hint=_options(left, accepted)
        )


def _listed(left: Sequence[Objection]) -> Iterator[str]:
    for each in left:
        yield f"- {each.code}: {each.text}"
        yield f"  where: {each.where}"
        yield f"  hint: {each.hint}"


def _options(left: Sequence[Objection], accepted: Collection[str]) -> str:
    """Say what would publish it after all, if anything can."""
    if final := sorted({each.code for each in left if each.override is None}):
        return f"{' and '.join(final)} cannot be accepted by name"
    wanted = sorted({*accepted, *(each.override for each in left if each.override)})
    return f"if you answer for it: {' '.join(f'--accept {name}' for name in wanted)}"
