"""A push is one commit or none: whole, seen by those it is meant for, and of nobody else's files."""

from __future__ import annotations

import gc
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import Command
from tests.curated import content, make_parent, unchanged
from tests.failure.test_disk import mounted
from tests.hub import OWNER, READER, Hub, knowing, loopback_hub
from tests.hubcard import front_matter
from thyrodata.conversion import convert
from thyrodata.converters.deeplesion import DeepLesionSettings
from thyrodata.curation.push import push
from thyrodata.curation.restore import restore
from thyrodata.dataset import Dataset
from thyrodata.errors import HubError, OutputError, UsageError
from thyrodata.exports.run import MARKER, export
from thyrodata.io.hub import download_files, open_repo
from thyrodata.publishing.upload import Target, Uploaded, compare, look_up, upload

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs" / "publish.md"
REPO = "clinic/nodules"
ANSWERED_FOR = ("terms-not-stated", "qc-missing")
ACCEPT = [part for name in ANSWERED_FOR for part in ("--accept", name)]
TREE = {
    MARKER: b"{}",
    "README.md": b"---\nlicense: cc-by-4.0\n---\n# Nodules\n",
    "annotations/instances_train.json": b"{}",
    "data/train/read-00000-of-00001.parquet": b"PAR1 of train",
    "data/test/read-00000-of-00001.parquet": b"PAR1 of test",
    "thyrodata/records.parquet": b"PAR1 of records",
}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A Hub that this process knows, as its owner."""
    with loopback_hub(tmp_path / "hub") as served, knowing(served.url, tmp_path / "home"):
        yield served
    assert served.complaints == []


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A dataset of twelve images, each boxed, and a default split."""
    return make_parent(tmp_path_factory.mktemp("toy") / "toy", cases=6)


def laid(folder: Path, files: dict[str, bytes]) -> Path:
    """Write a tree of files into a new folder."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def target(**said: Any) -> Target:
    return Target(repo_id=REPO, marker=MARKER, **said)


def sent(tree: Path, **said: Any) -> Uploaded:
    return upload(tree, target(**said), "a message")


# ---------------------------------------------------------------- a tree of files


def test_the_first_push_makes_a_private_dataset_and_the_second_commits_nothing(
    hub: Hub, tmp_path: Path
) -> None:
    tree = laid(tmp_path / "tree", TREE)
    first = sent(tree)
    assert hub.repo(REPO)["private"]
    assert first.created
    assert first.commit
    assert first.commit.commit == hub.head(REPO)
    assert hub.content(REPO) == TREE
    assert hub.said(hub.head(REPO))["summary"] == "a message"
    begun = len(hub.asked)
    second = sent(tree)
    assert not second.created
    assert second.commit is None
    assert set(second.difference.unchanged) == set(TREE)
    assert {each.method for each in hub.asked[begun:]} == {"GET"}
    assert hub.head(REPO) == first.commit.commit


names = st.sampled_from(
    [
        "README.txt",
        "data/a.parquet",
        "data/b.parquet",
        "data/x/c.csv",
        "annotations/i.json",
        "thyrodata/r.csv",
        "o.md",
    ]
)
trees = st.dictionaries(names, st.binary(max_size=8), max_size=7)


@given(
    trees,
    trees,
    st.dictionaries(st.sampled_from(["o.md", "theirs/t.txt", "data.txt"]), st.binary(max_size=4)),
)
@settings(max_examples=25)
def test_a_repository_holds_the_tree_and_of_others_files_what_it_held(
    tmp_path_factory: pytest.TempPathFactory,
    before: dict[str, bytes],
    after: dict[str, bytes],
    theirs: dict[str, bytes],
) -> None:
    """Our folders hold the tree and nothing else; elsewhere the tree lies over what was there."""
    folder = tmp_path_factory.mktemp("law")
    with loopback_hub(folder / "hub") as hub, knowing(hub.url, folder / "home"):
        old, new = ({MARKER: b"{}"} | files for files in (before, after))
        sent(laid(folder / "old", old))
        if theirs:
            hub.commit(REPO, theirs)
        there = old | theirs
        made = sent(laid(folder / "new", new))
        ours = ("data/", "annotations/", "thyrodata/")
        kept = {name: data for name, data in there.items() if not name.startswith(ours)}
        assert hub.content(REPO) == kept | new
        assert (made.commit is None) == (there == kept | new)
        assert set(made.difference.sent) == {name for name, data in new.items() if there.get(name) != data}
        assert hub.complaints == []


def test_files_that_the_tree_has_no_more_go_from_our_folders_alone(hub: Hub, tmp_path: Path) -> None:
    sent(laid(tmp_path / "old", TREE))
    hub.commit(REPO, {"docs/how.md": b"theirs", "LICENSE": b"theirs"})
    less = {name: data for name, data in TREE.items() if "test" not in name}
    made = sent(laid(tmp_path / "new", less))
    assert made.difference.deleted == ("data/test/read-00000-of-00001.parquet",)
    assert hub.content(REPO) == less | {"docs/how.md": b"theirs", "LICENSE": b"theirs"}


@pytest.mark.parametrize(
    ("files", "state", "asked", "said"),
    [
        ({"a.csv": b"theirs"}, {}, {}, "taken by a dataset that thyrodata did not push"),
        (TREE | {".gitignore": b"*.csv"}, {}, {}, ".gitignore"),
        (TREE, {"private": False}, {}, "is public, and --public was not given"),
        (TREE, {}, {"public": True}, "is private: a push does not make it public"),
        (TREE, {"gated": "auto"}, {}, "would take them off its card"),
    ],
)
def test_a_repository_that_is_not_for_us_is_left_as_it_is(
    hub: Hub, tmp_path: Path, files: dict[str, bytes], state: dict[str, Any], asked: dict[str, Any], said: str
) -> None:
    hub.create(REPO)
    hub.commit(REPO, files)
    hub.change(REPO, **({"private": True} | state))
    kept = hub.repo(REPO)
    for do in (lambda: look_up(target(**asked)), lambda: sent(laid(tmp_path / "tree", TREE), **asked)):
        with pytest.raises(OutputError, match=said) as caught:
            do()
        assert hub.url in caught.value.where
        assert caught.value.hint
    assert hub.repo(REPO) == kept
    assert {each.method for each in hub.asked} == {"GET"}


def test_an_empty_dataset_that_somebody_has_made_for_it_is_used(hub: Hub, tmp_path: Path) -> None:
    hub.create(REPO, private=True)
    assert not sent(laid(tmp_path / "tree", TREE)).created
    assert hub.content(REPO) == TREE


def test_what_is_public_is_so_because_it_was_asked_for(hub: Hub, tmp_path: Path) -> None:
    tree = laid(tmp_path / "tree", TREE)
    sent(tree, public=True)
    assert not hub.repo(REPO)["private"]
    assert sent(tree, public=True).commit is None


def test_the_gate_is_closed_before_there_is_anything_to_read(hub: Hub, tmp_path: Path) -> None:
    sent(laid(tmp_path / "tree", TREE), public=True, gated=True)
    assert hub.repo(REPO)["gated"] == "manual"
    steps = [each.path for each in hub.asked if each.method != "GET"]
    assert steps.index(f"/api/datasets/{REPO}/settings") == 1  # after the repository was made
    hub.change(REPO, gated="auto")
    assert sent(
        laid(tmp_path / "new", TREE | {"README.md": b"---\n{}\n---\n"}), public=True, gated=True
    ).commit
    assert hub.repo(REPO)["gated"] == "auto"  # as somebody has chosen since


def test_a_gate_that_the_hub_refuses_lets_nothing_through(hub: Hub, tmp_path: Path) -> None:
    hub.fail("PUT", "/settings", 403, message="gating needs another plan")
    with pytest.raises(HubError, match="another plan"):
        sent(laid(tmp_path / "tree", TREE), public=True, gated=True)
    assert hub.content(REPO) == {}
    assert hub.count("PUT", "/lfs/") == 0


def test_a_pull_request_holds_the_commit_and_the_branch_stays(hub: Hub, tmp_path: Path) -> None:
    sent(laid(tmp_path / "old", TREE))
    head = hub.head(REPO)
    new = TREE | {"data/train/read-00000-of-00001.parquet": b"PAR1 anew"}
    made = sent(laid(tmp_path / "new", new), create_pr=True)
    assert made.commit
    assert made.commit.pull_request == f"{hub.url}/datasets/{REPO}/discussions/1"
    assert hub.head(REPO) == head
    assert hub.content(REPO, "refs/pr/1") == new
    more = new | {"data/train/more.parquet": b"PAR1 more"}
    sent(laid(tmp_path / "more", more), revision="refs/pr/1")
    assert hub.content(REPO, "refs/pr/1") == more
    assert hub.head(REPO) == head


def test_no_dataset_is_made_for_a_pull_request(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no dataset to open a pull request on"):
        sent(laid(tmp_path / "tree", TREE), create_pr=True)
    assert {each.method for each in hub.asked} == {"GET"}


@pytest.mark.parametrize("there", [True, False])
def test_a_branch_is_made_if_need_be_and_moves_alone(hub: Hub, tmp_path: Path, there: bool) -> None:
    if there:
        sent(laid(tmp_path / "old", TREE))
    new = TREE | {"data/train/read-00000-of-00001.parquet": b"PAR1 anew"}
    tree = laid(tmp_path / "new", new)
    sent(tree, revision="v2")
    assert hub.content(REPO, "v2") == new
    assert hub.content(REPO) == (TREE if there else {})
    assert sent(tree, revision="v2").commit is None


def test_a_branch_of_somebody_elses_is_left_as_it_is(hub: Hub, tmp_path: Path) -> None:
    tree = laid(tmp_path / "tree", TREE)
    sent(tree)
    hub.commit(REPO, {"a.csv": b"theirs"}, tuple(TREE), branch="theirs", onto=hub.head(REPO))
    with pytest.raises(OutputError, match="thyrodata did not push"):
        sent(tree, revision="theirs")
    assert hub.content(REPO, "theirs") == {"a.csv": b"theirs"}


def test_a_commit_that_came_between_is_kept_and_the_next_push_goes_on_top(hub: Hub, tmp_path: Path) -> None:
    sent(laid(tmp_path / "old", TREE))
    new = laid(tmp_path / "new", TREE | {"data/train/read-00000-of-00001.parquet": b"PAR1 anew"})
    hub.before("POST", "/commit/", lambda: hub.commit(REPO, {"theirs.md": b"t"}))
    with pytest.raises(HubError, match="somebody else has committed"):
        sent(new)
    assert hub.content(REPO) == TREE | {"theirs.md": b"t"}
    before = hub.count("PUT", "/lfs/")
    sent(new)
    assert hub.count("PUT", "/lfs/") == before
    assert hub.content(REPO)["data/train/read-00000-of-00001.parquet"] == b"PAR1 anew"


def test_what_differs_is_told_without_asking(tmp_path: Path) -> None:
    found = compare(laid(tmp_path, TREE), None)
    assert found.sent == {name: len(data) for name, data in sorted(TREE.items())}
    assert found.unchanged == found.deleted == ()


# ---------------------------------------------------------------- a dataset, by the command line


def test_a_dataset_is_pushed_and_pushed_again_without_a_commit(
    hub: Hub, toy: Dataset, command: Command
) -> None:
    first = command("push", toy.path, REPO, *ACCEPT, "--json")
    assert first.code == 0, first.err
    said = json.loads(first.out)
    assert said["commit"] == hub.head(REPO)
    assert said["created"]
    assert said["private"]
    assert set(said["sent"]) == set(hub.content(REPO))
    assert said["bytes"] == sum(map(len, hub.content(REPO).values()))
    assert "toy: 12 images, by thyrodata" in hub.said(hub.head(REPO))["summary"]
    assert any("push" in line for line in (toy.path / "history.jsonl").read_text().splitlines())
    card = hub.content(REPO)["README.md"].decode()
    _, _, answered_for = card.partition("whoever published it answers for:")
    assert "- qc-missing: quality control was not run" in answered_for
    assert "- terms-not-stated: " in answered_for
    again = json.loads(command("push", toy.path, REPO, *ACCEPT, "--json").out)
    assert again["commit"] == said["commit"]
    assert again["sent"] == {}
    assert "nothing has changed" in command("push", toy.path, REPO, *ACCEPT).out
    assert hub.head(REPO) == said["commit"]


def test_what_stands_against_it_is_said_before_anybody_is_asked(
    hub: Hub, toy: Dataset, command: Command
) -> None:
    for options in ([], ["--dry-run"], ["--accept", "qc-missing"]):
        ran = command("push", toy.path, REPO, *options)
        assert ran.code == 1
        assert "terms-not-stated" in ran.err
        assert ran.out == ""
    assert hub.asked == []


def test_a_dry_run_says_what_would_be_sent_and_asks_nobody(
    hub: Hub, toy: Dataset, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    with unchanged(toy.path):
        ran = command("push", toy.path, REPO, *ACCEPT, "--dry-run")
    assert ran.code == 0, ran.err
    assert hub.asked == []
    planned = json.loads(command("push", toy.path, REPO, *ACCEPT, "--dry-run", "--json").out)
    monkeypatch.setenv("HF_TOKEN", OWNER)
    assert planned["sent"] == json.loads(command("push", toy.path, REPO, *ACCEPT, "--json").out)["sent"]
    assert all(name in ran.out for name in planned["sent"])


def test_the_terms_stand_on_the_card_and_the_gate_is_closed(
    hub: Hub, toy: Dataset, tmp_path: Path, command: Command
) -> None:
    terms = tmp_path / "terms.txt"
    terms.write_text("You agree: not to look for anybody.\n\nAnd: to cite us.\n")
    ran = command("push", toy.path, REPO, *ACCEPT, "--gated", terms)
    assert ran.code == 0, ran.err
    assert "private, gated, new" in ran.out
    card = front_matter(hub.content(REPO)["README.md"].decode())
    assert card["extra_gated_prompt"].strip() == terms.read_text().strip()
    assert hub.repo(REPO)["gated"] == "manual"


def test_a_pull_request_is_told_by_its_page(hub: Hub, toy: Dataset, command: Command) -> None:
    command("push", toy.path, REPO, *ACCEPT)
    whole = hub.content(REPO)
    head = hub.commit(REPO, {"data/train/more.parquet": b"PAR1"})
    ran = command("push", toy.path, REPO, *ACCEPT, "--create-pr")
    assert ran.code == 0, ran.err
    assert f"{hub.url}/datasets/{REPO}/discussions/1" in ran.out
    assert hub.head(REPO) == head
    assert hub.content(REPO, "refs/pr/1") == whole


@pytest.mark.parametrize(
    ("options", "token", "code", "said", "hint"),
    [
        ([], None, 1, "there is no token of the Hub", "hf auth login"),
        ([], "hf_expired", 1, "does not accept the token", "hf auth login"),
        ([], READER, 1, "don't have the rights to create", "may write there"),
        (["--gated", "no-such-file"], OWNER, 1, "cannot be read", "check its name"),
        (["--accept", "no-such-thing"], OWNER, 2, "no-such-thing", "there are"),
        (["--split", "no-such-split"], OWNER, 1, "no-such-split", "default"),
        (["--create-pr"], OWNER, 1, "no dataset to open a pull request on", "--create-pr"),
    ],
)
def test_what_is_wrong_is_said_in_one_message_and_nothing_is_published(
    hub: Hub,
    toy: Dataset,
    tmp_path: Path,
    command: Command,
    options: list[str],
    token: str | None,
    code: int,
    said: str,
    hint: str,
) -> None:
    with knowing(hub.url, tmp_path, token), unchanged(toy.path):
        ran = command("push", toy.path, REPO, *ACCEPT, *options)
    assert ran.code == code
    assert ran.out == ""
    lines = ran.err.splitlines()
    assert said in lines[0]
    assert hint in lines[-1]
    assert len(lines) <= 3
    assert "Traceback" not in ran.err
    assert not (hub.folder / "repos" / f"{REPO}.json").exists()


@pytest.mark.parametrize("name", ["nodules", "a/b/c", "clinic/a--b"])
def test_a_name_that_is_none_is_wrong_usage(hub: Hub, toy: Dataset, command: Command, name: str) -> None:
    assert command("push", toy.path, name, *ACCEPT).code == 2
    assert hub.asked == []


def test_empty_terms_are_no_terms(hub: Hub, toy: Dataset, tmp_path: Path) -> None:
    (tmp_path / "terms.txt").write_text(" \n")
    with pytest.raises(UsageError, match="terms are empty"):
        push(toy, REPO, accept=ANSWERED_FOR, gated=tmp_path / "terms.txt")


def test_a_name_that_others_have_taken_is_said_before_the_long_work(
    hub: Hub, toy: Dataset, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.create(REPO, private=True)
    hub.commit(REPO, {"a.csv": b"theirs"})
    monkeypatch.setattr("thyrodata.curation.push.export", None)
    ran = command("push", toy.path, REPO, *ACCEPT)
    assert ran.code == 1
    assert "taken by a dataset that thyrodata did not push" in ran.err
    assert hub.content(REPO) == {"a.csv": b"theirs"}


def test_no_network_is_said_at_once(toy: Dataset, tmp_path: Path, command: Command) -> None:
    with knowing("http://127.0.0.1:1", tmp_path):
        ran = command("push", toy.path, REPO, *ACCEPT)
    assert ran.code == 1
    assert "cannot be reached" in ran.err.splitlines()[0]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="a disk in memory is mounted")
def test_a_full_disk_is_said_and_nothing_is_published(
    hub: Hub, toy: Dataset, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mounted(tmp_path / "disk", "size=16k") as disk:
        monkeypatch.setattr("tempfile.tempdir", str(disk))
        ran = command("push", toy.path, REPO, *ACCEPT)
    assert ran.code == 1
    gc.collect()  # what cannot close its file says so when it is thrown away
    assert ran.err.splitlines()[0] == "error: the disk is full"
    assert len(ran.err.splitlines()) == 3
    assert not (hub.folder / "repos" / f"{REPO}.json").exists()


def test_what_was_pushed_is_restored_to_the_byte(hub: Hub, toy: Dataset, tmp_path: Path) -> None:
    push(toy, REPO, accept=ANSWERED_FOR)
    restore(REPO, tmp_path / "again")
    assert content(tmp_path / "again") == content(toy.path)


# ---------------------------------------------------------------- other processes


def pushing(hub: Hub, dataset: Path, home: Path) -> list[Any]:
    """The arguments of a process that pushes."""
    (home / "tmp").mkdir(parents=True, exist_ok=True)  # one that is killed leaves its files behind
    command = [sys.executable, "-m", "thyrodata", "push", str(dataset), REPO, *ACCEPT, "--json"]
    return [command, hub.env(home) | {"TMPDIR": str(home / "tmp")}]


@pytest.mark.slow
@pytest.mark.parametrize("after", [1, 3])
def test_a_push_that_is_killed_leaves_the_branch_and_goes_on_where_it_was(
    toy: Dataset, tmp_path: Path, after: int
) -> None:
    with loopback_hub(tmp_path / "hub") as hub:
        hub.stall("PUT", "/lfs/", after=after)
        arguments, env = pushing(hub, toy.path, tmp_path / "home")
        with subprocess.Popen(arguments, env=env, stderr=subprocess.PIPE) as process:
            assert hub.stalled.wait(60)
            os.kill(process.pid, signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        assert hub.content(REPO) == {}
        head = hub.head(REPO)
        arrived = hub.count("PUT", "/lfs/")
        assert arrived >= after
        hub.faults.clear()
        again = subprocess.run(arguments, env=env, capture_output=True, text=True, check=True)
        large = {entry.sha256 for entry in hub.files(hub.head(REPO)).values() if entry.large}
        assert hub.count("PUT", "/lfs/") == len(large)  # each was sent once, in both pushes together
        assert hub.said(hub.head(REPO))["parent"] == head
        assert json.loads(again.stdout)["commit"] == hub.head(REPO)
        assert hub.complaints == []


LOAD = """
import csv, datasets, json, pathlib, pyarrow.parquet, sys
repo, home = sys.argv[1], pathlib.Path(sys.argv[2])
records = pyarrow.parquet.read_table(home / "records.parquet").to_pylist()
place = {record["image_id"]: n for n, record in enumerate(records)}
parts = {row["image_id"]: row["part"] for row in csv.DictReader((home / "splits/default.csv").open())}
for streaming in (False, True):
    loaded = datasets.load_dataset(repo, revision="main", streaming=streaming)
    seen = {}
    for part, rows in loaded.items():
        for row in rows.cast_column("image", datasets.Image(decode=False)):
            record = dict(records[place[row["image_id"]]])
            file = record.pop("image")
            assert row["file"] == file, row["image_id"]
            data = None if file["path"] is None else (home / file["path"]).read_bytes()
            assert data == (row["image"] or {}).get("bytes"), row["image_id"]
            assert {name: row[name] for name in record} == record, row["image_id"]
            assert row["row"] == place[row["image_id"]] and row["image_id"] not in seen
            seen[row["image_id"]] = "val" if part == "validation" else part
    assert seen == {each: part for each, part in parts.items() if part != "excluded"}
print(len(seen))
"""
"""Compares what `datasets` gives, plain and streaming, with a dataset's own files: images byte by byte, every
column of the records, and the parts. It knows nothing of thyrodata."""


def loads(env: dict[str, str], dataset: Path) -> int:
    """Assert that another process loads the repository as the dataset is; return the number of images."""
    ran = subprocess.run(
        [sys.executable, "-c", LOAD, REPO, dataset], env=env, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return int(ran.stdout)


@pytest.mark.slow
def test_what_is_pushed_is_loaded_plain_and_streaming_as_the_dataset_has_it(
    toy: Dataset, tmp_path: Path
) -> None:
    with loopback_hub(tmp_path / "hub") as hub:
        arguments, env = pushing(hub, toy.path, tmp_path / "home")
        subprocess.run(arguments, env=env, check=True, capture_output=True)
        assert loads(env, toy.path) == 12
        assert hub.complaints == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "read"),
    [("ddti", None), ("deeplesion", DeepLesionSettings(annotations_only=True))],  # its sample has few images
)
def test_a_published_sample_is_pushed_once_and_loaded_as_it_is(
    samples: Path, tmp_path: Path, name: str, read: object
) -> None:
    convert(name, samples / name, tmp_path / name, settings=read)
    with loopback_hub(tmp_path / "hub") as hub:
        arguments, env = pushing(hub, tmp_path / name, tmp_path / "home")
        first = subprocess.run(arguments, env=env, check=True, capture_output=True)
        assert loads(env, tmp_path / name) == Dataset(tmp_path / name).manifest.count("images")
        again = subprocess.run(arguments, env=env, check=True, capture_output=True)
        assert json.loads(again.stdout)["commit"] == json.loads(first.stdout)["commit"]
        assert json.loads(again.stdout)["sent"] == {}
        assert hub.complaints == []


# ---------------------------------------------------------------- an independent reader


@contextmanager
def olah(folder: Path, repo: str, files: dict[str, bytes]) -> Iterator[str]:
    """Commit files to a plain git repository and have olah serve it, which was written by others."""
    place = laid(folder / "mirrors" / "datasets" / repo, files)
    known = ["-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "commit.gpgsign=false"]
    for said in (["init", "-q", "-b", "main"], ["add", "."], [*known, "commit", "-q", "-m", "pushed"]):
        subprocess.run(["git", *said], cwd=place, check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = (
        f'[basic]\nhost = "127.0.0.1"\nport = {port}\nmirrors-path = ["{folder}/mirrors"]\n'
        "[accessibility]\noffline = true\n"
    )
    (folder / "olah.toml").write_text(settings)
    own = ["--repos-path", folder / "repos", "--log-path", folder / "logs", "--port", str(port)]
    ran = [sys.executable, "-m", "olah.server", "--host", "127.0.0.1", "--config", folder / "olah.toml", *own]
    with subprocess.Popen(ran, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(300):
                with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                assert process.poll() is None
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.mark.slow
def test_what_was_pushed_is_read_through_another_server_of_the_hub(toy: Dataset, tmp_path: Path) -> None:
    with loopback_hub(tmp_path / "hub") as hub, knowing(hub.url, tmp_path / "home"):
        push(toy, REPO, accept=ANSWERED_FOR)
        pushed = hub.content(REPO)
        env = hub.env(tmp_path / "home")
    with olah(tmp_path / "olah", REPO, pushed) as url:
        assert loads(env | {"HF_ENDPOINT": url}, toy.path) == 12
        with knowing(url, tmp_path / "home"):
            repo = open_repo(REPO, revision="main")
            assert set(repo.files) == set(pushed)
            download_files(repo, pushed, tmp_path / "down")
    assert {name: (tmp_path / "down" / name).read_bytes() for name in pushed} == pushed


# ---------------------------------------------------------------- the docs


@pytest.mark.slow
def test_the_commands_of_the_docs_run(
    hub: Hub, toy: Dataset, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").symlink_to(toy.path)
    (tmp_path / "terms.txt").write_text("You agree.")
    monkeypatch.chdir(tmp_path)
    lines = [line.partition("#")[0].split() for line in DOCS.read_text().splitlines()]
    listed = [line[1:] for line in lines if line[:2] == ["thyrodata", "push"]]
    assert len(listed) == 5
    for line in listed:
        assert (ran := command(*line)).code == 0, ran.err
    assert set(hub.repo("my-clinic/nodules")["refs"]) == {"main", "v2"}
    assert hub.repo("my-clinic/open")["gated"] == "manual"
    assert not hub.repo("my-clinic/open")["private"]


def test_the_messages_of_the_docs_are_those_that_there_are() -> None:
    _, _, below = DOCS.read_text().partition("## What is said when it fails")
    table, _, _ = below.partition("\n## ")
    messages = re.findall(r"^\| `(.*?)[:(. ]*(?:\.\.\.)?(?:\d+\))?` \|", table, re.MULTILINE)
    sources = "".join(path.read_text() for path in (ROOT / "thyrodata").rglob("*.py"))
    assert len(messages) == 8
    assert [text for text in messages if text not in sources] == []


@pytest.mark.slow
def test_the_python_of_the_docs_runs(
    hub: Hub,
    toy: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    export("huggingface", toy, tmp_path / "tree")
    (tmp_path / "data").symlink_to(toy.path)
    monkeypatch.chdir(tmp_path)
    codes = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert len(codes) == 4
    for code in codes:
        if "mlcroissant" not in code:  # tests/test_croissant.py reads more of it
            exec(code, {})  # noqa: S102 -- the docs are ours
    assert hub.url in capsys.readouterr().out
    assert Dataset("restored").verify() == ()
