"""WebDataset's shards: tar files in which an image and the JSON of what is known of it share a name.

The format: Aizman, Maltby and Breuel, "High Performance I/O for Large Scale Deep Learning", 2019. All of a
file's name up to the first dot is the key of a sample, and the rest says what the file is; files of one
sample follow each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from thyrodata.errors import UsageError
from thyrodata.exports.coco import HOLDS
from thyrodata.exports.folder import FileNames, Folder, file_name, image_size, read_image
from thyrodata.exports.ledger import LossLedger
from thyrodata.exports.pictures import as_shown
from thyrodata.exports.samples import SAMPLE_TYPES, sample_entry
from thyrodata.exports.tarshards import ShardPlan, TarShards, member_size
from thyrodata.exports.view import View, ViewedImage
from thyrodata.exports.windows import PictureSettings
from thyrodata.io.frontmatter import front_matter
from thyrodata.io.jsontext import json_bytes
from thyrodata.schema.geometry import Polygon

__all__ = ["WebdatasetSettings", "export_webdataset"]

_MEGABYTE = 1_000_000

_UNNAMED = ".img"
"""The suffix of an image whose file has none: without one it would be no part of a sample."""

_TEXT = """Shards of WebDataset. A sample is an image and `json`, of one key: what is known of the image, and
its `findings`. `bbox` is left, top, width and height in pixels. An outline is in `polygons`, rings of x and y
in turn, and a mask in `rle`, which `pycocotools.mask.decode` reads; a box has neither. An image without
findings is a true negative. `group_id` is the identity that splits keep together.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebdatasetSettings(PictureSettings):
    """How shards are written.

    Raises:
        UsageError: A shard would be empty.
    """

    shard_mb: int = field(
        default=100, metadata={"help": "megabytes of a shard at most, if no single sample is larger"}
    )

    def __post_init__(self) -> None:
        PictureSettings.__post_init__(self)
        if self.shard_mb < 1:
            raise UsageError(f"a shard of {self.shard_mb} MB holds nothing", hint="give --shard-mb 1 or more")


class _Sample(NamedTuple):
    image: ViewedImage
    picture: str | None
    """The name of the image in the shard."""
    facts: str
    """The name of what is known of it."""
    entry: bytes
    shard: str


def export_webdataset(view: View, out: Folder, settings: WebdatasetSettings) -> LossLedger:
    """Write ``<part>-<number>.tar`` with the image and the JSON of each sample, and ``README.md``.

    Images are within the shards, so these are written once the account is accepted, in a second pass.

    Raises:
        DatasetError: An image cannot be read.
    """
    shown = replace(
        view, crowds=True, images=not settings.labels_only, window=settings.pixel_choice(), holds=HOLDS
    )
    most = settings.shard_mb * _MEGABYTE
    plan = ShardPlan(most)
    pictures = [sample.picture for sample in _samples(shown, plan) if sample.picture]
    out.write("README.md", _read_me(view, sorted({name.rpartition(".")[2] for name in pictures})))
    out.defer(
        partial(_write_shards, replace(shown, ledger=LossLedger()), ShardPlan(most), out),
        images=len(pictures),
        files=len(plan.shards),
        size=sum(plan.shards),
    )
    return view.ledger


def _write_shards(view: View, plan: ShardPlan, out: Folder, tick: Callable[[], None]) -> None:
    with TarShards(out) as shards:
        for sample in _samples(view, plan):
            part = sample.image.part
            if sample.picture is not None:
                place = f"{view.dataset.path}/{sample.image.path}"
                data = as_shown(read_image(place), place, sample.image.window)
                shards.add(part, sample.shard, sample.picture, data)
                tick()
            shards.add(part, sample.shard, sample.facts, sample.entry)


def _samples(view: View, plan: ShardPlan) -> Iterator[_Sample]:
    """Yield the samples of a view, each with its shard, and name what they do not hold."""
    names = FileNames(view.ledger)
    for image in view:
        stem, suffix = file_name(image)
        key = names.take(_key(stem))
        found = sample_entry(image)
        outlined = sum(isinstance(viewed.geometry, Polygon) for viewed in image.findings)
        as_polygons = sum(bool(finding["polygons"]) for finding in found["findings"])
        view.ledger.change("findings", "polygon-to-mask", outlined - as_polygons)  # those with holes
        entry = json_bytes(found)
        picture, facts = None, f"{key}.json"
        size = member_size(facts, len(entry))
        if view.images:
            picture = f"{key}{suffix.lower() or _UNNAMED}"
            # A window makes it smaller, but how much is known only when it is written.
            size += member_size(picture, image_size(f"{view.dataset.path}/{image.path}"))
        yield _Sample(image, picture, facts, entry, plan.place(image.part, size))


def _key(stem: str) -> str:
    """Return a name without a dot, whose parts do not begin as those do that readers pass over."""
    parts = stem.replace(".", "%2E").split("/")
    return "/".join("%5F" + part[1:] if part.startswith("__") else part for part in parts)


def _read_me(view: View, suffixes: Sequence[str]) -> bytes:
    """Return a card that says to ``datasets`` what samples are, which it would guess from the first five."""
    features = [
        *({"name": suffix, "dtype": "image"} for suffix in suffixes),
        {"name": "json", "struct": SAMPLE_TYPES},
        {"name": "__key__", "dtype": "string"},
        {"name": "__url__", "dtype": "string"},
    ]
    files = [{"split": part.replace("-", "_"), "path": f"{part}-*.tar"} for part in view.parts]
    card = {
        "configs": [{"config_name": "default", "data_files": files}],
        "dataset_info": {"features": features},
    }
    return f"{front_matter(card)}\n# {view.dataset.manifest.name}\n\n{_TEXT}".encode()
