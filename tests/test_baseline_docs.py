"""What the pages about baselines show runs as it stands there, with trainings of one epoch."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="make trainers installs it")

import torch

from thyrodata.conversion import convert
from thyrodata.demo import write_release

DOCS = Path(__file__).parents[1] / "docs"

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit", "ignore::DeprecationWarning")
torch.set_num_threads(1)


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def run(command, lines):
    for line in lines.splitlines():
        args = shlex.split(line, comments=True)[1:]
        if args[:2] == ["baseline", "train"]:
            args += ["--epochs", "1", "--device", "cpu"]
        ran = command(*args)
        assert ran.code == 0, (line, ran.err)
        yield ran.out


def test_the_page_of_baselines_runs(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    for name, cases in (("ddti", 30), ("other", 36)):
        Path(f"raw-{name}").mkdir()
        write_release(Path(f"raw-{name}"), cases=cases)
        convert("ddti", Path(f"raw-{name}"), Path(name))
    main, external = blocks("baselines.md", "sh")
    said = list(run(command, main))
    assert "fold" in said[1]
    for made in ("table.md", "explained/index.html", "model/model.onnx", "model/README.md"):
        assert Path(made).exists(), made
    with pytest.raises(AssertionError, match="were seen in training"):
        list(run(command, external))  # both folders begin with the same cases
    (found,) = run(command, external.rstrip() + " --accept-shared\n")
    assert "external:" in found


def test_the_page_of_leaks_runs(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("leakage.md", "python")
    exec(code, {})  # noqa: S102 -- the docs are ours
    (lines,) = blocks("leakage.md", "sh")
    said = list(run(command, lines))
    assert "auc" in said[-1]
    refused = command("baseline", "train", "clips", "small/classify", "-o", "x", "--split", "official")
    assert refused.code == 1
    assert "leaks" in refused.err
    assert not Path("x").exists()
