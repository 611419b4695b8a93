"""What a dataset on the Hugging Face Hub can be loaded as: each config is a choice of shards and columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from thyrodata.exports.hub.features import Columns
from thyrodata.exports.hub.tree import Shard
from thyrodata.io.hubtypes import stated
from thyrodata.splits import EXCLUDED

__all__ = ["HubConfig", "hub_configs", "split_name"]

_IMAGE = ("image", "image_id", "width", "height", "group_id")

_PARTS = ("train", "val", "validation", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class HubConfig:
    """A name under which ``load_dataset`` finds some of the shards and columns."""

    name: str
    task: str | None
    """As the Hub calls it."""
    shards: tuple[Shard, ...]
    columns: tuple[str, ...] | None
    """``None`` for all."""

    def front_matter(self) -> dict[str, Any]:
        """Return its entry of ``configs``."""
        files: dict[str, list[str]] = {}
        for shard in self.shards:
            files.setdefault(split_name(shard.part), []).append(shard.path)
        said: dict[str, Any] = {
            "config_name": self.name,
            "data_files": [{"split": name, "path": paths} for name, paths in files.items()],
        }
        if self.columns is None:
            return said | {"default": True}
        return said | {"columns": [*self.columns]}

    def dataset_info(self, columns: Columns) -> dict[str, Any]:
        """Return its entry of ``dataset_info``."""
        rows: Counter[str] = Counter()
        size: Counter[str] = Counter()
        for shard in self.shards:
            rows[split_name(shard.part)] += shard.rows
            size[split_name(shard.part)] += shard.bytes
        names = columns.types if self.columns is None else self.columns
        return {
            "config_name": self.name,
            "features": stated({name: columns.types[name] for name in names}),
            "splits": [
                {"name": name, "num_bytes": size[name], "num_examples": n} for name, n in rows.items()
            ],
            "download_size": size.total(),
            "dataset_size": size.total(),
        }


def split_name(part: str) -> str:
    """Return the name of a part as the Hub takes it: without hyphens."""
    return part.replace("-", "_")


def hub_configs(shards: Sequence[Shard], columns: Columns) -> Iterator[HubConfig]:
    """Yield what can be loaded: everything, and a config for each task that the dataset has something for.

    A detector and a segmenter get the images that an export gives; a classifier gets all, since a case may
    have a label and its image no outline. None of the three gets what the split excludes.

    Args:
        shards: All of them.
        columns: Of the shards, which were written.
    """
    ordered = tuple(sorted(shards, key=_rank))
    yield HubConfig(name="default", task=None, shards=ordered, columns=None)
    given = tuple(shard for shard in ordered if shard.part != EXCLUDED)
    read = tuple(shard for shard in given if shard.read)
    if read and columns.objects:
        yield HubConfig(name="detection", task="object-detection", shards=read, columns=(*_IMAGE, "objects"))
    if read and columns.masks:
        yield HubConfig(
            name="segmentation", task="image-segmentation", shards=read, columns=(*_IMAGE, "masks")
        )
    if given and columns.labels:
        labels = (column.name for column in columns.labels)
        yield HubConfig(
            name="classification", task="image-classification", shards=given, columns=(*_IMAGE, *labels)
        )


def _rank(shard: Shard) -> tuple[int, str, bool, str]:
    """Parts in the order that people expect, and what can be trained on first."""
    known = _PARTS.index(shard.part) if shard.part in _PARTS else len(_PARTS)
    return known, shard.part, not shard.read, shard.path
