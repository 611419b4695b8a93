"""What is read from the Hub and committed to it is what it holds, and each refusal is one clear message."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from logging import LogRecord, StreamHandler, getLogger
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import (
    HFValidationError,
    are_progress_bars_disabled,
    disable_progress_bars,
    enable_progress_bars,
    logging,
    validate_repo_id,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hub import OWNER, READER, Hub, knowing, loopback_hub
from tests.hubcard import card_errors
from thyrodata.errors import HubError, MissingExtraError, UsageError
from thyrodata.io import hub as client
from thyrodata.io.hub import (
    HubFile,
    HubRepo,
    check_repo_id,
    check_token,
    download_files,
    find_repo,
    open_repo,
)
from thyrodata.io.hubanswers import asking
from thyrodata.io.hubcommit import commit_files, create_branch, create_repo, gate_repo, has_branch

pytestmark = pytest.mark.slow

REPO = "clinic/nodules"
CARD = b"---\nlicense: cc-by-4.0\n---\n# Nodules\n"
FILES = {
    "README.md": CARD,
    "data/train/read-00000-of-00001.parquet": b"PAR1 rows",
    "data/empty.parquet": b"",
    "annotations/a name, with \u00e9 & #.json": b"{}",
    "thyrodata/splits/default.csv": b"image_id,group_id,part\n",
}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A Hub that this process knows, as its owner."""
    with loopback_hub(tmp_path / "hub") as served, knowing(served.url, tmp_path / "home"):
        yield served
    assert served.complaints == []


def laid(folder: Path, files: dict[str, bytes]) -> dict[str, Path]:
    """Write files into a folder; their places by their names."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return {name: folder / name for name in files}


def made(hub: Hub, files: dict[str, bytes] | None = None, **state: object) -> HubRepo:
    """A repository of the owner with files, read."""
    hub.create(REPO)
    if files:
        hub.commit(REPO, files)
    hub.change(REPO, **state)
    return open_repo(REPO)


# ---------------------------------------------------------------- what is committed and read


def test_what_is_committed_is_what_the_hub_holds_and_what_is_downloaded(hub: Hub, tmp_path: Path) -> None:
    create_repo(REPO, private=True)
    repo = find_repo(REPO)
    assert repo
    assert repo.private
    assert repo.gated is None
    assert set(repo.files) == {".gitattributes"}
    commit = commit_files(repo, laid(tmp_path / "tree", FILES), message="the first")
    assert hub.content(REPO) == FILES
    assert hub.said(commit.commit)["summary"] == "the first"
    assert commit.commit == hub.head(REPO)
    read = open_repo(REPO)
    assert {name: file.size for name, file in read.files.items() if name in FILES} == {
        name: len(data) for name, data in FILES.items()
    }
    assert all(read.files[name].same_as(tmp_path / "tree" / name) for name in FILES)
    download_files(read, FILES, tmp_path / "down")
    there = {p.relative_to(tmp_path / "down").as_posix(): p for p in (tmp_path / "down").rglob("*")}
    assert {name: p.read_bytes() for name, p in there.items() if p.is_file()} == FILES


def test_files_are_large_or_not_as_the_hub_says_and_are_told_apart_by_either_digest(
    hub: Hub, tmp_path: Path
) -> None:
    repo = commit_to(hub, tmp_path)
    assert repo.files["data/train/read-00000-of-00001.parquet"].sha256 is not None
    assert repo.files["README.md"].sha256 is None
    for name, data in FILES.items():
        other = tmp_path / "other"
        other.write_bytes(data + b"x")
        assert not repo.files[name].same_as(other)
        if data:
            other.write_bytes(data[:-1] + b"\x00")  # of the same size
            assert not repo.files[name].same_as(other)


def commit_to(hub: Hub, tmp_path: Path) -> HubRepo:
    hub.create(REPO)
    commit_files(open_repo(REPO), laid(tmp_path / "tree", FILES), message="all")
    return open_repo(REPO)


@given(st.binary(max_size=100_000))
@settings(max_examples=20)
def test_a_regular_file_is_known_by_the_name_that_git_gives_it(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    """The digest of a regular file is that of `git hash-object`."""
    path = tmp_path_factory.mktemp("blob") / "file"
    path.write_bytes(data)
    said = subprocess.run(["git", "hash-object", path], capture_output=True, text=True, check=True).stdout
    assert HubFile(size=len(data), sha256=None, blob_sha1=said.strip()).same_as(path)


def test_a_listing_of_many_pages_is_read_whole(hub: Hub) -> None:
    files = {f"data/{n:03}.csv": b"%d" % n for n in range(25)}
    hub.page = 4
    assert set(made(hub, files).files) == {".gitattributes", *files}


def test_a_commit_deletes_and_replaces_and_leaves_the_rest(hub: Hub, tmp_path: Path) -> None:
    repo = made(hub, {"data/a.csv": b"a", "data/b.csv": b"b", "theirs.txt": b"t"})
    commit_files(repo, laid(tmp_path, {"data/a.csv": b"A"}), deleted=["data/b.csv"], message="m")
    assert hub.content(REPO) == {"data/a.csv": b"A", "theirs.txt": b"t"}


def test_a_pull_request_leaves_the_branch_alone_and_can_be_pushed_to(hub: Hub, tmp_path: Path) -> None:
    repo = made(hub, {"data/a.csv": b"a"})
    opened = commit_files(repo, laid(tmp_path, {"data/b.csv": b"b"}), message="m", create_pr=True)
    assert opened.pull_request == f"{repo.url}/discussions/1"
    assert hub.head(REPO) == repo.commit
    assert has_branch(REPO, "refs/pr/1")
    commit_files(open_repo(REPO, revision="refs/pr/1"), laid(tmp_path, {"data/c.csv": b"c"}), message="m")
    assert set(hub.content(REPO, "refs/pr/1")) == {"data/a.csv", "data/b.csv", "data/c.csv"}
    assert hub.head(REPO) == repo.commit


def test_a_branch_begins_where_it_is_told_and_moves_alone(hub: Hub, tmp_path: Path) -> None:
    repo = made(hub, {"data/a.csv": b"a"})
    assert not has_branch(REPO, "v2")
    create_branch(REPO, "v2", commit=repo.commit)
    assert has_branch(REPO, "v2")
    commit_files(open_repo(REPO, revision="v2"), laid(tmp_path, {"data/b.csv": b"b"}), message="m")
    assert hub.head(REPO) == repo.commit
    assert set(hub.content(REPO, "v2")) == {"data/a.csv", "data/b.csv"}


def test_a_gate_is_one_where_an_owner_lets_each_person_in(hub: Hub) -> None:
    made(hub)
    gate_repo(REPO)
    assert open_repo(REPO).gated == "manual"


def test_content_that_the_hub_has_is_not_sent_again_whatever_its_name(hub: Hub, tmp_path: Path) -> None:
    repo = commit_to(hub, tmp_path)
    sent = hub.count("PUT", "/lfs/")
    assert sent == 1
    renamed = {"data/test/x.parquet": FILES["data/train/read-00000-of-00001.parquet"]}
    commit_files(repo, laid(tmp_path, renamed), message="m")
    assert hub.count("PUT", "/lfs/") == sent


class Heard(StreamHandler):
    """What the library logs."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[LogRecord] = []

    def emit(self, record: LogRecord) -> None:
        self.said.append(record)


def test_a_failure_that_passes_is_waited_for_and_nobody_hears_of_it(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("huggingface_hub.utils._http.time", SimpleNamespace(sleep=waited.append))
    heard = Heard()
    monkeypatch.setattr(getLogger("huggingface_hub"), "handlers", [heard])
    hub.fail("PUT", "/lfs/", 503, times=2)
    commit_to(hub, tmp_path)
    assert hub.content(REPO) == FILES
    assert len(waited) == 2
    assert heard.said == []
    assert capfd.readouterr() == ("", "")


def test_progress_counts_files_up_to_all(hub: Hub, tmp_path: Path) -> None:
    files = {f"data/{n}.csv": b"%d" % n for n in range(40)}
    seen: list[tuple[int, int]] = []
    commit_files(
        made(hub), laid(tmp_path, files), message="m", progress=lambda done, of: seen.append((done, of))
    )
    assert [of for _, of in seen] == [40] * len(seen)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (40, 40)
    seen.clear()
    download_files(open_repo(REPO), files, tmp_path / "d", progress=lambda done, of: seen.append((done, of)))
    assert seen == [(n, 40) for n in range(1, 41)]


# ---------------------------------------------------------------- downloads


def test_a_download_that_was_killed_is_continued(hub: Hub, tmp_path: Path) -> None:
    repo = commit_to(hub, tmp_path)
    folder = tmp_path / "down"
    some = list(FILES)[:3]
    download_files(repo, some, folder)
    (folder / some[0]).write_bytes(b"cut")
    before = hub.count("GET", "/resolve/")
    download_files(repo, FILES, folder)
    assert hub.count("GET", "/resolve/") - before == len(FILES) - len(some) + 1
    assert all((folder / name).read_bytes() == data for name, data in FILES.items())


def test_a_file_that_comes_damaged_is_not_taken(hub: Hub, tmp_path: Path) -> None:
    repo = commit_to(hub, tmp_path)
    name = "data/train/read-00000-of-00001.parquet"
    kept = hub.object_path(str(repo.files[name].sha256))
    kept.write_bytes(kept.read_bytes()[:-1] + b"!")
    with pytest.raises(HubError, match="other bytes than the Hub says"):
        download_files(repo, [name], tmp_path / "down")


@pytest.mark.parametrize("name", ["../out.csv", "/etc/out.csv", "data/../../out.csv"])
def test_a_name_that_leads_out_of_the_folder_is_refused(hub: Hub, tmp_path: Path, name: str) -> None:
    repo = made(hub, {name: b"x"})
    with pytest.raises(HubError, match="leads out of the folder"):
        download_files(repo, [name], tmp_path / "down")
    assert hub.count("GET", "/resolve/") == 0


# ---------------------------------------------------------------- refusals


def find() -> None:
    find_repo(REPO)


def read() -> None:
    open_repo(REPO)


def open_at(revision: str) -> None:
    open_repo(REPO, revision=revision)


def fetch(folder: Path) -> None:
    download_files(open_repo(REPO), ["README.md"], folder / "down")


def write(folder: Path) -> None:
    commit_files(open_repo(REPO), laid(folder / "new", FILES), message="m")


def refused(token: str | None, hub: Hub, home: Path, do: Callable[[], None]) -> HubError:
    """What is said, in one sentence, a place and a hint, and without moving the branch."""
    head = hub.head(REPO) if (hub.folder / "repos" / f"{REPO}.json").exists() else None
    with knowing(hub.url, home, token), pytest.raises(HubError) as caught:
        do()
    error = caught.value
    assert "\n" not in error.message + error.where + error.hint
    assert hub.url in error.where
    assert error.hint
    assert head is None or hub.head(REPO) == head
    return error


@pytest.mark.parametrize("do", [find, read])
def test_a_token_that_the_hub_does_not_know_is_not_a_missing_dataset(
    hub: Hub, tmp_path: Path, do: Callable[[], None]
) -> None:
    made(hub)
    error = refused("hf_expired", hub, tmp_path, do)
    assert error.message.startswith("the Hub does not accept the token")
    assert "hf auth login" in error.hint


def test_a_dataset_that_is_not_there_is_none_to_who_looks_and_an_error_to_who_reads(
    hub: Hub, tmp_path: Path
) -> None:
    assert find_repo(REPO) is None
    assert "there is no such dataset" in refused(OWNER, hub, tmp_path, read).message


@pytest.mark.parametrize("token", [READER, None])
def test_a_private_dataset_of_others_is_said_to_be_missing_or_unseen(
    hub: Hub, tmp_path: Path, token: str | None
) -> None:
    made(hub, private=True)
    message = refused(token, hub, tmp_path, read).message
    assert "you may not see it" in message if token else "wants to know who asks" in message


def test_who_is_not_known_is_not_told_that_there_is_none(hub: Hub, tmp_path: Path) -> None:
    made(hub, private=True)
    assert "wants to know who asks" in refused(None, hub, tmp_path, find).message


def test_a_revision_that_is_not_there_is_said(hub: Hub, tmp_path: Path) -> None:
    made(hub)
    error = refused(OWNER, hub, tmp_path, lambda: open_at("v9"))
    assert "no such revision" in error.message


def test_a_gated_dataset_can_be_looked_at_and_not_downloaded(hub: Hub, tmp_path: Path) -> None:
    made(hub, {"README.md": CARD}, gated="manual")
    error = refused(READER, hub, tmp_path, lambda: fetch(tmp_path))
    assert "the dataset is gated, and you have no access" in error.message
    assert "ask for access" in error.hint


def test_who_may_not_write_is_told_before_anything_is_sent(hub: Hub, tmp_path: Path) -> None:
    made(hub)
    error = refused(READER, hub, tmp_path, lambda: write(tmp_path))
    assert "you do not have the right to write" in error.message
    assert hub.count("PUT") == 0
    with knowing(hub.url, tmp_path, READER), pytest.raises(HubError, match="don't have the rights to create"):
        create_repo("other/name", private=True)


def test_a_name_that_is_taken_by_what_cannot_be_seen_is_said(hub: Hub, tmp_path: Path) -> None:
    hub.create(REPO, private=True, owner="somebody")
    assert find_repo(REPO) is None
    error = refused(OWNER, hub, tmp_path, lambda: create_repo(REPO, private=True))
    assert "the name is taken by a dataset that you may not see" in error.message


def test_a_commit_that_came_between_is_said_and_kept(hub: Hub, tmp_path: Path) -> None:
    repo = made(hub, {"data/a.csv": b"a"})
    hub.before("POST", "/commit/", lambda: hub.commit(REPO, {"theirs.txt": b"t"}))
    with pytest.raises(HubError, match="somebody else has committed"):
        commit_files(repo, laid(tmp_path, FILES), message="m")
    assert hub.content(REPO) == {"data/a.csv": b"a", "theirs.txt": b"t"}


def test_a_card_that_the_hub_refuses_is_not_committed(hub: Hub, tmp_path: Path) -> None:
    repo = made(hub)
    wrong = FILES | {"README.md": b"---\nlicense: none of yours\n---\n"}
    with pytest.raises(HubError, match='"license" must be one of'):
        commit_files(repo, laid(tmp_path, wrong), message="m")
    assert hub.head(REPO) == repo.commit


@pytest.mark.parametrize(
    ("pattern", "status", "message", "said"),
    [
        ("/lfs/objects/batch", 403, "Private repository storage limit reached", "storage limit reached"),
        ("/commit/", 500, "", "a failure of its own"),
        ("/commit/", 503, "", "a failure of its own"),
        ("/commit/", 429, "", "too many requests"),
        ("/commit/", 413, "Payload too large", "too large"),
        ("/commit/", 400, "Bad commit", "Bad commit"),
        ("/commit/", 418, "", "refuses (418)"),
        ("/preupload/", 404, "", "nothing there"),
    ],
)
def test_what_the_hub_answers_instead_of_a_commit_is_said_and_the_branch_stays(
    hub: Hub, tmp_path: Path, pattern: str, status: int, message: str, said: str
) -> None:
    made(hub)
    hub.fail("POST", pattern, status, message=message)
    assert said in refused(OWNER, hub, tmp_path, lambda: write(tmp_path)).message


def test_an_object_that_is_refused_is_said_as_any_refusal(hub: Hub, tmp_path: Path) -> None:
    made(hub)
    hub.fail("PUT", "/lfs/", 403, message="the signature has expired")
    assert "the signature has expired" in refused(OWNER, hub, tmp_path, lambda: write(tmp_path)).message


def test_a_hub_that_cannot_be_reached_is_said_at_once(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    begun = time.monotonic()
    with knowing(url, tmp_path), pytest.raises(HubError, match="cannot be reached") as caught:
        find_repo(REPO)
    assert time.monotonic() - begun < 5
    assert "HF_ENDPOINT" in caught.value.hint


def test_a_hub_that_never_answers_is_not_waited_for(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_PATIENCE_S", 0.2)
    hub.stall("GET", "/api/datasets/")
    assert "cannot be reached" in refused(OWNER, hub, tmp_path, find).message


def test_a_library_that_is_set_offline_is_said(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in refused(OWNER, hub, tmp_path, find).message
    assert hub.asked == []


def test_no_token_is_said_and_nobody_is_asked(hub: Hub, tmp_path: Path) -> None:
    check_token()
    error = refused(None, hub, tmp_path, check_token)
    assert error.message == "there is no token of the Hub"
    assert "HF_TOKEN" in error.hint
    assert hub.asked == []


@pytest.mark.parametrize("name", ["nodules", "a/b/c", "clinic/a--b", "c/n.git", "c/a b", "", "c/\u00e9"])
def test_what_cannot_be_the_name_of_a_dataset_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no name of a dataset"):
        check_repo_id(name)


@given(st.text("aZ9_-./", max_size=9) | st.from_regex(r"[a-z.-]{1,3}/[a-z.]{94,98}", fullmatch=True))
def test_a_name_is_one_where_the_library_takes_it_for_one_with_an_owner(name: str) -> None:
    """A name is taken if and only if huggingface_hub takes it, and it has an owner."""
    try:
        validate_repo_id(name)
        taken = "/" in name
    except HFValidationError:
        taken = False
    try:
        check_repo_id(name)
    except UsageError:
        assert not taken
    else:
        assert taken


def test_the_library_is_told_to_tell_nothing_before_it_is_imported(tmp_path: Path) -> None:
    code = (
        "from thyrodata.io.hub import check_repo_id, check_token; check_repo_id('a/b'); check_token();"
        "from huggingface_hub import constants; assert constants.HF_HUB_DISABLE_TELEMETRY"
    )
    env = {"HF_TOKEN": OWNER, "HF_HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    subprocess.run([sys.executable, "-c", code], env=env, check=True, cwd=Path(__file__).parents[1])


def test_a_library_that_is_not_installed_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"thyrodata\[hub\]"):
        check_token()


def test_what_goes_wrong_on_this_machine_is_not_laid_on_the_hub() -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match="No space left") as caught, asking("here"):
        raise full
    assert caught.value is full
    for unreachable in (ConnectionResetError(errno.ECONNRESET, "reset"), TimeoutError("too long")):
        with pytest.raises(HubError, match="cannot be reached"), asking("here"):
            raise unreachable


def test_bugs_are_not_taken_for_refusals() -> None:
    for bug in (TypeError("a bug"), AttributeError("a bug"), KeyError("a bug")):
        with pytest.raises(type(bug)), asking("here"):
            raise bug


@pytest.mark.parametrize("bars", [True, False])
def test_the_library_is_as_loud_afterwards_as_before(bars: bool) -> None:
    (enable_progress_bars if bars else disable_progress_bars)()
    level = logging.get_verbosity()
    with asking("here"):
        assert are_progress_bars_disabled()
        assert logging.get_verbosity() == logging.CRITICAL
    assert are_progress_bars_disabled() is not bars
    assert logging.get_verbosity() == level
    enable_progress_bars()


def test_the_hub_is_told_who_asks_and_not_what_else_is_installed(hub: Hub, tmp_path: Path) -> None:
    commit_to(hub, tmp_path)
    agents = {each.agent for each in hub.asked if "/api/datasets/" in each.path}
    assert agents
    assert all(agent.startswith("thyrodata/") for agent in agents)


# ---------------------------------------------------------------- what the Hub asks of a card

GOOD = """---
license: other
license_name: terms-of-the-release
language: [en]
pretty_name: Nodules
size_categories: [1K<n<10K]
task_categories: [object-detection, image-segmentation]
tags: [medical, ultrasound]
extra_gated_prompt: You agree.
extra_gated_fields: {Name: text, I agree: checkbox}
configs:
- config_name: default
  default: true
  data_files: [{split: train, path: data/train/*.parquet}]
dataset_info:
- config_name: default
  features: [{name: row, dtype: int32}]
  splits: [{name: train, num_examples: 3, num_bytes: 10}]
---
# Nodules
"""


def test_a_card_that_is_right_is_taken() -> None:
    assert card_errors(GOOD) == []


@pytest.mark.parametrize(
    ("was", "is_", "said"),
    [
        ("license: other", "license: CC BY 4.0", '"license" must be one of'),
        ("license: other", "license: mit", '"license_name" is only allowed'),
        ("[en]", "[English]", '"language"'),
        ("pretty_name: Nodules", "pretty_name: [Nodules]", '"pretty_name" must be a string'),
        ("1K<n<10K", "about 2000", '"size_categories[0]"'),
        ("object-detection", "finding-nodules", '"task_categories[0]"'),
        ("tags: [medical, ultrasound]", "tags: medical", '"tags" must be an array'),
        ("Name: text", "Name: words", '"extra_gated_fields.Name"'),
        ("- config_name: default\n  default", "- name: default\n  default", '"config_name" of their own'),
        ("{split: train, path:", "{split: train, file:", "must be patterns"),
        ("{name: train, num_examples: 3", "{name: test, num_examples: 3", "no split of default"),
        ("num_examples: 3", "num_examples: many", "must be numbers"),
        ("pretty_name: Nodules", "pretty_name: A\npretty_name: B", "duplicated"),
        ("---\nlicense", "--\nlicense", "no mapping"),
    ],
)
def test_a_card_that_is_wrong_is_refused_by_the_name_of_what_is_wrong(was: str, is_: str, said: str) -> None:
    assert was in GOOD
    assert any(said in each for each in card_errors(GOOD.replace(was, is_, 1)))
