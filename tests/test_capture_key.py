"""The key of a site: what its file is, where it may lie, and what is said when it is gone."""

import copy
import hashlib
import hmac
import os
import pickle
import re
from base64 import b32encode

import pytest
from typer.testing import CliRunner

from thyrodata.capture.key import Key, destroy_key, load_key, new_key
from thyrodata.cli.key import app
from thyrodata.errors import CaseError, OutputError, UsageError


@pytest.fixture
def key(tmp_path):
    new_key(tmp_path / "site.key")
    return tmp_path / "site.key"


def secret_of(path):
    return bytes.fromhex(path.read_text().split()[1])


def test_a_new_key_is_32_bytes_in_a_line_that_only_its_owner_may_read(key):
    assert re.fullmatch(r"thyrodata-key-v1 [0-9a-f]{64}\n", key.read_text())
    assert key.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("umask", [0, 0o777])
def test_the_mode_does_not_depend_on_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        new_key(tmp_path / "site.key")
    finally:
        os.umask(before)
    assert (tmp_path / "site.key").stat().st_mode & 0o777 == 0o600


def test_two_keys_differ(tmp_path):
    assert new_key(tmp_path / "a") != new_key(tmp_path / "b")


def test_a_key_never_replaces_a_file(key):
    before = key.read_bytes()
    with pytest.raises(OutputError, match="exists"):
        new_key(key)
    assert key.read_bytes() == before


def test_the_fingerprint_is_the_mac_of_a_constant(key):
    mac = hmac.new(secret_of(key), b"thyrodata/v1/fingerprint", hashlib.sha256).digest()
    assert load_key(key).fingerprint == b32encode(mac[:10]).decode()


def test_tokens_of_two_kinds_are_unrelated(key):
    loaded = load_key(key)
    assert loaded.token("token", "1.2.3") != loaded.token("case", "1.2.3")


def test_a_key_is_not_shown_copied_or_pickled(key):
    loaded = load_key(key)
    assert secret_of(key).hex() not in repr(loaded)
    assert repr(secret_of(key)) not in repr(loaded)
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            leave(loaded)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_of_another_size_is_none(size):
    with pytest.raises(ValueError, match="32 bytes"):
        Key(bytes(size))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o601])
def test_a_key_that_others_may_read_or_change_is_refused(key, mode):
    key.chmod(mode)
    with pytest.raises(CaseError, match="others"):
        load_key(key)


@pytest.mark.parametrize(
    "text",
    ["", "thyrodata-key-v1 ", "thyrodata-key-v2 " + "0" * 64, "0" * 64, "thyrodata-key-v1 " + "é" * 64],
)
def test_a_file_of_another_form_is_no_key_and_is_neither_quoted_nor_destroyed(key, text):
    key.write_text(text)
    for read in (load_key, destroy_key):
        with pytest.raises(CaseError, match="holds no key") as refused:
            read(key)
        assert not text or text not in str(refused.value)
    assert key.read_text() == text


def test_a_missing_key_and_a_folder_and_a_pipe_are_no_keys(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("missing", ".", "pipe"):
        with pytest.raises(CaseError):
            load_key(tmp_path / name)


def test_a_key_inside_the_output_is_refused_wherever_links_lead(tmp_path):
    out = tmp_path / "out"
    (out / "deep").mkdir(parents=True)
    new_key(out / "deep" / "site.key")
    (tmp_path / "door").symlink_to(out)
    for path, target in (
        (out / "deep" / "site.key", out),
        (tmp_path / "door" / "deep" / "site.key", out),
        (out / "deep" / "site.key", tmp_path / "door"),
        (tmp_path / "else" / ".." / "out" / "deep" / "site.key", out),
    ):
        with pytest.raises(UsageError, match="inside the dataset"):
            load_key(path, out=target)
    assert load_key(out / "deep" / "site.key", out=tmp_path / "other")


def test_a_key_beside_the_output_whose_name_begins_alike_is_accepted(tmp_path):
    new_key(tmp_path / "out.key")
    assert load_key(tmp_path / "out.key", out=tmp_path / "out")


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_a_key_inside_a_git_tree_is_neither_made_nor_read(tmp_path, kind):
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    new_key(deep / "early.key")
    marker = tmp_path / ".git"
    if kind == "folder":
        marker.mkdir()
    elif kind == "file":
        marker.write_text("gitdir: elsewhere\n")
    else:
        marker.symlink_to("nowhere")
    with pytest.raises(UsageError, match="git"):
        load_key(deep / "early.key")
    with pytest.raises(UsageError, match="git"):
        new_key(deep / "late.key")
    assert not (deep / "late.key").exists()
    assert destroy_key(deep / "early.key")  # that is what to do about it


def test_a_key_behind_a_link_is_refused(key, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(key)
    with pytest.raises(UsageError, match="link"):
        load_key(link)
    with pytest.raises(CaseError):
        destroy_key(link)
    assert load_key(key)


def test_a_destroyed_key_is_gone_and_its_other_names_hold_zeros(key, tmp_path):
    os.link(key, tmp_path / "other")
    mark, size = load_key(key).fingerprint, key.stat().st_size
    gone = destroy_key(key)
    assert gone.fingerprint == mark
    assert gone.other_names == 1
    assert not key.exists()
    assert (tmp_path / "other").read_bytes() == bytes(size)
    assert any("backed up" in unknown for unknown in gone.to_json()["not_known"])


def test_a_key_that_could_not_be_written_leaves_no_file(tmp_path, monkeypatch):
    def refuse(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OutputError):
        new_key(tmp_path / "site.key")
    assert not (tmp_path / "site.key").exists()


def run(*args, answer=None):
    return CliRunner().invoke(app, [str(arg) for arg in args], input=answer)


def test_the_commands_make_name_and_destroy_a_key(tmp_path):
    path = tmp_path / "site.key"
    made = run("new", path)
    mark = run("fingerprint", path).stdout.strip()
    assert mark in made.stdout
    assert run("fingerprint", path, "--json").stdout == f'{{\n  "fingerprint": "{mark}"\n}}\n'
    assert secret_of(path).hex() not in made.output
    assert run("destroy", path, answer="n\n").exit_code == 1
    assert run("destroy", path, answer="").exit_code == 1
    assert path.exists()
    assert run("destroy", path, "--json", "--quiet", answer="y\n").exit_code == 0
    assert not path.exists()
    assert run("new", path, "--quiet").stdout == ""
    assert "not known" in run("destroy", path, "--yes").stdout
