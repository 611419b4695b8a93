"""An export is listed by ordinals, and nothing in it leads out of it."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from thyrodata.capture import source
from thyrodata.capture.source import SourceFile, archive_of, list_source, opened
from thyrodata.errors import CaseError, RawLayoutError


def zip_of(place: Path, members: dict[str, bytes], *, links: tuple[str, ...] = ()) -> None:
    """Write a ZIP archive with these members, some of them as symbolic links."""
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK if name in links else stat.S_IFREG) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)


def members_of(file: SourceFile, work: Path) -> tuple[SourceFile, ...]:
    with opened(file, work) as stream:
        archive = archive_of(file, stream)
    assert archive is not None
    return archive.members


def content(file: SourceFile, work: Path) -> bytes:
    with opened(file, work) as stream:
        return stream.read()


def said_of(file: SourceFile, work: Path) -> str:
    """What opening a file says of it, where it is refused."""
    try:
        with opened(file, work):
            return ""
    except CaseError as error:
        return str(error)


def test_files_are_numbered_in_natural_order(tmp_path: Path) -> None:
    for name in ("10.dcm", "2.dcm", "b/1.dcm", "a.dcm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = list_source(tmp_path)
    assert [(file.ordinal, file.path) for file in found] == [
        ("1", "2.dcm"),
        ("2", "10.dcm"),
        ("3", "a.dcm"),
        ("4", "b/1.dcm"),
    ]
    assert found[0].where == "file 1"


@pytest.mark.parametrize("make", [lambda folder: folder.mkdir(), lambda folder: folder.write_text("x")])
def test_an_empty_folder_or_none_is_refused(tmp_path: Path, make) -> None:
    make(tmp_path / "raw")
    with pytest.raises(RawLayoutError):
        list_source(tmp_path / "raw")


def test_links_and_pipes_are_listed_and_never_opened(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (raw / "link").symlink_to(tmp_path / "secret")
    (raw / "folder").symlink_to(tmp_path)
    os.mkfifo(raw / "pipe")
    found = {file.path: file for file in list_source(raw)}
    assert found.keys() == {"link", "folder", "pipe"}
    for file in found.values():
        with pytest.raises(CaseError), opened(file, tmp_path):
            pass


def test_a_link_or_pipe_that_took_a_files_place_is_not_opened(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    for name in ("1", "2"):
        (raw / name).write_bytes(b"x")
    one, two = list_source(raw)
    for name in ("1", "2"):
        (raw / name).unlink()
    (raw / "1").symlink_to(tmp_path / "secret")
    os.mkfifo(raw / "2")
    for file in (one, two):
        with pytest.raises(CaseError), opened(file, tmp_path):
            pass


def test_the_members_of_an_archive_are_files_of_their_own(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    zip_of(raw / "a.zip", {"x/1.dcm": b"one", "x/2.dcm": b"two" * 1000})
    members = members_of(list_source(raw)[0], tmp_path)
    assert [member.where for member in members] == ["file 1.1", "file 1.2"]
    assert [content(member, tmp_path) for member in members] == [b"one", b"two" * 1000]
    assert list(tmp_path.iterdir()) == [raw]


def test_members_that_lead_out_or_are_no_files_are_refused_one_by_one(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    members = {
        "../up.dcm": b"x",
        "/etc/absolute.dcm": b"x",
        "C:\\windows.dcm": b"x",
        "..\\up.dcm": b"x",
        "link.dcm": b"/etc/passwd",
        "fine.dcm": b"fine",
        "inner.zip": b"PK\x03\x04 and more",
    }
    zip_of(raw / "a.zip", members, links=("link.dcm",))
    found = members_of(list_source(raw)[0], tmp_path)
    assert [bool(member.problem) for member in found] == [True, True, True, True, True, False, False]
    for member in found[:5]:
        with pytest.raises(CaseError), opened(member, tmp_path):
            pass
    assert content(found[5], tmp_path) == b"fine"
    with opened(found[6], tmp_path) as stream, pytest.raises(CaseError, match="inside an archive"):
        archive_of(found[6], stream)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_not_one_file(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    with zipfile.ZipFile(raw / "a.zip", "w") as archive:
        archive.writestr("1.dcm", b"one")
        archive.writestr("1.dcm", b"two")
    first, second = members_of(list_source(raw)[0], tmp_path)
    assert content(first, tmp_path) == b"one"
    assert second.problem


def test_a_bomb_is_refused_without_unpacking_it(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    zip_of(raw / "bomb.zip", {"1.dcm": bytes(source.FREE_BYTES + 1)})
    (file,) = list_source(raw)
    with opened(file, tmp_path) as stream, pytest.raises(CaseError, match="more than 100 times"):
        archive_of(file, stream)


@pytest.mark.slow
def test_an_archive_of_a_hundred_thousand_members_is_refused(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    with zipfile.ZipFile(raw / "many.zip", "w") as archive:
        for number in range(100_000):
            archive.writestr(zipfile.ZipInfo(str(number)), b"")
    (file,) = list_source(raw)
    with opened(file, tmp_path) as stream, pytest.raises(CaseError, match="100000 members"):
        archive_of(file, stream)


def test_a_member_that_is_longer_than_it_says_is_refused(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    zip_of(raw / "a.zip", {"1.dcm": bytes(100_000)})
    data = bytearray((raw / "a.zip").read_bytes())
    central = data.rfind(b"PK\x01\x02")
    data[central + 24 : central + 28] = (10).to_bytes(4, "little")
    (raw / "a.zip").write_bytes(data)
    (member,) = members_of(list_source(raw)[0], tmp_path)
    with pytest.raises(CaseError, match="broken"), opened(member, tmp_path):
        pass


@pytest.mark.parametrize("cut", [10, 60, 200])
def test_a_cut_archive_is_broken_and_not_a_crash(tmp_path: Path, cut: int) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    zip_of(raw / "a.zip", {"1.dcm": os.urandom(300)})
    (raw / "a.zip").write_bytes((raw / "a.zip").read_bytes()[:-cut])
    (file,) = list_source(raw)
    with opened(file, tmp_path) as stream, pytest.raises(CaseError, match="broken"):
        archive_of(file, stream)


def test_other_archives_are_to_be_unpacked_first(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    with tarfile.open(raw / "a.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("1.dcm"), io.BytesIO())
    with tarfile.open(raw / "b.tgz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("1.dcm"), io.BytesIO())
    for file in list_source(raw):
        with opened(file, tmp_path) as stream, pytest.raises(CaseError) as caught:
            archive_of(file, stream)
        assert caught.value.hint == "unpack it first"


def test_no_error_names_a_file(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    zip_of(raw / "DOE^JANE.zip", {"../DOE^JANE.dcm": b"x"})
    (raw / "DOE^JANE.link").symlink_to(raw)
    texts = []
    for file in (*list_source(raw), *members_of(list_source(raw)[1], tmp_path)):
        texts += [file.problem, file.where, said_of(file, tmp_path)]
    assert len([text for text in texts if text]) >= 7
    assert "DOE" not in "".join(texts)
