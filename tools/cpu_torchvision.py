# ruff: noqa: S603, S607, T201 -- a script: it prints, and runs the tools that it names
"""Makes torchvision's published wheel work beside a torch that was built without CUDA.

The wheel's operators are linked against CUDA's libraries, so beside a CPU-only torch they do not load, and
`import torchvision` ends with `operator torchvision::nms does not exist`. What is missing is only reached by
work on a GPU, so libraries of the missing names, in which every function returns 0, are enough. They lie
beside the installed packages and are loaded when Python starts, for the operators take what is loaded under a
name, and look for no library where one could be put.

`python tools/cpu_torchvision.py` does this for the environment of the Python that runs it. Where torch has
CUDA, or the operators load, it does nothing. It needs gcc, nm and ldd. It is for tests, and in no wheel.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

TRIAL = """
import torch, torchvision
boxes = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 2], [5, 5, 6, 6]])
assert torchvision.ops.nms(boxes, torch.tensor([0.5, 0.9, 0.1]), 0.5).tolist() == [1, 2]
"""
NAME = "thyrodata_cpu_torchvision"
LOADER = """
import ctypes
from pathlib import Path
for library in sorted(Path(__file__).parent.glob("*.so*")):
    ctypes.CDLL(str(library))
"""


def main() -> None:
    """Make the libraries, if they are needed, and try torchvision."""
    if find_spec("torch") is None or find_spec("torchvision") is None:
        sys.exit("error: torch and torchvision are not installed")
    if _runs("import torch, sys; sys.exit(not (torch.version.cuda or torch.version.hip))"):
        print("torch is built for GPUs: nothing to do")
    elif _runs(TRIAL):
        print("torchvision's operators load: nothing to do")
    else:
        made = make_stubs(
            _folder("torchvision"), _folder("torch") / "lib", Path(sysconfig.get_path("purelib"))
        )
        print(f"made {', '.join(made)}")
        subprocess.run([sys.executable, "-c", TRIAL], check=True)


def make_stubs(torchvision: Path, torch_libraries: Path, site: Path) -> list[str]:
    """Make a library in place of each that torchvision's operators miss, loaded when Python starts.

    Args:
        torchvision: The package's folder.
        torch_libraries: The folder of torch's libraries.
        site: The folder of installed packages.

    Returns:
        The names of the libraries.
    """
    python = Path(sys.executable).resolve()
    known = {name for library in (python, *_linked(python)[0]) for name in _defined(library)}
    missing: set[str] = set()
    absent: set[str] = set()
    for extension in torchvision.glob("*.so"):
        # Each by itself: one brings a library of its own along that another misses.
        found, gone = _linked(extension, LD_LIBRARY_PATH=str(torch_libraries))
        defined = known.union(*map(_defined, found))
        wanted = _symbols(extension, "--undefined-only")
        absent |= {symbol for symbol in wanted if symbol.partition("@")[0] not in defined}
        missing |= gone
    folder = site / NAME
    folder.mkdir(exist_ok=True)
    for library in sorted(missing):
        # CUDA's runtime names the version of its symbols after itself; the rest may be in any of the others.
        own = [symbol.partition("@")[0] for symbol in sorted(absent) if symbol.endswith(f"@{library}")]
        rest = [symbol for symbol in sorted(absent) if "@" not in symbol]
        _compile(folder / library, own or rest, version=library if own else "")
    (folder / "__init__.py").write_text(LOADER)
    (site / f"{NAME}.pth").write_text(f"import {NAME}\n")
    return sorted(missing)


def _compile(place: Path, symbols: Iterable[str], *, version: str) -> None:
    named = "\n".join(
        f'__asm__(".globl {name}\\n.type {name}, %function\\n.set {name}, nothing");' for name in symbols
    )
    with TemporaryDirectory() as folder:
        source, script = Path(folder, "stub.c"), Path(folder, "versions")
        source.write_text(f"void *nothing(void) {{ return 0; }}\n{named}\n")
        script.write_text(f"{version} {{ global: *; }};\n")
        options = [f"-Wl,-soname,{place.name}", *([f"-Wl,--version-script={script}"] if version else [])]
        subprocess.run(["gcc", "-shared", "-fPIC", *options, "-o", place, source], check=True)


def _linked(library: Path, **environment: str) -> tuple[list[Path], set[str]]:
    """Return the libraries that one is linked against and are there, and the names of those that are not."""
    said = _said("ldd", library, **environment)
    found = [Path(place) for place in re.findall(r"=> (/\S+)", said)]
    return found, set(re.findall(r"(\S+) => not found", said))


def _defined(library: Path) -> set[str]:
    return {symbol.partition("@")[0] for symbol in _symbols(library, "--defined-only")}


def _symbols(library: Path, which: str) -> list[str]:
    """Return dynamic symbols as `name@version`, without weak ones, which may be undefined."""
    said = (line.split()[-2:] for line in _said("nm", "-D", which, library).splitlines())
    return [name.replace("@@", "@") for kind, name in said if kind not in "wv"]


def _said(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True)
    return done.stdout


def _runs(code: str) -> bool:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def _folder(package: str) -> Path:
    return Path(find_spec(package).origin).parent  # to import it is what fails


if __name__ == "__main__":
    main()
