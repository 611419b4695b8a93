"""The tree of a dataset on the Hugging Face Hub, which is also a folder that `datasets` loads.

``data/`` holds shards with the images in them, ``README.md`` the card with what can be loaded, ``thyrodata/``
the dataset as it is but without its images: with those of the shards it is whole again, to the byte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from thyrodata.dataset import HISTORY, RECORDS_FILE, Dataset
from thyrodata.errors import UsageError
from thyrodata.exports.about.claim import claim
from thyrodata.exports.about.datasheet import datasheet
from thyrodata.exports.about.provenance import provenance
from thyrodata.exports.folder import Folder, image_size, read_image
from thyrodata.exports.hub.card import hub_card
from thyrodata.exports.hub.configs import hub_configs
from thyrodata.exports.hub.croissant import croissant
from thyrodata.exports.hub.features import Columns
from thyrodata.exports.hub.fiftyoneyml import fiftyone_yml
from thyrodata.exports.hub.shards import write_shards
from thyrodata.exports.hub.tree import Shard
from thyrodata.exports.ledger import LossLedger
from thyrodata.exports.view import View
from thyrodata.io.hashes import list_files
from thyrodata.io.parquet import stream_as

__all__ = ["DATASET", "HuggingfaceSettings", "export_huggingface"]

_MEGABYTE = 1_000_000

DATASET = "thyrodata"
"""The folder of the dataset without its images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HuggingfaceSettings:
    """How the tree is written.

    Raises:
        UsageError: A shard would be empty.
    """

    shard_mb: int = field(default=500, metadata={"help": "megabytes of images in a shard"})
    gated_terms: str | None = field(
        default=None, metadata={"help": "what people agree to before the Hub lets them read it"}
    )

    answered_for: tuple[str, ...] = field(
        default=(),
        metadata={"help": "what stands against publishing, for the card to say that you answer for it"},
    )

    def __post_init__(self) -> None:
        if self.shard_mb < 1:
            raise UsageError(f"a shard of {self.shard_mb} MB holds nothing", hint="give --shard-mb 1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    finding_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    path: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counted:
    image_id: str
    image: _File
    findings: tuple[_Named, ...]


def export_huggingface(view: View, out: Folder, settings: HuggingfaceSettings) -> LossLedger:
    """Write the tree. Nothing is lost: the records are there as they are, also of what is not shown.

    Images that the split excludes are written too, and are not counted.

    Raises:
        DatasetError: The dataset is damaged.
    """
    columns = Columns(view)
    view.ledger.clear()
    images = size = 0
    for record in stream_as(view.dataset.path / RECORDS_FILE, _Counted):
        images += 1
        if record.image.path is not None:
            size += image_size(f"{view.dataset.path}/{record.image.path}")
        if record.image_id in view.part_of:
            for account in (view.ledger.given, view.ledger.written):
                account.update(images=1, findings=len(record.findings))
    shard_bytes = settings.shard_mb * _MEGABYTE
    beside = _beside(view.dataset)
    out.defer(
        partial(_write, view, columns, out, settings, beside),
        images=images,
        files=len(view.parts) + size // shard_bytes + len(beside),
        size=size + sum(image_size(f"{view.dataset.path}/{path}") for path in beside),
    )
    return view.ledger


def _write(
    view: View,
    columns: Columns,
    out: Folder,
    settings: HuggingfaceSettings,
    beside: Sequence[str],
    tick: Callable[[], None],
) -> None:
    """Write the shards, the files beside the images, and then what tells of them."""
    shards = write_shards(view, columns, out.path, settings.shard_mb * _MEGABYTE, tick)
    for shard in shards:
        out.count(shard.path)
    within = f"annotations/{view.split}/"
    for path in beside:
        data = read_image(f"{view.dataset.path}/{path}")
        out.write(f"{DATASET}/{path}", data)
        if path.startswith(within):
            out.write(f"annotations/{path.removeprefix(within)}", data)
    _tell(view, columns, shards, out, settings)


def _tell(
    view: View, columns: Columns, shards: Sequence[Shard], out: Folder, settings: HuggingfaceSettings
) -> None:
    """Write what tells of the shards, to people and to programs."""
    configs = {config.name: config for config in hub_configs(shards, columns)}
    said = [config.dataset_info(columns) for config in configs.values()]
    features = said[0]["features"]
    about = provenance(view.dataset, view.split)
    card = hub_card(
        about,
        shards,
        features=features,
        configs=[config.front_matter() for config in configs.values()],
        dataset_info=said,
        gated_terms=settings.gated_terms,
        tasks=[config.task for config in configs.values() if config.task],
        reader=view.reader,
        answered_for=settings.answered_for,
    )
    out.write("README.md", card)
    out.write("croissant.json", croissant(about, shards, features=features))
    out.write("datasheet.md", datasheet(about))
    out.write("claim.md", claim(about))
    if "classification" in configs:  # no other can be read by FiftyOne
        labels = [column.name for column in columns.labels if column.name not in columns.unsaid]
        out.write("fiftyone.yml", fiftyone_yml(about.name, subset="classification", labels=labels))


def _beside(dataset: Dataset) -> list[str]:
    """Return the files of a dataset but its images and its history, which tells times."""
    return [path for path in list_files(dataset.path) if not path.startswith("images/") and path != HISTORY]
