"""The publish guard: what must not leave unsaid stops a push by its name, and nothing else does."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import thyrodata
from tests.captures import capture, patient, write_still
from tests.contract.run import contents
from tests.faults import FAULTS
from tests.fixtures.stanford_cine.make import make as make_stanford
from tests.fixtures.tn3k.make import make as make_tn3k
from tests.toy import make_dataset, record
from thyrodata.capture.audit import AUDIT, Check, audit_capture
from thyrodata.conversion import convert
from thyrodata.converters.deeplesion import DeepLesionSettings
from thyrodata.curation.qc import ISSUES, run_qc
from thyrodata.dataset import Dataset, seal, write_manifest
from thyrodata.errors import DatasetError, OutputError, SchemaError, UsageError
from thyrodata.exports.ledger import LOSSES
from thyrodata.io.cards import card_names, load_card
from thyrodata.io.parquettable import table_bytes
from thyrodata.partition import SplitPlan, add_split, audit_dataset
from thyrodata.phantoms import PhantomSpec, jpeg_bytes, phantom
from thyrodata.publishing.guard import Objection, check, objections
from thyrodata.publishing.objection import FINAL, GROUNDS
from thyrodata.qc.leakage import RULES as OF_SPLITS
from thyrodata.qc.rule import Severity
from thyrodata.qc.table import all_rules
from thyrodata.schema.card import Redistribution
from thyrodata.schema.manifest import Source
from thyrodata.schema.record import OfficialSplit

pytestmark = pytest.mark.slow

FREE = next(n for n in card_names() if load_card(n).card.redistribution is Redistribution.ALLOWED)
"""A card whose terms allow passing on: nothing stands against a dataset of it but what a test adds."""

WIDTH, HEIGHT = 160, 120


def source_of(card):
    """A source by its card; what has the card of users' own DICOM was captured."""
    return Source(
        card=card,
        licence=f"licence of {card}",
        converter="capture" if card == "us_dicom" else card,
        raw_sha256="0" * 64,
        raw_files_read=1,
        raw_files_skipped=0,
        raw_files_ignored=0,
    )


def dataset_of(folder, records, images=None, *, cards=(FREE,), split=True, qc=True):
    """A dataset of toy records with a default split and a whole run of quality control."""
    made = make_dataset(folder, records, images)
    write_manifest(folder, replace(made.manifest, sources=tuple(source_of(card) for card in cards)))
    seal(folder, {})
    dataset = Dataset(folder)
    if split:
        add_split(dataset, SplitPlan(name="default"))
    if qc:
        run_qc(dataset)
    return dataset


def written_split(dataset, name, part_of):
    """Add the rows of a split as they are, leaks and all."""
    groups = {member.image_id: member.group_id for member in dataset.survey().members}
    rows = [f"{image_id},{groups[image_id]},{part}" for image_id, part in part_of.items()]
    with dataset.adding() as folder:
        (folder / "splits").mkdir()
        (folder / f"splits/{name}.csv").write_text("\n".join(["image_id,group_id,part", *rows, ""]))


def picture(seed):
    return phantom(PhantomSpec(seed=seed, height=HEIGHT, width=WIDTH)).pixels


def pictured(folder, **pixels):
    """A dataset of pictures, each a group of its own."""
    files = {f"images/{name}.jpg": jpeg_bytes(values) for name, values in pixels.items()}
    records = []
    for name in pixels:
        made = record(name, image=files[f"images/{name}.jpg"])
        records.append(replace(made, image=replace(made.image, width=WIDTH, height=HEIGHT)))
    return dataset_of(folder, records, files, qc=False)


def codes(dataset, split="default"):
    return [each.code for each in objections(dataset, split=split)]


def objection(dataset, code, split="default"):
    (found,) = [each for each in objections(dataset, split=split) if each.code == code]
    return found


@pytest.fixture
def clean(tmp_path):
    return dataset_of(tmp_path / "clean", [record(name) for name in "abcdef"])


def test_nothing_stands_against_a_dataset_that_is_free_checked_and_split(clean):
    assert objections(clean, split="default") == ()
    check((), ())


# ---------------------------------------------------------------- terms


@pytest.mark.parametrize("name", card_names())
def test_a_card_decides_by_what_it_says_of_redistribution(tmp_path, name):
    dataset = dataset_of(tmp_path / "d", [record("a")], cards=[name])
    found = [each for each in objections(dataset, split="default") if "audit" not in each.code]
    said = load_card(name).card
    match said.redistribution:
        case Redistribution.ALLOWED:
            assert found == []
        case Redistribution.FORBIDDEN:
            assert [(each.code, each.override) for each in found] == [("redistribution-forbidden", None)]
        case Redistribution.NOT_STATED:
            assert [(each.code, each.override) for each in found] == [("terms-not-stated",) * 2]
    for each in found:
        assert {f"licence of {name}", said.access} <= set(re.split(r"licence: |; access: |\)$", each.text))


@pytest.mark.parametrize("name", ["stanford_cine", "thyroidxl", "tnscui"])
def test_what_may_not_be_passed_on_is_published_by_no_name(tmp_path, name):
    dataset = dataset_of(tmp_path / "d", [record("a")], cards=[name])
    with pytest.raises(OutputError, match="redistribution-forbidden") as refused:
        check(objections(dataset, split="default"), [*GROUNDS])
    assert load_card(name).card.title in refused.value.message
    assert "cannot be accepted" in refused.value.hint


@pytest.mark.parametrize(
    ("cards", "said"),
    [
        (["coco"], "users' own data"),
        (["us_dicom"], "consent"),
        (["a_card_of_next_year"], "no card"),
        ([], "names no source"),
    ],
    ids=["own format", "captured", "unknown card", "no source"],
)
def test_where_nobody_states_terms_a_person_must(tmp_path, cards, said):
    dataset = dataset_of(tmp_path / "d", [record("a")], cards=cards)
    found = objection(dataset, "terms-not-stated")
    assert said in found.text
    check([found], ["terms-not-stated"])


def test_each_source_is_listed_through_every_operation(tmp_path):
    parts = []
    for name, make in (("tn3k", make_tn3k), ("stanford_cine", make_stanford)):
        (tmp_path / f"raw-{name}").mkdir()
        make(tmp_path / f"raw-{name}")
        parts.append(convert(name, tmp_path / f"raw-{name}", tmp_path / name).dataset)
    assert "redistribution-forbidden" not in codes(parts[0])
    thyrodata.merge(parts, tmp_path / "merged", workers=1)
    thyrodata.derive(tmp_path / "merged", tmp_path / "grey", grey=True, workers=1)
    group = next(Dataset(tmp_path / "grey").records()).group_id
    thyrodata.remove(tmp_path / "grey", tmp_path / "left", groups=[group])
    left = Dataset(tmp_path / "left")
    assert {step.name for step in left.manifest.operations} == {"merge", "derive", "remove"}
    assert "stanford_cine" in objection(left, "redistribution-forbidden").text


def test_each_source_that_does_not_say_is_listed_once(tmp_path):
    dataset = dataset_of(tmp_path / "d", [record("a")], cards=["ddti", "deeplesion", "ddti", FREE])
    found = objections(dataset, split="default")
    assert [each.text.partition(" ")[0] for each in found] == ["ddti", "deeplesion"]


# ---------------------------------------------------------------- quality control


@pytest.mark.parametrize(
    "code",
    [rule.code for rule in all_rules() if rule.severity is Severity.ERROR and rule not in OF_SPLITS],
)
def test_an_error_of_quality_control_stops_a_push_and_is_accepted_by_its_rule(tmp_path, code):
    fault = FAULTS[code]
    dataset = dataset_of(tmp_path / "d", fault.records, fault.images)
    found = objection(dataset, "qc-error")
    assert found.override == code
    assert next(i.image_id for i in run_qc(dataset, write=False).issues if i.code == code) in found.text
    others = [each.code for each in all_rules() if each.code != code]
    with pytest.raises(OutputError, match=code):
        check([found], others)
    check([found], [code])


@pytest.mark.parametrize("code", ["TD601", "TD602", "TD603"])
def test_what_may_identify_stops_a_push_though_it_is_a_warning(tmp_path, code):
    fault = FAULTS[code]
    dataset = dataset_of(tmp_path / "d", fault.records, fault.images)
    assert {i.severity for i in run_qc(dataset, write=False).issues if i.code == code} == {Severity.WARNING}
    assert objection(dataset, "qc-privacy").override == code


def test_other_warnings_and_notes_are_no_objections(tmp_path):
    fault = FAULTS["TD103"]
    dataset = dataset_of(tmp_path / "d", fault.records, fault.images)
    assert run_qc(dataset, write=False).issues
    assert objections(dataset, split="default") == ()


def test_a_dataset_that_was_not_checked_is_not_a_clean_one(tmp_path):
    dataset = dataset_of(tmp_path / "d", [record("a")], qc=False)
    assert "qc run" in objection(dataset, "qc-missing").hint


@pytest.mark.parametrize(
    ("chosen", "missing"), [({"select": ["TD1"]}, "TD201"), ({"ignore": ["TD602"]}, "TD602")]
)
def test_a_run_of_some_rules_is_no_whole_run(clean, chosen, missing):
    run_qc(clean, **chosen)
    assert missing in objection(clean, "qc-partial").text
    run_qc(clean)
    assert codes(clean) == []


def test_a_run_without_the_rules_of_splits_is_whole_since_splits_are_audited_afresh(clean):
    run_qc(clean, ignore=[rule.code for rule in OF_SPLITS])
    assert codes(clean) == []


def test_texts_in_pictures_may_be_left_unread_and_what_was_read_there_counts(tmp_path):
    fault = FAULTS["TD604"]
    dataset = dataset_of(tmp_path / "d", fault.records, fault.images)
    assert codes(dataset) == []
    run_qc(dataset, ocr=True)
    assert objection(dataset, "qc-privacy").override == "TD604"


def test_a_run_that_was_stopped_is_no_whole_run(tmp_path):
    dataset = dataset_of(tmp_path / "d", [record(name) for name in "abc"], qc=False)

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(thyrodata.errors.InterruptedRunError):
        run_qc(dataset, progress=stop)
    assert "stopped" in objection(dataset, "qc-partial").text


def test_an_image_that_no_rule_could_read_was_not_checked(tmp_path):
    images = {"images/a.jpg": b"no picture"}
    dataset = dataset_of(tmp_path / "d", [record("a", image=b"no picture"), record("b")], images)
    assert "toy/a" in objection(dataset, "qc-partial").text


# ---------------------------------------------------------------- splits


def grouped(folder, **options):
    """Two images of one case, and two more cases."""
    records = [record("a", group="one"), record("b", group="one"), record("c"), record("d")]
    return dataset_of(folder, records, **options)


def test_the_split_that_is_pushed_may_not_leak(tmp_path):
    dataset = grouped(tmp_path / "d")
    written_split(dataset, "torn", {"toy/a": "train", "toy/b": "test", "toy/c": "train", "toy/d": "val"})
    found = objection(dataset, "split-leaks", split="torn")
    assert "toy/a is in train and toy/b in test" in found.text
    assert found.where.endswith("splits/torn.csv")
    assert [leak.code for leak in audit_dataset(dataset, "torn")] == ["crosses-parts"]
    check([found], ["split-leaks"])


def test_a_split_that_came_after_quality_control_is_audited_all_the_same(tmp_path):
    dataset = grouped(tmp_path / "d")
    assert codes(dataset) == []
    before = (dataset.path / ISSUES).read_bytes()
    written_split(dataset, "torn", {"toy/a": "train", "toy/b": "test"})
    assert codes(dataset, split="torn") == ["split-leaks"]
    assert (dataset.path / ISSUES).read_bytes() == before


def test_a_published_split_that_leaks_travels_along_only_if_that_is_accepted(tmp_path):
    def said(name, part):
        return record(name, group="one", official_splits=(OfficialSplit(name="fold0", part=part),))

    dataset = dataset_of(tmp_path / "d", [said("a", "train"), said("b", "val"), record("c"), record("d")])
    assert codes(dataset) == ["carried-split-leaks"]
    assert "official-fold0" in objection(dataset, "carried-split-leaks").text
    assert codes(dataset, split="official-fold0") == ["split-leaks"]
    check(objections(dataset, split="default"), ["carried-split-leaks"])
    with pytest.raises(OutputError):
        check(objections(dataset, split="official-fold0"), ["carried-split-leaks"])


@pytest.mark.parametrize("how", ["stored again", "mirrored"])
def test_copies_of_a_picture_in_two_parts_are_a_leak(tmp_path, how):
    one = picture(1)
    other = one if how == "stored again" else one[:, ::-1]
    files = {"a": one, "b": other + (how == "stored again"), "c": picture(2), "d": picture(3)}
    dataset = pictured(tmp_path / "d", **files)
    parts = dict(zip((f"toy/{name}" for name in "abcd"), ("train", "test", "train", "test"), strict=True))
    written_split(dataset, "torn", parts)
    assert "toy/a is in train and toy/b in test" in objection(dataset, "split-leaks", split="torn").text
    written_split(dataset, "whole", parts | {"toy/b": "train"})
    assert "split-leaks" not in codes(dataset, split="whole")


def test_images_that_a_split_excludes_or_leaves_out_leak_nothing(tmp_path):
    dataset = grouped(tmp_path / "d")
    written_split(dataset, "narrow", {"toy/a": "train", "toy/b": "excluded", "toy/c": "test"})
    assert codes(dataset, split="narrow") == []


def test_a_split_that_is_not_there_cannot_be_pushed(clean):
    with pytest.raises(DatasetError, match="no split"):
        objections(clean, split="mine")


# ---------------------------------------------------------------- captured pictures


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A scanner's export of three people."""
    folder = tmp_path_factory.mktemp("export") / "raw"
    for number in range(1, 4):
        write_still(folder / f"{number}.dcm", number, patient(number))
    return folder


@pytest.fixture(scope="module")
def audited(exported):
    """A dataset that was captured from it, and audited; only to be read."""
    out = exported.parent / "captured"
    capture(exported, out)
    assert not audit_capture(exported, out).leaks
    return out


@pytest.fixture
def captured(audited, tmp_path):
    return Dataset(shutil.copytree(audited, tmp_path / "captured"))


def identity(dataset):
    return [(e.code, e.override) for e in objections(dataset, split="default") if e.code.startswith("audit")]


@pytest.mark.slow
def test_a_captured_dataset_needs_a_passed_audit(captured, exported, tmp_path):
    assert identity(captured) == []
    capture(exported, tmp_path / "another", key=audited_key(exported))
    assert identity(Dataset(tmp_path / "another")) == [("audit-missing", "audit-missing")]
    audit_capture(exported, tmp_path / "another", ocr=False, write=False)
    assert identity(Dataset(tmp_path / "another")) == [("audit-missing", "audit-missing")]


def audited_key(exported):
    return exported.parent / "site.key"


@pytest.mark.slow
def test_an_audit_holds_whatever_is_added_beside_the_records_and_reads_it_when_run_again(captured, exported):
    run_qc(captured)
    thyrodata.report_dataset(captured)
    add_split(captured, SplitPlan(name="mine", seed=3))
    assert identity(captured) == []
    assert not audit_capture(exported, captured.path).leaks
    assert identity(captured) == []
    assert captured.verify() == ()


@pytest.mark.slow
def test_an_audit_without_reading_the_pictures_is_no_whole_one(captured, exported):
    audit_capture(exported, captured.path, ocr=False)
    assert identity(captured) == [("audit-partial", "audit-partial")]


@pytest.mark.slow
def test_a_failed_audit_is_overridden_by_nobody(captured, exported):
    with captured.adding() as folder:
        (folder / "reports").mkdir()
        (folder / "reports/notes.md").write_text("seen with Madeup2, Person")
    assert audit_capture(exported, captured.path, ocr=False).leaks
    assert identity(captured) == [("audit-failed", None)]
    with pytest.raises(OutputError, match="PatientName of file"):
        check(objections(captured, split="default"), [*GROUNDS])


@pytest.mark.slow
@pytest.mark.parametrize("told", ["ID00002", ["ID00002", "x"]], ids=repr)
def test_a_table_among_the_reports_is_read_by_its_cells(captured, exported, told):
    with captured.adding() as folder:
        (folder / "reports").mkdir()
        (folder / "reports/mine.parquet").write_bytes(
            table_bytes({"a": [type(told)("y"), told], "b": [0.123456789] * 2})
        )
    leaks = audit_capture(exported, captured.path, ocr=False).leaks
    assert [(leak.check, leak.what) for leak in leaks] == [
        (Check.IDENTIFIER, "PatientID of file 2 stands here")
    ]


@pytest.mark.slow
def test_an_audit_of_other_records_is_none(captured):
    write_manifest(captured.path, replace(captured.manifest, encoder="another"))
    seal(captured.path, {})
    assert identity(Dataset(captured.path)) == [("audit-missing", "audit-missing")]


@pytest.mark.slow
def test_a_dataset_made_of_an_audited_one_is_not_audited(captured, tmp_path):
    group = next(captured.records()).group_id
    thyrodata.remove(captured, tmp_path / "fewer", groups=[group])
    assert identity(Dataset(tmp_path / "fewer")) == [("audit-missing", "audit-missing")]


@pytest.mark.slow
def test_pictures_of_an_earlier_delivery_were_not_compared(audited, exported, tmp_path):
    write_still(tmp_path / "later/4.dcm", 4, patient(4))
    grown = capture(tmp_path / "later", tmp_path / "grown", key=audited_key(exported), append_to=audited)
    assert not audit_capture(tmp_path / "later", tmp_path / "grown").leaks
    assert identity(grown.dataset) == [("audit-partial", "audit-partial")]


@pytest.mark.slow
def test_an_account_that_is_no_account_is_an_error(captured):
    with captured.adding() as folder:
        (folder / "reports").mkdir()
        (folder / AUDIT).write_text('{"audit": {"findings": []}}')
    with pytest.raises(DatasetError, match="account of the capture audit"):
        objections(captured, split="default")


# ---------------------------------------------------------------- checking, and the whole


def stood(code, override):
    return Objection(code=code, text=f"text of {code}", where="here", hint="mend it", override=override)


def test_a_refusal_names_everything_and_what_would_be_accepted():
    given = [
        stood("qc-error", "TD101"),
        stood("split-leaks", "split-leaks"),
        stood("qc-missing", "qc-missing"),
    ]
    with pytest.raises(OutputError) as refused:
        check(given, ["qc-missing"])
    assert "text of qc-error" in refused.value.message
    assert "text of split-leaks" in refused.value.message
    assert "qc-missing" not in refused.value.message
    assert refused.value.hint.endswith("--accept TD101 --accept qc-missing --accept split-leaks")
    check(given, re.findall(r"--accept (\S+)", refused.value.hint))


def test_a_name_that_is_none_is_a_slip():
    with pytest.raises(UsageError, match="qc-eror"):
        check((), ["qc-eror"])
    check((), ["TD101", "terms-not-stated"])


def test_an_objection_has_an_override_exactly_where_its_ground_allows_one():
    for code in GROUNDS:
        with pytest.raises(SchemaError):
            stood(code, code if code in FINAL else None)
    with pytest.raises(SchemaError):
        stood("bad-mood", "bad-mood")


def test_names_of_objections_are_no_names_of_losses():
    """`push --accept` takes both."""
    assert not {*GROUNDS, *(rule.code for rule in all_rules())} & LOSSES.keys()
    assert list(GROUNDS) == sorted(GROUNDS)


def test_nothing_is_known_of_a_dataset_that_is_not_as_it_was_written(clean):
    (clean.path / "records.parquet").write_bytes(b"PAR1")
    with pytest.raises(DatasetError, match="not what was written"):
        objections(clean, split="default")


def test_the_guard_writes_nothing(clean):
    before = contents(clean.path)
    objections(clean, split="default")
    assert contents(clean.path) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "settings", "found"),
    [
        ("ddti", None, [("terms-not-stated", "terms-not-stated")]),
        (
            "deeplesion",
            DeepLesionSettings(annotations_only=True),
            [("terms-not-stated", "terms-not-stated"), ("qc-error", "TD101")],
        ),
    ],
)
def test_what_stands_against_the_published_samples(samples, tmp_path, name, settings, found):
    dataset = convert(name, samples / name, tmp_path / name, settings=settings, workers=1).dataset
    run_qc(dataset)
    assert [(each.code, each.override) for each in objections(dataset, split="default")] == found


@pytest.mark.parametrize(
    ("cards", "said"),
    [
        (["stanford_cine"], "redistribution-forbidden: the terms of stanford_cine"),
        ([FREE, "deeplesion"], "terms-not-stated: deeplesion"),
        (["us_dicom"], "audit-missing: captured pictures"),
        ([FREE], "qc-error: TD101 Outside the image"),
        ([FREE], "split-leaks: the split torn"),
    ],
)
def test_the_command_stops_and_says_why(tmp_path, command, cards, said):
    dataset = dataset_of(
        tmp_path / "d", [*FAULTS["TD101"].records, record("x", group="y"), record("y")], cards=cards
    )
    written_split(dataset, "torn", {"toy/x": "train", "toy/y": "test"})
    ran = command("push", dataset.path, "me/data", "--split", "torn", "--dry-run")
    assert ran.code == 1
    assert said in " ".join(ran.err.split())


def test_the_docs_list_the_table():
    page = Path(__file__).parents[1] / "docs/publish.md"
    rows = re.findall(r"^\| `([a-z-]+)` \| (.+?) \| (.+?) \|$", page.read_text("utf-8"), re.MULTILINE)
    listed = {code: said for code, said, _ in rows if code in GROUNDS}
    assert listed == GROUNDS
    assert {code for code, _, how in rows if how == "nobody"} == FINAL
