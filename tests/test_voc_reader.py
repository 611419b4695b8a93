"""A user's own Pascal VOC: what names mean, whose an image is, what an image without objects says."""

from __future__ import annotations

import pytest

import thyrodata
from tests.contract.run import convert
from tests.fixtures.voc.make import HEIGHT, WIDTH, make
from thyrodata.converters.voc import Voc, VocSettings
from thyrodata.engine import OnError
from thyrodata.errors import CaseError, UsageError
from thyrodata.schema.geometry import Box
from thyrodata.schema.record import Label, OfficialSplit, SourceField
from thyrodata.schema.vocab import Coverage, GroupKind, Malignancy, Modality, Structure, TiradsKwak


@pytest.fixture
def folder(tmp_path):
    make(tmp_path / "raw")
    return tmp_path / "raw"


def records_of(folder, **settings):
    out = folder.parent / f"out{len(list(folder.parent.iterdir()))}"
    result = convert(Voc(VocSettings(**settings)), folder, out)
    return {record.image_id.removeprefix("voc/"): record for record in result.records}


def rename(folder, old, new):
    file = folder / "Annotations/plain_01.xml"
    file.write_text(file.read_text().replace(f"<name>{old}</name>", f"<name>{new}</name>"))


def codes(record):
    return [remark.code for remark in record.remarks]


# ---------------------------------------------------------------- categories


def test_names_are_structures_or_labels_of_the_structure_that_is_asked_for(folder):
    nodule, malignant = records_of(folder)["plain_01"].findings
    assert (nodule.structure, nodule.labels) == (Structure.NODULE, ())
    assert (malignant.structure, malignant.labels) == (
        Structure.NODULE,
        (Label(value=Malignancy.MALIGNANT),),
    )
    nodule, malignant = records_of(folder, structure=Structure.LYMPH_NODE)["plain_01"].findings
    assert (nodule.structure, malignant.structure) == (Structure.NODULE, Structure.LYMPH_NODE)


def test_a_name_that_is_not_understood_is_refused_with_the_option_that_says_it(folder):
    rename(folder, "nodule", "TN")
    with pytest.raises(UsageError) as caught:
        thyrodata.convert("voc", folder, folder.parent / "voc")
    assert "'TN'" in caught.value.message
    assert "--category 'TN=nodule'" in caught.value.hint
    assert not (folder.parent / "voc").exists()
    assert not (folder.parent / "voc.partial").exists()


def test_all_names_that_are_not_understood_are_told_at_once(folder):
    rename(folder, "nodule", "TN")
    rename(folder, "malignancy/malignant", "Ca=1")
    with pytest.raises(UsageError, match=r"'Ca=1', 'TN'"):
        records_of(folder)


def test_the_name_is_kept_beside_what_it_means(folder):
    rename(folder, "nodule", "TN")
    rename(folder, "malignancy/malignant", "Ca=1")
    said = records_of(folder, category=("TN=nodule", "Ca=1=malignancy/malignant"))["plain_01"]
    first, second = said.findings
    assert first.structure is Structure.NODULE
    assert first.source_fields[0] == SourceField(name="name", text="TN")
    assert second.labels == (Label(value=Malignancy.MALIGNANT),)
    assert second.source_fields[0] == SourceField(name="name", text="Ca=1")


@pytest.mark.parametrize(
    "category", ["nodule", "=nodule", "nodule=wart", "TX=nodule", "nodule=tirads-kwak/9"]
)
def test_a_mapping_that_says_nothing_is_refused(folder, category):
    with pytest.raises(UsageError):
        records_of(folder, category=(category,))


def test_what_a_name_means_may_be_changed(folder):
    assert (
        records_of(folder, category=("nodule=lesion",))["decimals_03"].findings[0].structure
        is Structure.LESION
    )


# ---------------------------------------------------------------- groups


def test_every_image_is_its_own_group_unless_told(folder):
    records = records_of(folder)
    assert all(record.group_id == record.image_id for record in records.values())
    assert {record.group_kind for record in records.values()} == {GroupKind.IMAGE}


def test_a_group_is_what_the_expression_finds_in_the_path(folder):
    records = records_of(folder, group="/([a-z]+)[^/]*$", group_kind=GroupKind.PATIENT)
    assert records["plain_01"].group_id == "voc/plain"
    assert records["sub/deeper_05"].group_id == "voc/deeper"
    assert {record.group_kind for record in records.values()} == {GroupKind.PATIENT}


def test_an_image_of_no_group_is_refused_by_name(folder):
    with pytest.raises(CaseError, match="finds no name") as caught:
        records_of(folder, group="([a-z]+)_01", group_kind=GroupKind.CASE)
    assert caught.value.where.startswith("JPEGImages/")


@pytest.mark.parametrize(
    "settings",
    [
        {"group": "(", "group_kind": GroupKind.CASE},
        {"group": "a", "group_kind": GroupKind.CASE},
        {"group": "(a)(b)", "group_kind": GroupKind.CASE},
        {"group": "(a)"},
        {"group_kind": GroupKind.PATIENT},
    ],
)
def test_half_a_group_is_refused(settings):
    with pytest.raises(UsageError) as caught:
        VocSettings(**settings)
    assert caught.value.hint


def test_one_capturing_group_is_enough():
    assert VocSettings(group="(?:a|b)_(c)", group_kind=GroupKind.CASE).group


# ---------------------------------------------------------------- coverage


def test_an_image_without_objects_is_a_negative_only_if_the_user_says_so(folder):
    said = records_of(folder)
    assert said["negative_02"].coverage is Coverage.NONE
    assert said["plain_01"].coverage is None
    complete = records_of(folder, complete=True)
    assert {record.coverage for record in complete.values()} == {Coverage.COMPLETE}


def test_the_modality_is_the_users_to_say(folder):
    assert records_of(folder, modality=Modality.CT)["plain_01"].modality is Modality.CT


# ---------------------------------------------------------------- what the files say


def test_flags_lists_and_names_are_kept(folder):
    records = records_of(folder)
    fields = {field.name: field.text for field in records["plain_01"].findings[0].source_fields}
    assert fields == {"difficult": "1", "occluded": "0"}
    (extra,) = records["extra 1"].findings
    assert extra.source_fields[0].name == "part/name"
    assert len(extra.source_fields) == 5
    of_class = [f for f in records["negative_02"].source_fields if f.name == "nodule_trainval"]
    assert of_class == [SourceField(name="nodule_trainval", text="-1")]
    assert SourceField(name="@verified", text="yes") in records["negative_02"].source_fields


def test_a_size_or_name_that_is_not_the_images_is_kept_and_remarked(folder):
    records = records_of(folder)
    resized = records["resized_07"]
    assert codes(resized) == ["size-differs"]
    assert (resized.image.width, resized.image.height) == (WIDTH, HEIGHT)
    assert SourceField(name="size/width", text="320") in resized.source_fields
    assert resized.findings[0].geometries == (Box(x=9, y=9, width=11, height=11),), "boxes are never scaled"
    assert codes(records["renamed_04"]) == ["filename-differs"]
    assert SourceField(name="filename", text="IMG_0004.JPG") in records["renamed_04"].source_fields


def test_a_file_that_counts_from_0_shows_only_by_leaving_the_image(folder):
    assert codes(records_of(folder)["counts_from_0"]) == ["outside-image"]


def test_an_image_in_two_parts_has_none(folder):
    records = records_of(folder)
    assert records["both_11"].official_splits == ()
    assert codes(records["both_11"]) == ["split-in-doubt"]
    assert [f.text for f in records["both_11"].source_fields if f.name == "ImageSets/Main"] == [
        "test",
        "train",
    ]
    assert records["plain_01"].official_splits == (OfficialSplit(part="train"),)


def test_a_label_is_read_without_a_mapping(folder):
    assert records_of(folder)["renamed_04"].findings[0].labels == (Label(value=TiradsKwak.T4A),)


def test_a_whole_dataset_is_made_and_sound(folder):
    made = thyrodata.convert("voc", folder, folder.parent / "voc").dataset
    assert made.verify() == ()
    assert set(made.split("official")) >= {"train", "val", "test"}
    (source,) = made.manifest.sources
    assert source.settings == ()


def test_settings_stand_in_the_manifest(folder):
    settings = VocSettings(complete=True, category=("nodule=lesion",))
    made = thyrodata.convert("voc", folder, folder.parent / "voc", settings=settings).dataset
    (source,) = made.manifest.sources
    assert {(setting.name, setting.value) for setting in source.settings} == {
        ("category", "nodule=lesion"),
        ("complete", "True"),
    }


def test_a_broken_file_costs_its_image_and_no_other(folder):
    (folder / "Annotations/plain_01.xml").write_text("<annotation>")
    result = convert(Voc(), folder, folder.parent / "out", on_error=OnError.SKIP)
    assert [skip.item for skip in result.run.skips] == ["Annotations/plain_01.xml"]
    whole = folder.parent / "whole"
    make(whole)
    others = convert(Voc(), whole, folder.parent / "whole-out").records
    assert result.records == [record for record in others if record.image_id != "voc/plain_01"]


def test_the_options_of_the_command_line_are_those_of_the_settings(folder, command):
    rename(folder, "nodule", "TN")
    out = folder.parent / "voc"
    ran = command(
        *("convert", "voc", folder, "-o", out, "--category", "TN=nodule", "--complete"),
        *("--group", "([a-z]+)_?[0-9a-z ]*[.]jpg$", "--group-kind", "case"),
    )
    assert ran.code == 0, ran.err
    records = list(thyrodata.open(out).records())
    assert {record.group_kind for record in records} == {GroupKind.CASE}
    assert {record.coverage for record in records} == {Coverage.COMPLETE}
