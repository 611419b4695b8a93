"""The command line: every command says what it does, does it as text and as JSON, and stays thin."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import thyrodata
from tests.contract.run import contents
from thyrodata import cli
from thyrodata.converters import CONVERTERS
from thyrodata.dataset import Dataset

MOST_STATEMENTS = 15


def commands():
    """Every command by its words, groups included."""
    found = {}

    def walk(command, words):
        found[words] = command
        for name, below in getattr(command, "commands", {}).items():
            walk(below, (*words, name))

    walk(typer.main.get_command(cli.app), ())
    return found


COMMANDS = commands()
LEAVES = [words for words, found in COMMANDS.items() if not hasattr(found, "commands")]


# ---------------------------------------------------------------- help


def test_the_commands_are_those_of_the_readme():
    assert {" ".join(words) for words in LEAVES} == {
        "baseline evaluate",
        "baseline explain",
        "baseline export",
        "baseline list",
        "baseline predict",
        "baseline table",
        "baseline train",
        "browse",
        "push",
        "capture audit",
        "capture report",
        "capture run",
        "key destroy",
        "key fingerprint",
        "key new",
        "convert",
        "list",
        "card",
        "detect",
        "info",
        "show",
        "verify",
        "update",
        "remove",
        "select",
        "derive",
        "merge",
        "relabel",
        "diff",
        "annotate export",
        "annotate import",
        "agree report",
        "agree resolve",
        "agree queue",
        "agree import",
        "agree view",
        "qc run",
        "qc rules",
        "qc markers",
        "qc duplicates",
        "qc shortcuts",
        "report",
        "agree score",
        "split make",
        "split audit",
        "export",
        "demo",
    }


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_has_a_sentence_for_everything(words, command):
    found = COMMANDS[words]
    assert found.help[0].isupper()
    assert found.help.partition("\n\n")[0].endswith((".", "1."))
    for parameter in found.params:
        assert parameter.help[0].isupper(), parameter.name
        assert parameter.help.endswith("."), parameter.name
    ran = command(*words, "--help")
    assert (ran.code, ran.err) == (0, "")
    said = " ".join(ran.out.split())
    assert " ".join(found.help.split()) in said
    for parameter in found.params:
        assert " ".join(parameter.help.split()) in said


def test_help_lists_the_commands(command):
    ran = command("--help")
    for words in LEAVES:
        assert re.search(rf"^  {words[0]} ", ran.out, re.MULTILINE)
    for name in ("make", "audit"):
        assert re.search(rf"^  {name} ", command("split", "--help").out, re.MULTILINE)


@pytest.mark.parametrize("words", [(), ("split",)], ids=["thyrodata", "split"])
def test_without_a_command_help_is_shown_and_nothing_done(words, command):
    ran = command(*words)
    assert ran.code == 2
    assert "Usage:" in ran.out + ran.err


def test_every_command_that_prints_a_result_prints_it_as_json_or_not_at_all():
    for words in LEAVES:
        options = {option for parameter in COMMANDS[words].params for option in parameter.opts}
        assert {"--json", "--quiet"} <= options, words


def test_the_version(command):
    assert command("--version").out == f"thyrodata {thyrodata.__version__}\n"


def test_an_unknown_command_is_refused(command):
    ran = command("no-such-command")
    assert (ran.code, ran.out) == (2, "")
    assert "no-such-command" in ran.err


# ---------------------------------------------------------------- thin commands


def functions():
    return [
        pytest.param(node, id=f"{file.stem}.{node.name}")
        for file in sorted(Path(cli.__file__).parent.glob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


@pytest.mark.parametrize("function", functions())
def test_a_function_of_the_command_line_is_short(function):
    statements = sum(isinstance(node, ast.stmt) for node in ast.walk(function)) - 1
    statements -= ast.get_docstring(function) is not None
    assert 0 < statements <= MOST_STATEMENTS


# ---------------------------------------------------------------- every command, as text and as JSON


@pytest.fixture
def run(command, copied, monkeypatch):
    """Run a command beside a dataset ``ddti`` and return what it printed, once as text and once as JSON."""
    monkeypatch.chdir(copied.parent)

    def both(*args, code=0):
        text = command(*args)
        assert (text.code, text.err) == (code, "")
        said = command(*args, "--json")
        assert (said.code, said.err) == (code, "")
        quiet = command(*args, "--quiet")
        assert (quiet.code, quiet.out, quiet.err) == (code, "", "")
        return text.out, json.loads(said.out)

    return both


def test_list(run):
    text, said = run("list")
    assert [card["name"] for card in said] == list(CONVERTERS)
    for card in said:
        assert re.search(rf"^\s*{card['name']}\s+{re.escape(card['title'])}", text, re.MULTILINE)
        assert card["verified"] in text


def test_card(run):
    text, said = run("card", "ddti")
    assert said["name"] == "ddti"
    assert text == (Path(thyrodata.__file__).parents[1] / "cards" / "ddti.md").read_text() + "\n"


def test_info(run, copied):
    text, said = run("info", "ddti")
    dataset = Dataset(copied)
    assert said["path"] == "ddti"
    assert said["manifest"]["name"] == "ddti"
    assert said["splits"] == {"default": dataset.split_report()}
    assert re.search(r"images\s+14\b", text)
    assert "split default, seed 0: case-grouped" in text


def test_show(run, copied):
    text, said = run("show", "ddti", "--count", "3")
    assert text == "3 images: ddti-sheet.png\n"
    assert said["path"] == "ddti-sheet.png"
    assert len(said["image_ids"]) == 3
    assert Path("ddti-sheet.png").read_bytes().startswith(b"\x89PNG")
    assert Dataset(copied).verify() == ()
    _, said = run("show", "ddti", "--part", "val", "-o", "val.png")
    assert set(said["image_ids"]) == set(Dataset(copied).split()["val"])
    _, said = run("show", "ddti", "--image", "ddti/5_1", "--image", "ddti/2_1", "-o", "two.png")
    assert said["image_ids"] == ["ddti/5_1", "ddti/2_1"]


@pytest.mark.parametrize("inside", [".", "images/.."])
def test_a_sheet_lies_beside_the_dataset_that_one_stands_in(copied, inside, command, monkeypatch):
    monkeypatch.chdir(copied)
    before = contents(copied)
    assert command("show", inside, "--count", "1").code == 0
    assert contents(copied) == before
    assert (copied.parent / "ddti-sheet.png").exists()


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--count", "0"], 2, "0 images"),
        (["--columns", "0"], 2, "0 columns"),
        (["--part", "none-such"], 2, "'none-such'"),
        (["--split", "none-such", "--part", "train"], 1, "'none-such'"),
        (["--image", "ddti/none-such"], 2, "'ddti/none-such'"),
        (["-o", "missing/sheet.png"], 1, "missing/sheet.png"),
        (["-o", "ddti"], 1, "ddti"),
    ],
)
def test_a_sheet_that_cannot_be_drawn(copied, args, code, said, command, monkeypatch):
    monkeypatch.chdir(copied.parent)
    ran = command("show", "ddti", *args)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("error: ")
    assert said in ran.err
    assert [path.name for path in copied.parent.iterdir()] == ["ddti"]


def test_verify(run, copied):
    text, said = run("verify", "ddti")
    assert text == "every file is as it was written\n"
    assert said == {"whole": True, "problems": []}
    (copied / "README.md").write_bytes(b"")
    text, said = run("verify", "ddti", code=1)
    assert text == "README.md differs from its checksum\n"
    assert said == {
        "whole": False,
        "problems": [{"path": "README.md", "what": "differs from its checksum"}],
    }


def test_split_make(run, copied):
    before = contents(copied)
    text, said = run("split", "make", "ddti", "--name", "mine", "--seed", "3", "--dry-run")
    assert contents(copied) == before
    assert said["balance"]["whole"]["images"] == 14
    for part, counted in said["balance"]["parts"].items():
        assert re.search(rf"{part}\s+{counted['images']}\s+{counted['groups']}\b", text)
    assert "split mine, seed 3: case-grouped, balanced by tirads-kwak" in text


def test_split_make_writes_what_it_says(command, copied):
    folds = json.loads(command("split", "make", copied, "--name", "f", "--folds", "3", "--json").out)
    assert folds == Dataset(copied).split_report("f")
    assert set(Dataset(copied).split("f")) == {"fold0", "fold1", "fold2"}
    assert command("split", "make", copied, "--name", "g", "--ratios", "train=0.5,test=0.5").code == 0
    assert set(Dataset(copied).split("g")) == {"train", "test"}
    ran = command("split", "make", copied, "--name", "f")
    assert (ran.code, ran.out) == (1, "")
    assert Dataset(copied).verify() == ()


def test_split_audit(run):
    text, said = run("split", "audit", "ddti")
    assert text == "split default: no group, no byte-identical image and no frame crosses parts\n"
    assert said == {"default": []}


def test_demo(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = command("demo", "try", "--cases", "3")
    assert (text.code, text.err) == (0, "")
    assert "thyrodata convert ddti try/raw -o try/ddti" in text.out
    assert "look at       try/contact-sheet.png" in text.out
    assert {path.name for path in Path("try").iterdir()} == {
        "raw",
        "ddti",
        "contact-sheet.png",
        "synthetic.txt",
    }
    first = contents(tmp_path / "try" / "raw")
    assert command("demo", "try", "--cases", "3").code == 1
    ran = command("demo", "try", "--cases", "3", "--overwrite", "--json")
    said = json.loads(ran.out)
    assert (said["items"], said["raw"], said["sheet"]) == (3, "try/raw", "try/contact-sheet.png")
    assert contents(tmp_path / "try" / "raw") == first
    ran = command("demo", "try", "--cases", "3", "--overwrite", "--quiet")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert Dataset(tmp_path / "try" / "ddti").verify() == ()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_demo_takes_the_place_of_nothing_else(tmp_path, kind, command):
    place = tmp_path / "mine"
    if kind == "file":
        place.write_bytes(b"years of work")
    else:
        place.mkdir()
        (place / "thesis.tex").write_bytes(b"years of work")
    before = contents(tmp_path)
    for options in ([], ["--overwrite"]):
        ran = command("demo", place, "--cases", "3", *options)
        assert (ran.code, ran.out) == (1, "")
        assert f"where: {place}" in ran.err
        assert "hint: " in ran.err
    assert contents(tmp_path) == before


@pytest.mark.parametrize("words", [["info"], ["show"], ["verify"], ["split", "audit"]], ids=" ".join)
def test_what_is_no_dataset_is_told(words, tmp_path, command):
    ran = command(*words, tmp_path / "missing")
    assert (ran.code, ran.out) == (1, "")
    assert f"where: {tmp_path / 'missing' / 'manifest.json'}" in ran.err
    assert "hint: " in ran.err
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- in a shell


def test_a_closed_pipe_is_no_error(converted):
    with subprocess.Popen(
        [sys.executable, "-m", "thyrodata", "card", "ddti"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        said = process.stderr.read()
    assert said == b""


def test_a_terminal_that_knows_ascii_only_is_no_error(converted):
    for args in (["info", str(converted)], ["info", str(converted), "--json"], ["list"]):
        ran = subprocess.run(
            [sys.executable, "-m", "thyrodata", *args],
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
            capture_output=True,
            check=False,
        )
        assert (ran.returncode, ran.stderr) == (0, b"")
        assert ran.stdout.isascii()
