"""``fiftyone.yml``: what FiftyOne's ``load_from_hub`` is told of a Hub repository of Parquet shards.

FiftyOne does not read the shards. It asks the Hub's dataset viewer for the rows of one config, which the
viewer has for public datasets, and saves each picture as a PNG. It reads no boxes from a list of objects as
`datasets` writes it since version 4, fails on a column that is a structure, and fails on a label that is null
(``fiftyone.utils.huggingface`` of 1.22). So it gets a config without structures, and of its labels those that
every row has; the others come as numbers. Everything comes with ``convert hub`` and ``browse``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

__all__ = ["fiftyone_yml"]


def fiftyone_yml(
    name: str,
    *,
    subset: str,
    labels: Sequence[str] = (),
    licence: str | None = None,
    description: str | None = None,
) -> bytes:
    """Return the file, to lie at the top of the repository.

    Args:
        name: What the FiftyOne dataset is called.
        subset: The config that is read; none of its columns may be a structure.
        labels: Columns of it that hold classes, and in every row one.
        licence: As the card names it.
        description: A sentence or two.
    """
    said: dict[str, Any] = {
        "name": name,
        "description": description,
        "license": licence,
        "format": "ParquetFilesDataset",
        "fiftyone": {"version": ">=1.8.0"},
        "filepath": "image",
        "subsets": [subset],
        "classification_fields": [*labels] or None,
    }
    # A value of JSON is one of YAML too.
    lines = (f"{key}: {json.dumps(value)}\n" for key, value in said.items() if value is not None)
    return "".join(lines).encode()
