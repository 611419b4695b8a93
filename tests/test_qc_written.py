"""What is written in pictures is read, told apart from what is none, and held against the record."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from typer.testing import CliRunner

from tests.burnedin import burn, jpeg
from tests.faults import FAULTS
from tests.faults.model import image_record
from tests.test_qc_shortcuts import dataset, png, the_only
from tests.toy import make_dataset
from thyrodata.cli.qc import app
from thyrodata.curation import qc as curated
from thyrodata.curation.qc import ACCOUNT, run_qc
from thyrodata.curation.shortcuts import SHORTCUTS, audit_shortcuts
from thyrodata.errors import CaseError, MissingExtraError, UsageError
from thyrodata.io.hashes import hash_file
from thyrodata.phantoms import PhantomSpec, phantom
from thyrodata.qc.look import Look
from thyrodata.qc.run import check_dataset
from thyrodata.qc.table import all_rules, choose_rules
from thyrodata.qc.writing import Line, lines, read_texts, written_labels
from thyrodata.qc.written import contradicted
from thyrodata.schema.record import Label
from thyrodata.schema.vocab import Bethesda, Malignancy, TiradsAcr, TiradsKwak

READING = ["TD204", "TD412", "TD604"]
FONTS = ("DejaVuSans.ttf", "DejaVuSansMono.ttf", "DejaVuSerif.ttf")
"""Beside Pillow's own; matplotlib carries them."""


def font(name: str | None, size: int) -> ImageFont.FreeTypeFont:
    if name is None:
        return ImageFont.load_default(size)
    return ImageFont.truetype(Path(mpl.get_data_path()) / "fonts/ttf" / name, size)


def line(text: str, x: int = 0, y: int = 0, width: int = 60) -> Line:
    return Line(box=(x, y, x + width, y + 20), text=text, score=1.0)


def labels(*texts: str) -> list[str]:
    return [str(each) for text in texts for each in written_labels([line(text)])]


# ---------------------------------------------------------------- what a text states


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("TIRADS 4C", ["TI-RADS 4C"]),
        ("TI-RADS: 4c", ["TI-RADS 4C"]),
        ("T1RAD5 3", ["TI-RADS 3"]),
        ("tirads iva", ["TI-RADS 4A"]),
        ("TR4", ["ACR TI-RADS 4"]),
        ("ACR TR 5", ["ACR TI-RADS 5"]),
        ("TI-RADS (ACR) 2", ["ACR TI-RADS 2"]),
        ("EU-TIRADS 3", ["EU-TIRADS 3"]),
        ("K-TIRADS 4", ["K-TIRADS 4"]),
        ("C-TIRADS 4B", ["C-TIRADS 4B"]),
        ("TIRADS 3-4", ["TI-RADS 3", "TI-RADS 4"]),
        ("LOBULO IZQUIERDO TIRADS 5 (4C)", ["TI-RADS 5", "TI-RADS 4C"]),
        ("TI-RADS 4a类", ["TI-RADS 4A"]),
        ("BETHESDA IV", ["Bethesda IV"]),
        ("Bethesda IIl", ["Bethesda III"]),
        ("Beth. 4", ["Bethesda IV"]),
        ("BETHESDA1V", ["Bethesda IV"]),
        ("nódulo benigno", ["benign"]),
        ("ác tính", ["malignant"]),
        ("carcinoma papilar", ["malignant"]),
        ("恶性", ["malignant"]),
        ("PAAF", ["FNA"]),
    ],
)
def test_a_label_is_known_in_its_spellings(text, said):
    assert labels(text) == said


@pytest.mark.parametrize(
    "text",
    ["TIRADS", "TIRADS 9", "TIRADS L", "TR 4", "0TR4", "BI-RADS 4", "Beth", "THYROID RT", "MI 1.2 TIS 0.4",
     "FNAME", "BENIGNLY", "12L6", "DR65", "2019-03-04"],
)  # fmt: skip
def test_what_is_no_label_is_taken_for_none(text):
    assert labels(text) == []


@given(st.text(max_size=40))
def test_any_text_states_nothing_or_labels_that_can_be_told(text):
    """No text raises, and each label is spelled so that it is read again as itself."""
    for label in written_labels([line(text)]):
        assert str(label) in labels(str(label))


@given(st.sampled_from("I1l|!"), st.sampled_from("S5"), st.sampled_from("A4"), st.sampled_from("123456"))
def test_a_letter_that_looks_alike_changes_no_category(i, s, a, step):
    assert labels(f"T{i}R{a}D{s} {step}") == [f"TI-RADS {step}"]


def test_a_text_that_was_found_in_two_parts_is_one_and_rows_are_two():
    assert [str(each) for each in written_labels([line("4C", x=65, width=20), line("TIRADS")])] == [
        "TI-RADS 4C"
    ]
    assert written_labels([line("TIRADS"), line("4C", y=40)]) == ()


# ---------------------------------------------------------------- against the record


@pytest.mark.parametrize(
    ("text", "terms", "against"),
    [
        ("TIRADS 4C", (TiradsKwak.T4A,), ["TI-RADS 4C"]),
        ("TIRADS 4C", (TiradsKwak.T4C, TiradsKwak.T3), []),
        ("TIRADS 4", (TiradsKwak.T4A,), []),
        ("TIRADS 5 (4C)", (TiradsKwak.T4C,), []),
        ("ACR TR 3", (TiradsKwak.T4A,), []),  # another scale
        ("TIRADS 3", (TiradsAcr.TR4,), ["TI-RADS 3"]),
        ("TR3", (TiradsAcr.TR3,), []),
        ("BETHESDA II", (Bethesda.VI,), ["Bethesda II"]),
        ("BETHESDA II", (TiradsKwak.T2,), []),
        ("BENIGN", (Malignancy.MALIGNANT,), ["benign"]),
        ("FNA", (Malignancy.BENIGN,), []),
        ("TIRADS 4C", (), []),
    ],
)
def test_a_written_category_is_compared_with_its_scale_alone(text, terms, against):
    assert [str(each) for each in contradicted(written_labels([line(text)]), terms)] == against


def test_the_issue_says_both_and_that_the_scale_is_not_written():
    look = Look(image_record("a", case_labels=(Label(value=TiradsKwak.T4A),)), np.zeros((40, 90), np.uint8))
    look.lines = (line("TIRADS 5"),)
    (rule,) = choose_rules(["TD412"])
    (issue,) = rule.issues(look)
    assert issue.what == "the picture says TI-RADS 5, of no stated scale; the record says tirads-kwak/4a"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("14/03/201912:31", "a date"),
        ("3/4/19", "a date"),
        ("Patient: x", "caption"),
        ("00482731", "long number"),
    ],
)
def test_what_may_identify_is_told_and_not_quoted(text, told):
    look = Look(image_record("a"), np.zeros((40, 90), np.uint8))
    look.lines = (line(text),)
    (rule,) = choose_rules(["TD604"])
    (issue,) = rule.issues(look)
    assert told in issue.what
    assert text not in issue.what


def test_measurements_of_a_screen_identify_nobody():
    look = Look(image_record("a"), np.zeros((40, 90), np.uint8))
    look.lines = tuple(
        map(line, ["D1 12.3 mm", "31fps", "MI 0.8", "P100", "12L6", "7.5MHz", "Vol 1.234567 ml", "1111111"])
    )
    (rule,) = choose_rules(["TD604"])
    assert list(rule.issues(look)) == []


# ---------------------------------------------------------------- reading


PLANTED = ("TIRADS 4C", "TI-RADS 3", "EU-TIRADS 5", "BETHESDA IV", "Malignant", "FNA")


@pytest.mark.slow
def test_most_labels_planted_in_echo_are_read_in_several_fonts_sizes_and_colours():
    right = 0
    for number, text in enumerate(PLANTED * 2):
        echo = phantom(PhantomSpec(seed=7000 + number)).pixels
        colour = (None, (1, 1, 0), (0, 1, 1))[number % 3]
        name = (None, *FONTS)[number % 4]
        picture, words = burn(echo, [text], font(name, 14 + number), seed=number, contrast=80, colour=colour)
        assert words
        right += [str(each) for each in written_labels(read_texts(jpeg(picture, 75 + number)))] == labels(
            text
        )
    assert right >= 10


def test_lines_close_below_one_another_are_read_apart():
    picture = Image.new("L", (500, 320))
    wanted = ["Name: DOE JANE", "ID: 00482731", "TIRADS 4C"]
    ImageDraw.Draw(picture).multiline_text((20, 8), "\n".join(wanted), 220, font("DejaVuSans.ttf", 15))
    read = [each.text.replace(" ", "") for each in read_texts(np.asarray(picture))]
    assert read == [text.replace(" ", "") for text in wanted]


@pytest.mark.slow
def test_reading_is_the_same_twice_and_in_16_bits():
    pixels = phantom(PhantomSpec(seed=3, burned_in_text="TIRADS 4C")).pixels
    assert read_texts(pixels) == read_texts(pixels.copy())
    assert labels(*(each.text for each in read_texts(pixels.astype(np.uint16) << 8))) == ["TI-RADS 4C"]


# ---------------------------------------------------------------- only where it is asked for


def written(folder, *codes):
    """Faults of texts as one dataset."""
    records, images = [], {}
    for code in codes:
        (record,), (data,) = FAULTS[code].records, FAULTS[code].images.values()
        path = f"images/{code}.jpg"
        image = replace(record.image, path=path)
        records.append(replace(record, image_id=f"toy/{code}", group_id=f"toy/{code}", image=image))
        images[path] = data
    return make_dataset(folder, records, images)


def test_without_ocr_rules_of_texts_are_not_run_and_that_is_said(tmp_path):
    data = written(tmp_path / "d", "TD204")
    made = CliRunner().invoke(app, ["run", str(data.path)])
    account = json.loads((data.path / ACCOUNT).read_text())
    assert account["rules_not_run_without_ocr"] == READING
    assert account["ocr"] is False
    assert account["complete"] is True
    assert not {rule["code"] for rule in account["rules"]} & set(READING)
    assert "not run without --ocr: TD204, TD412, TD604" in made.output


@pytest.mark.slow
def test_with_ocr_they_are_run_alike_on_two_workers(tmp_path):
    data = written(tmp_path / "d", "TD204", "TD412", "TD604")
    report = run_qc(data, select=READING, ocr=True, workers=2)
    assert [issue.code for issue in report.issues] == ["TD204", "TD204", "TD412", "TD604"]
    assert "in the margin" in report.issues[0].what
    account = json.loads((data.path / ACCOUNT).read_text())
    assert account["rules_not_run_without_ocr"] == []
    assert "rapidocr" in account["versions"]
    assert report.issues == run_qc(data, select=READING, ocr=True, write=False).issues


@pytest.mark.parametrize("select", [["TD204"], ["TD101", "TD604"]])
def test_a_rule_of_texts_that_is_named_asks_for_ocr(select, tmp_path):
    with pytest.raises(UsageError, match="what is written") as refused:
        run_qc(make_dataset(tmp_path / "d", [image_record("a")]), select=select)
    assert "--ocr" in refused.value.hint


def test_without_the_extra_nothing_is_begun(tmp_path, monkeypatch):
    monkeypatch.setattr(curated, "READING", ("no_such_module",))
    data = make_dataset(tmp_path / "d", [image_record("a")])
    with pytest.raises(MissingExtraError, match="no_such_module"):
        run_qc(data, ocr=True)
    assert not (data.path / ACCOUNT).exists()


def test_an_image_whose_texts_cannot_be_read_is_named(tmp_path, monkeypatch):
    def fail(_: object) -> None:
        raise CaseError("the network that reads text has failed")

    monkeypatch.setattr(lines.TextDetector, "find", lambda _, picture: fail(picture))
    data = written(tmp_path / "d", "TD204")
    rules = [rule for rule in all_rules() if rule.code in {"TD202", *READING}]
    assert [each.why for each in check_dataset(data, rules).unread] == [
        "the network that reads text has failed"
    ]


# ---------------------------------------------------------------- shortcuts


def pictures(folder, text_of):
    """Twenty-four patients, of whom every second is malignant, with a text each or none."""
    images = {}
    for patient in range(24):
        malignant = patient % 2 == 1
        text = text_of(patient, malignant)
        drawn = phantom(
            PhantomSpec(seed=patient, height=200, width=300, margin_text=False, burned_in_text=text)
        )
        images[f"{patient}"] = (png(drawn.pixels), f"p{patient}", [*Malignancy][malignant])
    return dataset(folder, images)


@pytest.mark.slow
def test_labels_that_are_written_into_pictures_are_a_shortcut_and_said(tmp_path):
    data = pictures(tmp_path / "d", lambda _, malignant: "TIRADS 5" if malignant else "TIRADS 2")
    target = the_only(audit_shortcuts(data, resamples=300, ocr=True))
    assert target.leaks
    assert next(each for each in target.features if each.feature == "what is written").cramers_v.value > 0.8
    assert "labels are written into the pictures" in str(target)
    assert "what is written" not in str(the_only(audit_shortcuts(data, resamples=300)).features)


@pytest.mark.slow
def test_labels_that_are_written_by_lot_are_none(tmp_path):
    lot = np.random.default_rng(4).permutation([0, 0, 1, 1] * 6)
    data = pictures(tmp_path / "d", lambda patient, _: ("TIRADS 5", "TIRADS 2")[lot[patient]])
    assert "labels are written" not in str(the_only(audit_shortcuts(data, resamples=300, ocr=True)))


def test_an_audit_is_added_to_the_dataset_with_what_it_is_of(tmp_path):
    data = pictures(tmp_path / "d", lambda *_: "")
    audit = audit_shortcuts(data, resamples=200, write=False)
    assert not (data.path / SHORTCUTS).exists()
    made = CliRunner().invoke(app, ["shortcuts", str(data.path), "--resamples", "200"])
    assert "written to reports/shortcuts.json" in made.output
    said = json.loads((data.path / SHORTCUTS).read_text())
    assert said == json.loads(json.dumps(audit.to_json()))
    assert said["audited"] == {"records.parquet": hash_file(data.path / "records.parquet")}
    assert data.verify() == ()
