"""The step that makes torchvision's wheel work beside a torch without CUDA."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.cpu_torchvision import make_stubs

TOOL = Path(__file__).parents[1] / "tools" / "cpu_torchvision.py"


def compiled(gcc, place, source, *options):
    place.with_suffix(".c").write_text(source)
    subprocess.run([gcc, "-shared", "-fPIC", "-o", place, place.with_suffix(".c"), *options], check=True)


def test_an_extension_whose_libraries_are_gone_loads_with_those_made_in_their_place(system_tool, tmp_path):
    gcc = system_tool("gcc")
    for name in ("nm", "ldd"):
        system_tool(name)
    package, torch, site, gone = (tmp_path / name for name in ("package", "torch", "site", "gone"))
    for folder in (package, torch, site, gone):
        folder.mkdir()
    runtime = "libruntime.so.9"
    (tmp_path / "versions").write_text(f"{runtime} {{ global: *; }};\n")
    compiled(
        gcc,
        gone / runtime,
        "int launch(void) { return 7; }\n",
        f"-Wl,-soname,{runtime}",
        f"-Wl,--version-script={tmp_path / 'versions'}",
    )
    for name in ("libgpu.so", "libmore.so"):
        compiled(gcc, gone / name, f"int of_{name[3:-3]} = 7;\n", f"-Wl,-soname,{name}")
    compiled(gcc, torch / "libkept.so", "int kept(void) { return 5; }\n", "-Wl,-soname,libkept.so")
    compiled(
        gcc,
        package / "_C.so",
        "extern int of_gpu, of_more; int launch(void); int kept(void);\n"
        "int *gpu(void) { return &of_gpu; }\nint *more(void) { return &of_more; }\n"
        "int launched(void) { return launch(); }\nint works(void) { return kept(); }\n",
        *("-Wl,--no-as-needed", f"-L{gone}", f"-L{torch}", "-l:" + runtime, "-lgpu", "-lmore", "-lkept"),
        f"-Wl,-rpath,{torch}",
    )
    # Another extension brings a library of its own along, as torchvision's does with CUDA's runtime.
    compiled(gcc, torch / "libown.so", "int launch(void) { return 3; }\n", "-Wl,-soname,libown.so")
    compiled(
        gcc,
        package / "image.so",
        "extern int of_gpu; int launch(void);\n"
        "int *gpu(void) { return &of_gpu; }\nint launched(void) { return launch(); }\n",
        *("-Wl,--no-as-needed", f"-L{gone}", f"-L{torch}", "-lgpu", "-lown", f"-Wl,-rpath,{torch}"),
    )
    for library in gone.iterdir():
        library.unlink()
    tried = (
        "import ctypes, sys\n"
        "try:\n    import thyrodata_cpu_torchvision\nexcept ImportError:\n    pass\n"
        "found, image = map(ctypes.CDLL, sys.argv[1:])\n"
        "print(found.works(), found.launched(), image.launched())\n"
    )

    def loads():
        command = [sys.executable, "-c", tried, *(str(package / name) for name in ("_C.so", "image.so"))]
        return subprocess.run(
            command, env={"PYTHONPATH": str(site)}, capture_output=True, text=True, check=False
        )

    assert "cannot open shared object file" in loads().stderr
    assert make_stubs(package, torch, site) == ["libgpu.so", "libmore.so", runtime]
    assert loads().stdout == "5 0 3\n"  # what is there is not replaced, what is missing returns 0
    assert (site / "thyrodata_cpu_torchvision.pth").read_text() == "import thyrodata_cpu_torchvision\n"


def test_operators_load_here_and_the_step_leaves_such_an_environment_as_it_is():
    pytest.importorskip("torch", reason="make trainers installs it")
    done = subprocess.run([sys.executable, TOOL], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("nothing to do\n")
    said = "import timm, torchvision, segmentation_models_pytorch"
    subprocess.run([sys.executable, "-c", said], check=True)
