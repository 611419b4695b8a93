"""The laws of the house, read from the source: layers, homes of libraries, names, silence, light imports.

Each law is a function of a module's path (relative to the package) and its source text, and returns the
violations it finds. Each is tried on the package and on small planted violations.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import pytest

PACKAGE = Path(__file__).parents[1] / "thyrodata"

# A group is a module of the package or a whole subpackage; it may import groups of lower layers only.
LAYERS = {
    "errors": 0,
    "schema": 1,
    "io": 2,
    "pool": 2.1,
    "sandbox": 2.2,  # processes that may die: like a pool, each worker watched
    "sample": 2.5,  # what a converter gives
    **dict.fromkeys(["echo", "engine", "phantoms", "survey"], 3),
    "dataset": 3.5,  # surveys its records
    "change": 4,  # what an operation makes of records
    **dict.fromkeys(["converters", "capture"], 4),
    "duplicates": 4.5,  # same pictures: for operations, audits and quality control
    **dict.fromkeys(
        [
            "annotation",
            "splits",
            "comparison",
            "labelmaps",
            "selection",
            "derivation",
            "merging",
        ],
        5,
    ),
    "agreement": 5.2,  # reads readers' files as annotation does
    "qc": 5.5,  # intervals are agreement's, and how twins differ is merging's
    **dict.fromkeys(["exports", "reports"], 6),
    "partition": 6.5,  # splits with their COCO files: made by a conversion, and added to a dataset
    "inheritance": 6.7,  # of splits, by a new dataset from its parent
    **dict.fromkeys(["conversion", "detection", "baselines"], 7),
    "revision": 7.2,  # a dataset from others, as a conversion makes one from a source
    "collection": 7.2,  # a dataset of captured files, with outlines that move along
    "publishing": 7.2,  # what may be published, and where it goes
    "curation": 7.5,  # select, relabel, derive, merge, update, remove: a public function each
    "demo": 7.5,  # converts what it has drawn
    "cli": 8,
    **dict.fromkeys(["__init__", "__main__"], 9),
}

# Arrows that point down and are forbidden all the same: (from, to).
FORBIDDEN_ARROWS = {
    ("converters", "dataset"),
    ("converters", "qc"),
    ("converters", "exports"),
    ("exports", "converters"),
}

# Where each library outside the standard one may be imported; a library that is not listed may be nowhere.
HOMES = {
    "PIL": {"io", "phantoms", "capture", "qc", "derivation", "reports"},
    "cv2": {"io", "phantoms", "capture", "qc", "derivation", "reports"},
    "datasets": {"exports"},
    "fiftyone": {"exports"},
    "gdcm": {"io"},
    "h5py": {"io"},
    "hotcoco": {"baselines"},
    "huggingface_hub": {"io", "exports"},
    "imagecodecs": {"io"},
    "isal": {"io"},
    "jpeg_ls": {"io"},
    "lxml": {"io"},
    "matplotlib": {"reports"},
    "msgspec": {"io"},
    "numpy": LAYERS.keys() - {"errors", "schema"},
    "onnx": {"baselines"},
    "onnxscript": {"baselines"},
    "onnxruntime": {"capture", "baselines"},
    "openjpeg": {"io"},
    "pandas": {"io", "dataset"},
    "pyarrow": {"io", "dataset"},  # dataset: only to say that table() returns one
    "pycocotools": {"io", "exports", "agreement", "baselines"},
    "pydicom": {"io", "capture"},
    "rapidocr": {"capture", "qc"},
    "rich": {"cli"},
    "rle": {"io"},
    "safetensors": {"baselines"},
    "scipy": {"io", "capture", "derivation", "echo", "qc", "agreement", "splits", "baselines"},
    "shapely": {"qc", "exports"},
    "SimpleITK": {"io", "derivation", "agreement"},
    "segmentation_models_pytorch": {"baselines"},
    "sklearn": {"qc", "agreement", "splits", "baselines"},
    "timm": {"baselines"},
    "torch": {"baselines"},
    "torchvision": {"baselines"},
    "transformers": {"baselines"},
    "typer": {"cli"},
    "yaml": {"io"},
}

# Only these may name a dataset outside its own module; vocabularies are data.
MAY_NAME_DATASETS = {
    "converters/__init__.py": "the table of converters",
    "schema/vocab.py": "the vocabularies that datasets publish",
    "demo.py": "names the layout that its synthetic folder is written in",
}

GRAB_BAGS = {"utils", "helpers", "common", "core"}

Law = Callable[[str, str], list[str]]


def group_of(path: str) -> str:
    return PurePosixPath(path).parts[0].removesuffix(".py")


def imports(path: str, source: str) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of everything imported, also inside functions and by a literal name."""
    package = ("thyrodata", *PurePosixPath(path).parts[:-1])
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import():
                yield from ((node.lineno, alias.name) for alias in node.names)
            case ast.ImportFrom():
                base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
                prefix = ".".join(part for part in (base, node.module) if part)
                yield from ((node.lineno, f"{prefix}.{alias.name}") for alias in node.names)
            case ast.Call(
                func=ast.Name(id="import_module" | "load_extra" | "__import__")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, name


def imported_group(name: str) -> str | None:
    """The group that an import reaches; a public name of thyrodata is reached through its front door."""
    top, _, rest = name.partition(".")
    if top != "thyrodata" or rest == "__version__":
        return None
    group = rest.partition(".")[0]
    return group if group in LAYERS else "__init__"


def layer_violations(path: str, source: str) -> list[str]:
    own = group_of(path)
    if own not in LAYERS:
        return [f"{path}: {own} stands in no layer"]
    found = []
    for line, name in imports(path, source):
        group = imported_group(name)
        if group is None or group == own:
            continue
        if LAYERS[group] >= LAYERS[own]:
            found.append(f"{path}:{line}: {own} imports {name}, which is not in a lower layer")
        elif (own, group) in FORBIDDEN_ARROWS:
            found.append(f"{path}:{line}: {own} may not know {group}, but imports {name}")
    return found


def home_violations(path: str, source: str) -> list[str]:
    own = group_of(path)
    found = []
    for line, name in imports(path, source):
        library = name.partition(".")[0]
        if library == "thyrodata" or library in sys.stdlib_module_names:
            continue
        if own not in HOMES.get(library, ()):
            found.append(f"{path}:{line}: {own} is no home of {library}")
    return found


def file_name_violations(path: str, source: str) -> list[str]:
    parts = {part.removesuffix(".py") for part in PurePosixPath(path).parts}
    return [f"{path}: {part} says nothing of what is inside" for part in sorted(parts & GRAB_BAGS)]


def dataset_name_violations(path: str, source: str, names: frozenset[str]) -> list[str]:
    if path in MAY_NAME_DATASETS:
        return []
    own = PurePosixPath(path).parts[1].removesuffix(".py") if group_of(path) == "converters" else None
    found = [
        f"{path}:{node.lineno}: names the dataset {node.value}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and node.value in names - {own}
    ]
    for line, name in imports(path, source):
        match name.split("."):
            case ["thyrodata", "converters", dataset, *_] if dataset in names - {own}:
                found.append(f"{path}:{line}: imports the converter {dataset}")
    return found


def print_violations(path: str, source: str) -> list[str]:
    if group_of(path) == "cli":
        return []
    return [
        f"{path}:{node.lineno}: prints, which only cli may do"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]


def documentation_violations(path: str, source: str) -> list[str]:
    tree = ast.parse(source)
    found = [] if ast.get_docstring(tree) else [f"{path}: has no docstring"]
    names = public_names(tree)
    if names is not None:
        if names != sorted(set(names), key=public_order):
            found.append(f"{path}: __all__ is not sorted")
    elif not PurePosixPath(path).name.startswith("_"):
        found.append(f"{path}: has no __all__")
    return found


def public_names(tree: ast.Module) -> list[str] | None:
    """What `__all__` lists; None where there is none."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                return list(ast.literal_eval(value))
            case ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value):
                return list(ast.literal_eval(value))
    return None


def public_order(name: str) -> tuple[int, list[tuple[bool, int, str]]]:
    """Constants, then classes, then the rest, numbers by value: the order that ruff's RUF022 keeps."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    parts = re.findall(r"\d+|\D+", name)
    return kind, [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


SOURCES = {
    path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(PACKAGE.rglob("*.py"))
}
# A format of users' own data publishes no identity; its name ("coco", "table") is a word like any other.
DATASETS = frozenset(
    card.stem
    for card in (PACKAGE.parent / "cards").glob("*.md")
    if re.search("^identity:", card.read_text(encoding="utf-8"), re.MULTILINE)
)


def named_datasets(path: str, source: str) -> list[str]:
    return dataset_name_violations(path, source, DATASETS)


def named_planted_datasets(path: str, source: str) -> list[str]:
    return dataset_name_violations(path, source, frozenset({"ddti", "tn3k"}))


LAWS = [
    layer_violations,
    home_violations,
    file_name_violations,
    named_datasets,
    print_violations,
    documentation_violations,
]


@pytest.mark.parametrize("law", LAWS)
def test_the_package_keeps_the_law(law: Law) -> None:
    assert [violation for path, source in SOURCES.items() for violation in law(path, source)] == []


def test_there_is_a_package_to_read() -> None:
    assert {"__init__.py", "errors.py"} <= SOURCES.keys()
    assert {f"converters/{name}.py" for name in DATASETS} <= SOURCES.keys()
    assert DATASETS


def test_an_exemption_is_needed() -> None:
    """A file that may name datasets names one; otherwise it leaves the list."""
    for path in SOURCES.keys() & (MAY_NAME_DATASETS.keys() - {"schema/vocab.py"}):
        assert dataset_name_violations(f"planted/{path}", SOURCES[path], DATASETS), path


PLANTED = [
    (layer_violations, "schema/record.py", "import thyrodata.io.raw"),
    (layer_violations, "schema/record.py", "from thyrodata import io"),
    (layer_violations, "io/raw.py", "from ..engine import Sample"),
    (layer_violations, "io/raw.py", "from thyrodata import Dataset"),
    (layer_violations, "io/raw.py", "import thyrodata"),
    (layer_violations, "engine.py", "def run():\n    from thyrodata.converters import get"),
    (layer_violations, "engine.py", "import importlib\nimportlib.import_module('thyrodata.cli')"),
    (layer_violations, "engine.py", "from thyrodata.dataset import Dataset"),
    (layer_violations, "dataset.py", "from . import converters"),
    (layer_violations, "qc/geometry.py", "from thyrodata.exports.view import View"),
    (layer_violations, "converters/ddti.py", "from thyrodata.dataset import Dataset"),
    (layer_violations, "converters/ddti.py", "from thyrodata import qc"),
    (layer_violations, "converters/ddti.py", "from ..exports import coco"),
    (layer_violations, "exports/coco.py", "from thyrodata.converters.ddti import Ddti"),
    (layer_violations, "extra.py", ""),
    (home_violations, "schema/record.py", "import numpy as np"),
    (home_violations, "errors.py", "from yaml import safe_load"),
    (home_violations, "converters/ddti.py", "import PIL.Image"),
    (home_violations, "engine.py", "def run():\n    import pyarrow.parquet"),
    (home_violations, "qc/rule.py", "import torch"),
    (home_violations, "io/raw.py", "from importlib import import_module\nimport_module('torch')"),
    (home_violations, "io/raw.py", "import requests"),
    (home_violations, "engine.py", "load_extra('pydicom', 'dicom')"),
    (file_name_violations, "utils.py", ""),
    (file_name_violations, "io/helpers.py", ""),
    (file_name_violations, "common/raw.py", ""),
    (named_planted_datasets, "engine.py", "if name == 'ddti':\n    pass"),
    (named_planted_datasets, "cli/show.py", "f'{x}' 'ddti'\n{'ddti': 1}"),
    (named_planted_datasets, "converters/tn3k.py", "from thyrodata.converters.ddti import Ddti"),
    (named_planted_datasets, "converters/tn3k.py", "from . import ddti"),
    (named_planted_datasets, "convert.py", "from thyrodata.converters import ddti"),
    (print_violations, "io/raw.py", "def read():\n    print('x')"),
    (documentation_violations, "io/raw.py", "__all__ = ['read']"),
    (documentation_violations, "io/raw.py", '"""Reads."""'),
    (documentation_violations, "io/raw.py", '"""Reads."""\n__all__ = ["b", "a"]'),
    (documentation_violations, "io/raw.py", '"""Reads."""\n__all__ = ["a", "a"]'),
    (documentation_violations, "__init__.py", '"""Reads."""\n__all__ = ["read", "Raw"]'),
]


@pytest.mark.parametrize(("law", "path", "source"), PLANTED)
def test_a_planted_violation_is_found(law: Law, path: str, source: str) -> None:
    assert law(path, source)


LAWFUL = [
    (layer_violations, "io/raw.py", "from thyrodata import __version__, errors\nfrom . import xml"),
    (layer_violations, "cli/show.py", "from thyrodata.dataset import Dataset\nimport pathlib"),
    (layer_violations, "__main__.py", "from thyrodata.cli import main"),
    (home_violations, "io/raw.py", "import json\nfrom PIL import Image\nfrom thyrodata import errors"),
    (home_violations, "engine.py", "from . import errors\nimport numpy as np"),
    (file_name_violations, "io/raw.py", ""),
    (named_planted_datasets, "converters/ddti.py", "name = 'ddti'"),
    (named_planted_datasets, "converters/__init__.py", "TABLE = {'ddti': 'Ddti'}"),
    (named_planted_datasets, "engine.py", '"""What ddti taught."""\nfrom thyrodata.converters import get'),
    (print_violations, "cli/show.py", "print('x')"),
    (documentation_violations, "io/raw.py", '"""Reads."""\n__all__ = ["A_B", "Aa", "x2", "x10"]'),
    (documentation_violations, "io/__init__.py", '"""Reads."""'),
]


@pytest.mark.parametrize(("law", "path", "source"), LAWFUL)
def test_lawful_source_is_left_alone(law: Law, path: str, source: str) -> None:
    assert law(path, source) == []


IMPORT = "import thyrodata"
HELP = """
import runpy
sys.argv = ["thyrodata", "--help"]
try:
    runpy.run_module("thyrodata", run_name="__main__", alter_sys=True)
except SystemExit as stop:
    assert not stop.code, stop.code
"""


def loaded_and_written(statements: str, folder: Path) -> tuple[set[str], list[Path]]:
    """Top-level modules loaded, and files written, by statements run in an empty folder that is also HOME."""
    report = "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("XDG_")},
        "HOME": str(folder),
        "PYTHONPATH": str(PACKAGE.parent),
    }
    run = subprocess.run(
        [sys.executable, "-c", f"import json, sys\n{statements}\n{report}"],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    modules = json.loads(run.stderr.splitlines()[-1])
    return {name.partition(".")[0] for name in modules}, sorted(folder.rglob("*"))


def test_importing_thyrodata_loads_nothing_heavy_and_writes_nothing(tmp_path: Path) -> None:
    loaded, written = loaded_and_written(IMPORT, tmp_path)
    assert "thyrodata" in loaded
    assert loaded & HOMES.keys() == set()
    assert written == []


def test_help_loads_nothing_heavy_and_writes_nothing(tmp_path: Path) -> None:
    loaded, written = loaded_and_written(HELP, tmp_path)
    assert "typer" in loaded
    assert loaded & (HOMES.keys() - {"rich", "typer"}) == set()
    assert written == []


def test_a_planted_load_and_write_are_seen(tmp_path: Path) -> None:
    loaded, written = loaded_and_written("import numpy\nopen('left', 'w').close()", tmp_path)
    assert "numpy" in loaded
    assert written == [tmp_path / "left"]
