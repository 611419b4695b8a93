"""The self-score: a right export has no miss, and each wrong one misses under its own action type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np
import pytest

from tests.handmade import Exported, write_captured
from tests.midib import Midib, write_midib
from thyrodata.capture.audit.answers import Action, FileKey
from thyrodata.capture.audit.score import Score, score_capture
from thyrodata.schema.record import Acquisition, Age, CropLedger, Label, Patient, SourceField
from thyrodata.schema.vocab import Basis, Bethesda, Sex

pytestmark = pytest.mark.slow  # together they take as long as hundreds of others


@pytest.fixture(scope="module")
def midib(tmp_path_factory) -> Midib:
    return write_midib(tmp_path_factory.mktemp("midib"), patients=2)


def told(file: FileKey) -> dict[str, Any]:
    return {retained.tag: retained.value for retained in file.retained}


def fields_of(file: FileKey) -> dict[str, Any]:
    """The fields of a record that says what the key asks for."""
    said = told(file)
    texts = (
        SourceField(name="BodyPartExamined", text=said["BodyPartExamined"]),
        SourceField(name="DaysFromExamToBiopsy", text=said["DaysFromExamToBiopsy"]),
    )
    grade = Bethesda(said["Bethesda"].removeprefix("bethesda/"))
    age = Age(years=said["PatientAge"], at_least=said["PatientAge, top-coded"])
    return {
        "acquisition": Acquisition(
            manufacturer=said["Manufacturer"],
            model=said["ManufacturerModelName"],
            lossy=said["LossyImageCompression"],
            frame_time_ms=said.get("FrameTime"),
        ),
        "patient": Patient(sex=Sex(said["PatientSex"]), age=age),
        "case_labels": (Label(value=grade, basis=Basis.CYTOLOGY),),
        "source_fields": texts,
    }


def export(midib: Midib) -> list[Exported]:
    """What a right capture makes of the export, which a hand can do that knows where the text is."""
    made = []
    pseudonyms = {file.patient: "P" + "ABCDEFGH"[int(file.patient)] * 16 for file in midib.key}
    for file in midib.key:
        frames = file.frames if file.frames is not None else np.zeros((1, 360, 480), np.uint8)
        for number, frame in enumerate(frames):
            blanked = tuple(
                text.box for text in file.burned_in if text.frames is None or number in text.frames
            )
            whole = frame.copy()
            for x0, y0, x1, y1 in blanked:
                whole[y0:y1, x0:x1] = 0
            for box in midib.boxes[file.ordinal]:
                crop = CropLedger(
                    source_width=480, source_height=360, kept_box=box, blanked_boxes=blanked, frame_key="1"
                )
                x0, y0, x1, y1 = box
                made.append(
                    Exported(
                        pixels=np.ascontiguousarray(whole[y0:y1, x0:x1]),
                        crop=crop,
                        ordinal=int(file.ordinal),
                        frame=number,
                        pseudonym=pseudonyms[file.patient],
                        study=1 + int(file.study),
                        series=1 + int(file.series),
                        fields=fields_of(file),
                    )
                )
    return made


def scored(midib: Midib, folder, exported: list[Exported]) -> Score:
    return score_capture(write_captured(folder / "out", exported), midib.key)


def test_a_right_export_has_no_miss(midib, tmp_path):
    score = scored(midib, tmp_path, export(midib))
    assert score.misses == ()
    assert score.quarantined == 0
    applicable = {action: score.of(action)[1] for action in Action}
    assert min(applicable.values()) > 0
    assert applicable[Action.TEXT_REMOVED] > 500
    print("\n" + score.table(tags=True))  # noqa: T201 -- what pytest -s shows


def changed(**fields: Any) -> Callable[[Exported], Exported]:
    return lambda each: replace(each, fields={**each.fields, **fields})


def with_text(text: str) -> Callable[[Exported], Exported]:
    return lambda each: replace(
        each,
        fields={
            **each.fields,
            "source_fields": (*each.fields["source_fields"], SourceField(name="x", text=text)),
        },
    )


def without(name: str) -> Callable[[Exported], Exported]:
    return lambda each: replace(
        each,
        fields={
            **each.fields,
            "source_fields": tuple(f for f in each.fields["source_fields"] if f.name != name),
        },
    )


def with_a_changed_pixel(each: Exported) -> Exported:
    pixels = each.pixels.copy()
    pixels[-1, -1] ^= 1
    return replace(each, pixels=pixels)


def with_more_kept(each: Exported) -> Exported:
    """The margin is exported too, black but for its text."""
    pixels = np.zeros((360, 480), np.uint8)
    pixels[16:34, 40:80] = 255
    crop = replace(each.crop, kept_box=(0, 0, 480, 360), blanked_boxes=())
    return replace(each, pixels=pixels, crop=crop)


def planted(midib: Midib, tag: str) -> str:
    return next(each.text for each in midib.key[0].removed if each.tag == tag)


WRONG = {
    Action.TAG_RETAINED: lambda midib: changed(acquisition=Acquisition(manufacturer="Canon")),
    Action.TEXT_NOTNULL: lambda midib: changed(series_id=None),
    Action.TEXT_REMOVED: lambda midib: with_text(planted(midib, "PatientName").replace("^", ", ").upper()),
    Action.TEXT_RETAINED: lambda midib: without("BodyPartExamined"),
    Action.DATE_SHIFTED: lambda midib: with_text(f"born in {planted(midib, 'PatientBirthDate')}"),
    Action.UID_CHANGED: lambda midib: with_text(planted(midib, "StudyInstanceUID")),
    Action.UID_CONSISTENT: lambda midib: lambda each: replace(each, study=7),
    Action.PATID_CONSISTENT: lambda midib: lambda each: replace(each, pseudonym="P" + "Z" * 16),
    Action.PIXELS_HIDDEN: lambda midib: with_more_kept,
    Action.PIXELS_RETAINED: lambda midib: with_a_changed_pixel,
}

FOLLOWING = {
    Action.TEXT_NOTNULL: {Action.UID_CONSISTENT},
    Action.PATID_CONSISTENT: {Action.UID_CONSISTENT},
    Action.PIXELS_HIDDEN: {Action.PIXELS_RETAINED},
    Action.UID_CHANGED: {Action.DATE_SHIFTED},
}
"""What else is wrong then: a study is one of a patient, and these UIDs hold the date of the study."""


@pytest.mark.slow
@pytest.mark.parametrize("action", Action)
def test_a_wrong_export_misses_under_its_own_action_type(midib, tmp_path, action):
    first, *others = export(midib)
    score = scored(midib, tmp_path, [WRONG[action](midib)(first), *others])
    missed = {miss.action for miss in score.misses}
    assert action in missed
    assert missed <= {action} | FOLLOWING.get(action, set())
    passed, applicable = score.of(action)
    assert 0 < passed < applicable


def test_days_to_the_biopsy_stand_in_the_place_of_dates(midib, tmp_path):
    first, *others = export(midib)
    wrong = with_text("x")(without("DaysFromExamToBiopsy")(first))
    score = scored(midib, tmp_path, [wrong, *others])
    assert {(miss.action, miss.tag) for miss in score.misses} == {
        (Action.DATE_SHIFTED, "DaysFromExamToBiopsy")
    }


def test_a_file_that_is_put_aside_hides_all_and_retains_nothing(midib, tmp_path):
    exported = [each for each in export(midib) if each.ordinal > 1]
    score = scored(midib, tmp_path, exported)
    assert score.misses == ()
    assert score.quarantined == 1
    assert score.of(Action.PIXELS_RETAINED)[1] < len(midib.key)
    assert score.of(Action.PIXELS_HIDDEN)[1] == sum(len(file.burned_in) for file in midib.key)


def test_a_value_of_several_files_is_missed_for_each(midib, tmp_path):
    first, *others = export(midib)
    score = scored(midib, tmp_path, [with_text(planted(midib, "PatientID"))(first), *others])
    same = [file for file in midib.key if file.patient == midib.key[0].patient]
    assert [miss.ordinal for miss in score.misses] == [file.ordinal for file in same]
    assert {miss.tag for miss in score.misses} == {"PatientID"}


def test_a_log_is_searched_too(midib, tmp_path):
    out = write_captured(tmp_path / "out", export(midib))
    log = tmp_path / "log"
    log.write_text(f"reading {sha256(planted(midib, 'PatientID').encode()).hexdigest()}\n")
    assert {miss.tag for miss in score_capture(out, midib.key, logs=[log]).misses} == {"PatientID"}
