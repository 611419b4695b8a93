"""Settings of a converter: from the command line, in Python, in the manifest; and a folder beside RAW."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from thyrodata.cli.settings import describe_settings, parse_settings
from thyrodata.converters import load_converter
from thyrodata.engine import plan_items, run_items
from thyrodata.errors import MissingExtraError, UsageError
from thyrodata.io.extras import load_extra
from thyrodata.io.raw import Raw
from thyrodata.schema.vocab import GroupKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Toy:
    only_some: bool = field(default=False, metadata={"help": "Read some."})
    count: int = field(default=3, metadata={"help": "How many."})
    folder: Path | None = field(default=None, metadata={"help": "Where else."})
    kind: GroupKind = field(default=GroupKind.IMAGE, metadata={"help": "Of what."})
    name: tuple[str, ...] = field(default=(), metadata={"help": "Who; may be repeated."})


def test_options_are_the_fields():
    assert [option for option, _ in describe_settings(Toy)] == [
        "--only-some",
        "--count",
        "--folder",
        "--kind",
        "--name",
    ]
    said = ["--only-some", "--count", "5", "--folder=x/y", "--kind", "case", "--name", "a", "--name", "b"]
    wanted = Toy(only_some=True, count=5, folder=Path("x/y"), kind=GroupKind.CASE, name=("a", "b"))
    assert parse_settings("toy", Toy, said) == wanted
    assert parse_settings("toy", Toy, []) == Toy()
    assert parse_settings("toy", None, []) is None


@pytest.mark.parametrize(
    "said", [["--onlysome"], ["--count", "many"], ["--kind", "person"], ["stray"], ["--only"], ["--count"]]
)
def test_what_is_no_option_is_refused_with_those_that_there_are(said):
    with pytest.raises(UsageError) as caught:
        parse_settings("toy", Toy, said)
    assert "--only-some" in caught.value.hint


def test_a_converter_without_settings_takes_none():
    with pytest.raises(UsageError):
        parse_settings("ddti", None, ["--count", "5"])
    with pytest.raises(UsageError) as caught:
        load_converter("ddti", Toy())
    assert "takes no settings" in caught.value.message


def test_an_unknown_option_of_convert_is_wrong_usage(command, tmp_path, release):
    ran = command("convert", "ddti", release, "-o", tmp_path / "out", "--overwirte")
    assert ran.code == 2
    assert "--overwirte" in ran.err
    assert not (tmp_path / "out").exists()


def test_a_missing_library_names_its_extra():
    with pytest.raises(MissingExtraError) as caught:
        load_extra("no_such_library.part", "formats")
    assert "thyrodata[formats]" in caught.value.hint


class Beside:
    """Reads pairs: a text of the source and the file of the same name in another folder."""

    name = "beside"
    ignores: dict[str, str] = {}  # noqa: RUF012

    def __init__(self, other):
        self.other = other

    def items(self, raw):
        others = {file.name: file for file in Raw(self.other, label="other").files}
        for file in raw.files:
            yield Pair(files=(file, others[file.name]))

    def samples(self, item):
        for file in item.files:
            file.read()
        return iter(())


@dataclass(frozen=True)
class Pair:
    files: tuple

    def __str__(self):
        return str(self.files[0])


def test_a_second_folder_is_read_and_hashed_but_not_accounted_for(tmp_path):
    for folder, names in (("raw", "ab"), ("other", "abc")):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).write_text(folder + name)
    plan = plan_items(Beside(tmp_path / "other"), Raw(tmp_path / "raw"))
    assert str(plan.items[0].files[1]) == "other:a"
    run = run_items(Beside(tmp_path / "other"), plan, None, workers=1)
    assert (run.files_read, run.files_opened) == (2, 4)
    before = plan.listing_sha256(), run.raw_sha256
    (tmp_path / "other" / "a").write_text("changed")
    plan = plan_items(Beside(tmp_path / "other"), Raw(tmp_path / "raw"))
    run = run_items(Beside(tmp_path / "other"), plan, None, workers=1)
    assert plan.listing_sha256() != before[0]
    assert run.raw_sha256 != before[1]


def test_what_is_made_of_a_shared_file_is_made_once(tmp_path):
    (tmp_path / "t").write_text("x")
    (file,) = Raw(tmp_path).files
    calls = []

    def make(file):
        calls.append(file.read())
        return object()

    assert file.once(make) is file.once(make)
    assert len(calls) == 1
