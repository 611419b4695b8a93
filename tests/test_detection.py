"""Telling which layout a folder has: every fixture is recognised, wherever it lies, and nothing else is."""

from __future__ import annotations

import json
import shlex
from importlib import import_module

import pytest

import thyrodata
from thyrodata.converters import CONVERTERS
from thyrodata.errors import RawLayoutError


def make(name, folder):
    import_module(f"tests.fixtures.{name}.make").make(folder)
    return folder


@pytest.mark.parametrize("name", CONVERTERS)
def test_every_layout_is_recognised_first(name, tmp_path):
    folder = make(name, tmp_path / "some folder")
    first = thyrodata.detect(folder)[0]
    assert (first.name, first.folder, first.problem) == (name, folder, "")
    assert first.understood == first.files > 0


@pytest.mark.parametrize("below", ["a", "a/b"])
def test_a_layout_is_found_in_a_folder_below(below, tmp_path):
    folder = make("ddti", tmp_path / below)
    first = thyrodata.detect(tmp_path)[0]
    assert (first.name, first.folder) == ("ddti", folder)


def test_the_command_converts(tmp_path, command, monkeypatch):
    folder = make("ddti", tmp_path / "raw data")
    monkeypatch.chdir(tmp_path)
    said = json.loads(command("detect", str(folder), "--json").out)
    program, *arguments = shlex.split(said[0]["command"])
    assert program == "thyrodata"
    assert command(*arguments, "--quiet").code == 0
    assert thyrodata.open(tmp_path / "ddti").verify() == ()


def test_what_stands_in_the_way_is_said(tmp_path):
    folder = make("ddti", tmp_path / "raw")
    (folder / "1_1.jpg").unlink()
    (folder / "stray.txt").write_text("of nobody")
    first = thyrodata.detect(folder)[0]
    assert first.name == "ddti"
    assert "1_1.jpg is missing" in first.problem
    assert first.understood == first.files - 1


def test_another_folder_has_no_layout(tmp_path, command):
    (tmp_path / "notes.txt").write_text("of something else")
    assert thyrodata.detect(tmp_path) == ()
    ran = command("detect", str(tmp_path))
    assert ran.code == 1
    assert "no known layout" in ran.out


def test_no_folder_is_refused(tmp_path):
    with pytest.raises(RawLayoutError):
        thyrodata.detect(tmp_path / "nowhere")
