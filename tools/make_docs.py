"""Generates what is generated: the JSON Schemas and the README's picture."""

from __future__ import annotations

import runpy
import tempfile
from pathlib import Path

from PIL import Image

from thyrodata.demo import make_demo
from thyrodata.reports.show import show

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "contact-sheet.jpg"


def main() -> None:
    """Write the schemas and the picture."""
    runpy.run_path(str(ROOT / "tools" / "make_schemas.py"), run_name="__main__")
    with tempfile.TemporaryDirectory() as folder:
        demo = make_demo(Path(folder) / "demo", cases=24)
        sheet = Path(folder) / "sheet.png"
        if demo.conversion.dataset:
            show(demo.conversion.dataset, sheet, count=12, columns=4)
        Image.open(sheet).save(PICTURE, quality=82, optimize=True)


if __name__ == "__main__":
    main()
