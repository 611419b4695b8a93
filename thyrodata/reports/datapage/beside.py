"""What operations and quality control left beside the records of a dataset, as far as a report shows it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from typing import Any

from thyrodata.dataset import Dataset
from thyrodata.errors import DatasetError, SchemaError, ThyrodataError
from thyrodata.io.hashes import SUMS, hash_file, read_sums
from thyrodata.io.parquettable import read_parquet_table
from thyrodata.io.raw import named_file
from thyrodata.qc.rule import Issue, Severity
from thyrodata.schema.geometry import Mask
from thyrodata.schema.manifest import Skip
from thyrodata.schema.plain import from_plain

__all__ = ["Beside", "Marked"]

ISSUES = "reports/qc.parquet"
MARKERS = "reports/markers.parquet"
FLOW = "reports/select.svg"
SKIPS = "reports/skipped.jsonl"
CLUSTERS = "reports/same_pictures.csv"
"""Images that show one picture, as merge writes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """What ``thyrodata qc markers`` found on one image."""

    has_marker: bool
    score: float
    """How sure it is that there is a mark, 0 to 1."""
    kinds: tuple[str, ...]
    mask: Mask | None
    """The marks' own pixels; ``None`` where there are none."""


class Beside:
    """The files beside the records of a dataset. One that is not as it was written is an error.

    Args:
        dataset: The dataset.

    Raises:
        DatasetError: Its checksums are missing or damaged.

    Attributes:
        sums: The checksum of each file by its path.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._folder = dataset.path
        self.sums = read_sums(dataset.path / SUMS)

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a file; ``None`` if the dataset has none of this path.

        Raises:
            DatasetError: It is not what was written.
        """
        if path not in self.sums:
            return None
        place = self._folder / path
        try:
            if hash_file(place) == self.sums[path]:
                return place.read_bytes()
            reason = "it differs from its checksum"
        except OSError as error:
            reason = error.strerror or str(error)
        raise self._damaged(path, reason)

    def account(self, name: str) -> dict[str, Any] | None:
        """Return the account that an operation left: ``reports/<name>.json``.

        Raises:
            DatasetError: It is not what was written, or no account.
        """
        path = f"reports/{name}.json"
        data = self.read(path)
        if data is None:
            return None
        try:
            said = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise self._damaged(path, str(error)) from None
        if not isinstance(said, dict):
            raise self._damaged(path, "it is no JSON object")
        return said

    def outdated(self, files: Any) -> list[str]:
        """Return the files that are not, or no longer, what an account was made of.

        Args:
            files: What the account says that it was made of: checksums by paths.
        """
        known = files.items() if isinstance(files, dict) else ()
        return [path for path, checksum in known if self.sums.get(path) != checksum]

    def skips(self, most: int) -> tuple[Skip, ...]:
        """Return the first items that could not be read.

        Raises:
            DatasetError: The list is damaged.
        """
        lines = (self.read(SKIPS) or b"").splitlines()
        try:
            return tuple(from_plain(Skip, json.loads(line)) for line in islice(lines, most))
        except (ValueError, RecursionError, SchemaError) as error:
            raise self._damaged(SKIPS, str(error)) from None

    def flow(self) -> bytes | None:
        """Return the figure of a selection as SVG, if there is one.

        Raises:
            DatasetError: It is not what was written.
        """
        return self.read(FLOW)

    def issues(self) -> tuple[Issue, ...] | None:
        """Return what quality control found; ``None`` if it was not run.

        Raises:
            DatasetError: The table is damaged.
        """
        if self.read(ISSUES) is None:
            return None
        try:
            rows = read_parquet_table(named_file(self._folder / ISSUES)).rows
            return tuple(
                Issue(
                    code=row["code"],
                    severity=Severity(row["severity"]),
                    image_id=row["image_id"],
                    finding_id=row["finding_id"],
                    what=row["what"],
                    hint=row["hint"],
                    score=float(row["score"]) if row["score"] else None,
                )
                for row in rows
            )
        except (ValueError, KeyError) as error:
            raise self._damaged(ISSUES, f"{type(error).__name__} {error}") from None
        except ThyrodataError as error:
            raise self._damaged(ISSUES, error.message) from None

    def markers(self) -> dict[str, Marked] | None:
        """Return the marks by the ids of the images that were looked at; ``None`` if nobody looked.

        Raises:
            DatasetError: The table is damaged.
        """
        if self.read(MARKERS) is None:
            return None
        try:
            rows = read_parquet_table(named_file(self._folder / MARKERS)).rows
            return {
                row["image_id"]: Marked(
                    has_marker=row["has_marker"] == "yes",
                    score=float(row["score"]),
                    kinds=tuple(filter(None, row["kinds"].split("+"))),
                    mask=Mask(
                        height=int(row["mask_height"]),
                        width=int(row["mask_width"]),
                        counts=row["mask_counts"],
                    )
                    if row["mask_counts"]
                    else None,
                )
                for row in rows
            }
        except (ValueError, KeyError) as error:
            raise self._damaged(MARKERS, f"{type(error).__name__} {error}") from None
        except ThyrodataError as error:
            raise self._damaged(MARKERS, error.message) from None

    def clusters(self) -> Iterator[tuple[str, ...]]:
        """Yield the ids of images that show one picture, as a merge found them.

        Raises:
            DatasetError: The table of them is damaged.
        """
        members: dict[str, list[str]] = {}
        text = (self.read(CLUSTERS) or b"").decode("utf-8", "replace")
        for row in csv.DictReader(StringIO(text)):
            if not (row.get("image_id") and row.get("cluster")):
                raise self._damaged(CLUSTERS, "a row is not image_id,cluster")
            members.setdefault(row["cluster"], []).append(row["image_id"])
        yield from map(tuple, members.values())

    def policies(self) -> Iterator[tuple[str, str]]:
        """Yield the policies by which readings were resolved: name and text.

        Raises:
            DatasetError: One is not what was written.
        """
        for path in sorted(self.sums):
            if path.startswith("agreement/") and path.endswith("/policy.yaml"):
                yield path.split("/")[1], (self.read(path) or b"").decode("utf-8", "replace")

    def _damaged(self, path: str, reason: str) -> DatasetError:
        return DatasetError(
            f"a file of the dataset cannot be read: {reason}",
            where=str(self._folder / path),
            hint="run `thyrodata verify`, then make the file again",
        )
