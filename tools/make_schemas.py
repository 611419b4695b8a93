"""Writes the JSON Schemas of what thyrodata publishes into ``schemas/``: ``python tools/make_schemas.py``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY))  # the checkout beside this script, installed or not

from thyrodata.schema.jsonschema import PUBLISHED, json_schema  # noqa: E402 -- see the line above

for name, cls in PUBLISHED.items():
    text = json.dumps(json_schema(cls), indent=2, ensure_ascii=False) + "\n"
    Path(REPOSITORY, "schemas", f"{name}.schema.json").write_text(text, encoding="utf-8")
