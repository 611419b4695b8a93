"""Generates what is generated: the JSON Schemas, the README's picture, and the flow figure of `select`."""

from __future__ import annotations

import runpy
import shutil
import tempfile
from pathlib import Path

from PIL import Image

from thyrodata.curation.select import select
from thyrodata.demo import make_demo
from thyrodata.reports.show import show

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "contact-sheet.jpg"
FLOW = ROOT / "docs" / "curation" / "flow.svg"
CRITERIA = """
criteria:
- name: graded on the scale of Kwak
  level: patient
  require: {label: {scheme: tirads-kwak}}
  unknown: exclude
- name: adults
  require: {age_years: {at_least: 18}}
  unknown: exclude
- name: a nodule is outlined
  require: {finding: {structure: nodule}}
- name: one of each grade
  sample: {groups: 1, per: tirads-kwak, seed: 0}
"""


def main() -> None:
    """Write the schemas and the pictures."""
    runpy.run_path(str(ROOT / "tools" / "make_schemas.py"), run_name="__main__")
    with tempfile.TemporaryDirectory() as folder:
        demo = make_demo(Path(folder) / "demo", cases=24)
        sheet = Path(folder) / "sheet.png"
        if demo.conversion.dataset:
            show(demo.conversion.dataset, sheet, count=12, columns=4)
        Image.open(sheet).save(PICTURE, quality=82, optimize=True)
        criteria = Path(folder) / "criteria.yaml"
        criteria.write_text(CRITERIA)
        select(demo.conversion.out, Path(folder) / "selected", criteria=criteria)
        shutil.copy(Path(folder) / "selected" / "reports" / "select.svg", FLOW)


if __name__ == "__main__":
    main()
