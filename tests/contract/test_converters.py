"""The contract of converters, over the table of converters: no line here is about any one of them.

The checks are functions of a converter and its whole raw folder. At the end they are tried on a toy that
keeps the contract, and on toys that break it in one way each.
"""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
from collections import Counter
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from tests.contract.run import Result, contents, convert
from thyrodata import converters, engine
from thyrodata.converters import CONVERTERS, load_converter
from thyrodata.engine import OnError, plan_items, run_items
from thyrodata.errors import CaseError, RawLayoutError, UsageError
from thyrodata.io.images import is_image_name
from thyrodata.io.raw import Raw
from thyrodata.phantoms import PhantomSpec, jpeg_bytes, phantom
from thyrodata.sample import Absent, FileBytes, Sample
from thyrodata.schema.plain import from_plain, to_plain
from thyrodata.schema.record import ImageRecord, ImageRef
from thyrodata.schema.vocab import GroupKind, Modality

REPOSITORY = Path(__file__).parents[2]
FIXTURES = REPOSITORY / "tests" / "fixtures"


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A converter, a raw folder without a defect, and what the one comes to on the other."""

    converter: Any
    folder: Path
    result: Result
    records_of: dict[str, list[ImageRecord]]
    """By the name of the item, in order."""

    def items(self):
        return list(self.converter.items(Raw(self.folder)))

    def owners(self, file):
        """Return the names by which an error may name a raw file: its own, and its items'."""
        return {file} | {str(item) for item in self.items() if file in paths(item)}


def whole_of(converter, folder, out):
    result = convert(converter, folder, out)
    records = iter(result.records)
    records_of = {
        str(item): [next(records) for _ in converter.samples(item)] for item in converter.items(Raw(folder))
    }
    return Whole(converter=converter, folder=folder, result=result, records_of=records_of)


def paths(item):
    return [file.path for file in item.files]


def described(items):
    return [(str(item), paths(item)) for item in items]


# ---------------------------------------------------------------- the checks


def check_listing_reads_no_image(whole):
    raw = Raw(whole.folder)
    assert list(whole.converter.items(raw))
    assert not [path for path in raw.reads if is_image_name(path)]


def check_listing_is_stable(whole):
    """Two listings are equal, in whatever order the file system names its files."""
    first = described(whole.items())
    assert len({name for name, _ in first}) == len(first), "two items have one name"
    assert described(whole.items()) == first
    for seed in range(3):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "scandir", shuffled_scandir(seed))
            assert described(whole.items()) == first


def shuffled_scandir(seed, scandir=os.scandir):
    class Shuffled:
        def __init__(self, path):
            with scandir(path) as entries:
                self.entries = list(entries)
            random.Random(seed).shuffle(self.entries)  # noqa: S311 -- no secret

        def __enter__(self):
            return iter(self.entries)

        def __exit__(self, *_):
            return None

    return Shuffled


def check_items_and_converter_can_travel(whole):
    """A pickled converter says of a pickled item what the converter says of the item."""
    converter = pickle.loads(pickle.dumps(whole.converter))  # noqa: S301 -- pickled a moment ago
    for item in whole.items():
        twin = pickle.loads(pickle.dumps(item))  # noqa: S301 -- pickled a moment ago
        assert described([twin]) == described([item])
        records = [sample.record for sample in whole.converter.samples(item)]
        assert [sample.record for sample in converter.samples(twin)] == records


def check_every_file_is_accounted_for(whole):
    """Every raw file is claimed by an item and read, or ignored by a rule, and none is left over."""
    plan = plan_items(whole.converter, Raw(whole.folder))
    claimed = {path for item in plan.items for path in paths(item)}
    ignored, unclaimed = set(plan.ignored), {file.path for file in plan.unclaimed}
    assert unclaimed == set()
    assert len(claimed) + len(ignored) + len(unclaimed) == len(plan.raw.files)
    assert claimed | ignored | unclaimed == {file.path for file in plan.raw.files}
    run = run_items(whole.converter, plan, None, workers=1)
    assert run.files_opened == len(claimed), "a file is claimed and never read"


def check_records_are_valid(whole):
    """Ids are unique and in the converter's namespace; a record survives being written as plain JSON."""
    records = [sample.record for item in whole.items() for sample in whole.converter.samples(item)]
    for record in records:
        assert record.image_id.startswith(whole.converter.name + "/")
        assert record.group_id.startswith(whole.converter.name + "/")
        assert from_plain(ImageRecord, json.loads(json.dumps(to_plain(record)))) == record
    assert len({record.image_id for record in records}) == len(records)


def check_sources_can_be_opened(whole):
    """A record's source is a raw file of its item, and a place in it: 12.xml#mark[1], DL_info.csv:4711."""
    for item in whole.items():
        for sample in whole.converter.samples(item):
            assert any(names(sample.record.source, path) for path in paths(item)), sample.record.source


def names(place, thing):
    """Whether a place is the thing, or a line or part of it."""
    return place == thing or place.startswith((thing + ":", thing + "#"))


def check_raw_is_only_read(whole):
    before = contents(whole.folder), Raw(whole.folder).listing_sha256()
    for item in whole.items():
        list(whole.converter.samples(item))
    assert (contents(whole.folder), Raw(whole.folder).listing_sha256()) == before


def check_images_are_copies(whole):
    """An image that is a file of the source is copied byte by byte, and its record says so."""
    samples = (sample for item in whole.items() for sample in whole.converter.samples(item))
    for sample, record in zip(samples, whole.result.records, strict=True):
        assert record.image_id == sample.record.image_id
        if isinstance(sample.pixels, FileBytes):
            source = whole.folder / sample.pixels.image.file.path
            assert (whole.result.images / record.image.path).read_bytes() == source.read_bytes()
            assert record.image.sha256 == sample.pixels.image.sha256


def check_cut_files_are_caught(whole, folder, out, percent, unended=()):
    """A file that lacks its end is refused, and costs nothing but the items that need it.

    In a format that has no end, of which ``unended`` are patterns, it may be remarked instead.
    """
    plan = plan_items(whole.converter, Raw(folder))
    for file in plan.raw.files:
        if file.path in plan.ignored:
            continue
        path, data = folder / file.path, (folder / file.path).read_bytes()
        path.write_bytes(data[: len(data) * percent // 100])
        owners = whole.owners(file.path)
        shared = sum(file.path in paths(item) for item in whole.items()) > 1
        if any(fnmatchcase(file.path, pattern) for pattern in unended):
            if data:
                check_refused_or_remarked(whole, folder, out / file.path, owners=owners)
        else:
            check_refused(whole, folder, out / file.path, owners=owners, shared=shared)
        path.write_bytes(data)


def check_refused_or_remarked(whole, folder, out, owners):
    """Every record is as it was, but for those of the owners: they are skipped, or have a new remark."""
    result = convert(whole.converter, folder, out, on_error=OnError.SKIP)
    found = {record.image_id: record for record in result.records}
    skipped = {skip.item for skip in result.run.skips}
    assert skipped <= owners
    for item, records in whole.records_of.items():
        for record in [] if item in skipped else records:
            if item in owners:
                assert set(found[record.image_id].remarks) - set(record.remarks), item
            else:
                assert found[record.image_id] == record


def check_refused(whole, folder, out, owners, shared=False):
    """What a folder holds is refused: the run ends or, if asked to, it skips an item and nothing else.

    A file that several items share, such as a table, may instead end the run at the listing whatever was
    asked: without it nothing is known of them.

    Args:
        whole: What the folder is without its defect.
        folder: The folder with its defect.
        out: Where to write.
        owners: The files and items of which one must be named.
        shared: Whether the defect is in a file that several items share.
    """
    if shared:
        try:
            plan_items(whole.converter, Raw(folder))
        except RawLayoutError as error:
            check_says_all(error.message, error.where, error.hint, owners)
            return
    with pytest.raises((CaseError, RawLayoutError)) as caught:
        run_items(whole.converter, plan_items(whole.converter, Raw(folder)), None, workers=1)
    check_says_all(caught.value.message, caught.value.where, caught.value.hint, owners)
    result = convert(whole.converter, folder, out, on_error=OnError.SKIP)
    assert result.run.skips
    for skip in result.run.skips:
        check_says_all(skip.reason, skip.where, skip.hint, owners)
        assert skip.item in owners
        assert skip.files
    lost = {skip.item for skip in result.run.skips}
    kept = [records for item, records in whole.records_of.items() if item not in lost]
    assert result.records == list(chain.from_iterable(kept))


def check_says_all(what, where, hint, owners):
    assert what
    assert any(names(where, owner) for owner in owners), f"{what}: {where!r} is none of {owners}"
    assert hint, what


# ---------------------------------------------------------------- the table


def test_the_table_is_the_folder_in_alphabetical_order():
    modules = Path(converters.__file__).parent.glob("*.py")
    assert list(CONVERTERS) == sorted(path.stem for path in modules if not path.stem.startswith("_"))


def test_an_unknown_converter_is_refused_by_name():
    with pytest.raises(UsageError) as caught:
        load_converter("no-such-set")
    assert "no-such-set" in caught.value.message
    assert all(name in caught.value.hint for name in CONVERTERS)


@pytest.mark.parametrize("name", CONVERTERS)
def test_a_dataset_has_one_name_in_all_places(name):
    converter = load_converter(name)
    assert converter.name == name
    assert type(converter).__module__ == f"thyrodata.converters.{name}"
    assert (REPOSITORY / "cards" / f"{name}.md").read_text().strip()
    golden = from_plain(ImageRecord, json.loads((FIXTURES / name / "golden.json").read_text()))
    assert golden.image_id.startswith(name + "/")


@pytest.mark.parametrize("name", CONVERTERS)
@pytest.mark.parametrize("files", [{}, {"notes.txt": b"of something else"}], ids=["empty", "other"])
@pytest.mark.parametrize("on_error", OnError)
def test_another_folder_is_refused(name, files, on_error, tmp_path):
    for file, data in files.items():
        (tmp_path / file).write_bytes(data)
    with pytest.raises(RawLayoutError) as caught:
        convert(load_converter(name), tmp_path, tmp_path / "out", on_error=on_error)
    assert caught.value.message
    assert caught.value.where == str(tmp_path)
    assert caught.value.hint


# ---------------------------------------------------------------- each converter on its fixture


def fixture_of(name):
    return import_module(f"tests.fixtures.{name}.make")


@pytest.fixture(scope="session", params=CONVERTERS)
def whole(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / request.param
    fixture_of(request.param).make(folder)
    return whole_of(load_converter(request.param), folder, tmp_path_factory.mktemp("out"))


@pytest.fixture
def copy(whole, tmp_path):
    """A copy of the whole folder, to be spoiled."""
    return shutil.copytree(whole.folder, tmp_path / "raw")


CHECKS = [
    check_listing_reads_no_image,
    check_listing_is_stable,
    check_items_and_converter_can_travel,
    check_every_file_is_accounted_for,
    check_records_are_valid,
    check_sources_can_be_opened,
    check_raw_is_only_read,
    check_images_are_copies,
]


@pytest.mark.parametrize("check", CHECKS)
def test_contract(whole, check):
    check(whole)


def test_the_fixture_is_reproducible(whole, tmp_path):
    fixture_of(whole.converter.name).make(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(whole.folder)


def test_what_is_expected_is_found(whole):
    assert whole.result.run.skips == ()
    assert whole.result.run.records == len(whole.result.records)
    assert counts(whole.result.records) == fixture_of(whole.converter.name).EXPECTED


def counts(records):
    """Count what is said, image by image, in the terms of a fixture's table of expectations."""
    findings = [finding for record in records for finding in record.findings]
    nodules = [nodule for record in records for nodule in record.nodules]
    said = [(*r.case_labels, *r.image_labels) for r in records]
    said += [thing.labels for thing in (*findings, *nodules)]
    splits = [split for record in records for split in record.official_splits]
    drawn = [(f.structure.value, type(g).__name__.lower()) for f in findings for g in f.geometries]
    return {
        "groups": len({record.group_id for record in records}),
        "images": len(records),
        "findings": Counter(f"{structure} {geometry}" for structure, geometry in drawn),
        "nodules": len(nodules),
        "official splits": Counter(f"{split.name or 'official'} {split.part}" for split in splits),
        "coverage": Counter(r.coverage.value if r.coverage else "not stated" for r in records),
        "labels": Counter(label.value.scheme for labels in said for label in labels),
        "source fields": Counter(field.name for record in records for field in record.source_fields),
        "remarks": Counter(remark.code for record in records for remark in record.remarks),
    }


@pytest.mark.slow
@pytest.mark.parametrize("percent", [0, 30, 60, 90])
def test_cut_files_are_caught(whole, copy, tmp_path, percent):
    unended = getattr(fixture_of(whole.converter.name), "UNENDED", ())
    check_cut_files_are_caught(whole, copy, tmp_path / "out", percent, unended)


@pytest.mark.parametrize(
    ("whole", "breakage"),
    [
        pytest.param(name, breakage, id=f"{name}-{breakage.name}")
        for name in CONVERTERS
        for breakage in fixture_of(name).BROKEN
    ],
    indirect=["whole"],
)
def test_a_broken_variant_is_refused_and_costs_only_its_item(whole, breakage, copy, tmp_path):
    breakage.damage(copy)
    lost = breakage.item or breakage.named
    shared = sum(breakage.named in paths(item) for item in whole.items()) > 1
    check_refused(whole, copy, tmp_path / "out", owners={breakage.named, lost}, shared=shared)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [2, 3])
def test_workers_change_nothing(whole, tmp_path, monkeypatch, workers):
    """The same records and image bytes come out, in the same chunks, with any number of workers."""
    monkeypatch.setattr(engine, "CHUNK", 3)
    one = convert(whole.converter, whole.folder, tmp_path / "1", workers=1)
    more = convert(whole.converter, whole.folder, tmp_path / "more", workers=workers)
    assert one.records == more.records == whole.result.records
    assert contents(tmp_path / "1") == contents(tmp_path / "more")
    assert totals(one.run) == totals(more.run) == totals(whole.result.run)


# ---------------------------------------------------------------- stopping and going on


class Stopped(Exception):  # noqa: N818 -- stands for a kill
    pass


class Watched:
    """A converter that notes which items are read, and stops at one of them."""

    def __init__(self, converter, stop_at=None):
        self.name, self.ignores, self.items = converter.name, converter.ignores, converter.items
        self._converter, self._stop_at = converter, stop_at
        self.read = []

    def samples(self, item):
        if str(item) == self._stop_at:
            raise Stopped
        self.read.append(str(item))
        return self._converter.samples(item)


@pytest.fixture
def stopped(whole, tmp_path, monkeypatch):
    """Stop a run in the last item of its third chunk of two; return its folder and the names of all items."""
    monkeypatch.setattr(engine, "CHUNK", 2)
    items = [str(item) for item in whole.items()]
    with pytest.raises(Stopped):
        convert(Watched(whole.converter, stop_at=items[5]), whole.folder, tmp_path / "out")
    return tmp_path / "out", items


def totals(run):
    """Return all that a run came to but the places where it lies."""
    return replace(run, chunk_files=())


def check_resumed(whole, out, left):
    """Going on reads the items that are left, and comes to what a run without a stop comes to."""
    again = Watched(whole.converter)
    result = convert(again, whole.folder, out)
    assert again.read == left
    assert result.records == whole.result.records
    assert contents(result.images) == contents(whole.result.images)
    assert totals(result.run) == totals(whole.result.run)


def test_a_stopped_run_goes_on_where_it_was(whole, stopped):
    out, items = stopped
    check_resumed(whole, out, left=items[4:])
    check_resumed(whole, out, left=[])


@pytest.mark.parametrize("torn", [b"{", b'{"chunk": 2, "rec', b'{"chunk": 2}'])
def test_a_torn_last_line_of_the_journal_is_dropped(whole, stopped, torn):
    out, items = stopped
    with (out / "work" / "journal.jsonl").open("ab") as journal:
        journal.write(torn)
    check_resumed(whole, out, left=items[4:])


def test_a_chunk_whose_line_was_torn_is_read_again(whole, stopped):
    out, items = stopped
    journal = out / "work" / "journal.jsonl"
    os.truncate(journal, journal.stat().st_size - 5)
    check_resumed(whole, out, left=items[2:])


def test_a_chunk_whose_records_are_gone_is_read_again(whole, stopped):
    out, items = stopped
    (out / "work" / "chunk-000000.arrow").unlink()
    check_resumed(whole, out, left=[*items[:2], *items[4:]])


# ---------------------------------------------------------------- the checks, checked


@dataclass(frozen=True, kw_only=True)
class Picture:
    files: tuple[Any, ...]

    def __str__(self):
        return str(self.files[0])


class Toy:
    """Keeps the contract: an image and the name of its patient, in a file beside it."""

    name = "toy"
    ignores = {"*.md": "for people"}  # noqa: RUF012 -- as converters have it

    def items(self, raw):
        for file in raw.files:
            if file.suffix == ".jpg":
                yield Picture(files=(file, *(f for f in raw.files if f.path == f"{file.stem}.txt")))

    def samples(self, item):
        image = item.files[0].image()
        yield Sample(record=self.record(image, self.patient(item)), pixels=FileBytes(image=image))

    def patient(self, item):
        text = item.files[1].read().decode()
        if not text.endswith("\n"):
            raise CaseError("the file is cut", where=str(item.files[1]), hint="copy it again")
        return text.strip()

    def record(self, image, patient):
        return ImageRecord(
            image_id=f"{self.name}/{image.file.stem}",
            image=ImageRef(width=image.header.width, height=image.header.height),
            modality=Modality.ULTRASOUND,
            group_id=f"{self.name}/{patient}",
            group_kind=GroupKind.PATIENT,
            source=str(image.file),
        )


@pytest.fixture
def toy_folder(tmp_path):
    folder = tmp_path / "toy"
    folder.mkdir()
    for number in range(1, 5):
        view = phantom(PhantomSpec(seed=number, height=120, width=160))
        (folder / f"{number}.jpg").write_bytes(jpeg_bytes(view.pixels))
        (folder / f"{number}.txt").write_text(f"patient {number}\n")
    (folder / "README.md").write_text("a toy")
    return folder


@pytest.mark.parametrize("check", CHECKS)
def test_a_good_toy_passes(toy_folder, tmp_path, check):
    check(whole_of(Toy(), toy_folder, tmp_path / "out"))


def test_a_good_toy_catches_cut_files(toy_folder, tmp_path):
    whole = whole_of(Toy(), toy_folder, tmp_path / "1")
    copy = shutil.copytree(toy_folder, tmp_path / "copy")
    check_cut_files_are_caught(whole, copy, tmp_path / "2", 60)


class LosesAFile(Toy):
    def items(self, raw):
        return list(super().items(raw))[:-1]


class NeverReadsAFile(Toy):
    def patient(self, item):
        return "somebody"


class DuplicatesAnId(Toy):
    def record(self, image, patient):
        return ImageRecord(**{**plainly(super().record(image, patient)), "image_id": "toy/1"})


class IsOfAnotherName(Toy):
    def record(self, image, patient):
        return ImageRecord(**{**plainly(super().record(image, patient)), "group_id": "joy/1"})


class NamesNoSource(Toy):
    def record(self, image, patient):
        return ImageRecord(**{**plainly(super().record(image, patient)), "source": "somewhere"})


def plainly(record):
    return {name: getattr(record, name) for name in record.__slots__}


class ListsAsTheFileSystemDoes(Toy):
    def items(self, raw):
        with os.scandir(raw.root) as entries:
            order = [entry.name for entry in entries]
        return sorted(super().items(raw), key=lambda item: order.index(str(item)))


class ListsInNoOrder(Toy):
    def items(self, raw):
        items = list(super().items(raw))
        self.turn = getattr(self, "turn", 0) + 1
        return items[self.turn % len(items) :] + items[: self.turn % len(items)]


class OpensImagesToList(Toy):
    def items(self, raw):
        return [item for item in super().items(raw) if item.files[0].image().header.width]


class CannotTravel(Toy):
    def __init__(self):
        self.key = lambda text: text


class Writes(Toy):
    def patient(self, item):
        path = item.files[1].raw.root / item.files[1].path
        path.write_text(path.read_text().upper())
        return super().patient(item)


@pytest.mark.parametrize(
    ("toy", "check"),
    [
        (LosesAFile, check_every_file_is_accounted_for),
        (NeverReadsAFile, check_every_file_is_accounted_for),
        (DuplicatesAnId, check_records_are_valid),
        (IsOfAnotherName, check_records_are_valid),
        (NamesNoSource, check_sources_can_be_opened),
        (ListsAsTheFileSystemDoes, check_listing_is_stable),
        (ListsInNoOrder, check_listing_is_stable),
        (OpensImagesToList, check_listing_reads_no_image),
        (CannotTravel, check_items_and_converter_can_travel),
        (Writes, check_raw_is_only_read),
    ],
)
def test_a_bad_toy_fails(toy, check, toy_folder, tmp_path):
    good = whole_of(Toy(), toy_folder, tmp_path / "out")
    with pytest.raises((AssertionError, AttributeError, pickle.PicklingError)):
        check(replace(good, converter=toy()))


def test_an_image_that_is_not_its_file_fails(toy_folder, tmp_path):
    whole = whole_of(Toy(), toy_folder, tmp_path / "out")
    shutil.copy(toy_folder / "2.jpg", whole.result.images / "images" / "1.jpg")
    with pytest.raises(AssertionError):
        check_images_are_copies(whole)


class SaysNothingOfACutFile(Toy):
    def patient(self, item):
        return item.files[1].read().decode("ascii").strip() or "nobody"


class DropsACutFile(Toy):
    def samples(self, item):
        try:
            yield from super().samples(item)
        except CaseError:
            return


class DoesNotSayWhere(Toy):
    def samples(self, item):
        try:
            yield from super().samples(item)
        except CaseError:
            raise CaseError("something is broken", where="somewhere", hint="mend it") from None


class HasNoHint(Toy):
    def samples(self, item):
        try:
            yield from super().samples(item)
        except CaseError as error:
            raise CaseError(error.message, where=error.where) from None


class ChangesTheRest(Toy):
    """Says something else of every other picture once one is broken."""

    broken = False

    def samples(self, item):
        try:
            samples = list(super().samples(item))
        except CaseError:
            self.broken = True
            raise
        return samples if not self.broken else [Sample(record=s.record, pixels=Absent()) for s in samples]


@pytest.mark.parametrize(
    "toy", [SaysNothingOfACutFile, DropsACutFile, DoesNotSayWhere, HasNoHint, ChangesTheRest]
)
def test_a_bad_toy_fails_on_a_cut_file(toy, toy_folder, tmp_path):
    good = whole_of(Toy(), toy_folder, tmp_path / "1")
    copy = shutil.copytree(toy_folder, tmp_path / "copy")
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check_cut_files_are_caught(replace(good, converter=toy()), copy, tmp_path / "2", 60)
