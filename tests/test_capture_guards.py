"""Each guard of a capture is switched off in turn, and a check that is named here sees it.

A guard that nothing would miss guards nothing. Workers run in this process, so that a guard can be reached.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.captures import InProcess
from tests.dicoms import EXPLICIT, Region, write_dicom
from tests.midib import Shot, write_midib
from thyrodata.capture import audit as audits
from thyrodata.capture import pseudonyms
from thyrodata.capture.audit.model import Check
from thyrodata.capture.audit.score import score_capture
from thyrodata.capture.key import new_key
from thyrodata.capture.regions import KeptRegion
from thyrodata.capture.text import Hidden
from thyrodata.collection import making, ordering, run
from thyrodata.schema.record import Age

Patch = Callable[[pytest.MonkeyPatch], None]

SHOTS = (
    Shot(name="faint margin", syntax=EXPLICIT),
    Shot(name="text in the picture", syntax=EXPLICIT, text="picture"),
    Shot(name="typed", syntax=EXPLICIT, frames=12, text="typed"),
)


@pytest.fixture(scope="module")
def midib(tmp_path_factory: pytest.TempPathFactory):
    """Three patients, who are 45, 89 and 90."""
    return write_midib(tmp_path_factory.mktemp("midib"), patients=3, studies=1, shots=SHOTS)


def look(midib: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, patch: Patch | None) -> frozenset[str]:
    """Capture with a guard switched off, and return the names of the checks that fail."""
    with monkeypatch.context() as patched:
        patched.setattr(run, "Sandbox", InProcess)
        if patch:
            patch(patched)
        new_key(folder / "site.key")
        made = run.run_capture(
            midib.raw,
            folder / "out",
            key=folder / "site.key",
            clinical=midib.clinical,
            clinical_map=midib.clinical_map,
            workers=1,
        )
    score = score_capture(made.out, midib.key)
    audit = audits.audit_capture(midib.raw, made.out, ocr=False)
    missed = {f"{miss.action.value}: {miss.tag.partition(',')[0]}" for miss in score.misses}
    return frozenset(missed | {f"audit: {leak.check.value}" for leak in audit.leaks})


@pytest.mark.slow
def test_with_every_guard_on_no_check_fails(midib, tmp_path, monkeypatch) -> None:
    assert look(midib, tmp_path, monkeypatch, None) == frozenset()


def no_crop(patched: pytest.MonkeyPatch) -> None:
    """The whole screen is kept, and the text guard, which would see the margin, is off as well."""
    no_text_guard(patched)
    patched.setattr(
        making,
        "kept_regions",
        lambda regions, width, height: (
            KeptRegion(box=(0, 0, width, height), data_type=1, spacing_mm=(0.1, 0.1)),
        ),
    )


def no_text_guard(patched: pytest.MonkeyPatch) -> None:
    patched.setattr(making, "hide", lambda *_: Hidden(boxes=(), clean=True))


def no_overlay_watch(patched: pytest.MonkeyPatch) -> None:
    """Of a clip the first frame alone is looked at."""

    class First:
        def __init__(self) -> None:
            self._first: list[Any] = []

        def add(self, frame: Any) -> None:
            self._first = self._first or [frame]

        def pictures(self) -> list[Any]:
            return self._first

        def strokes(self) -> list[Any]:
            return []

    patched.setattr(making, "OverlayWatch", First)


def no_blanking(patched: pytest.MonkeyPatch) -> None:
    patched.setattr(making, "blank", lambda picture, boxes: picture)


def no_pseudonyms(patched: pytest.MonkeyPatch) -> None:
    named = pseudonyms.Keyed.group
    patched.setattr(
        pseudonyms.Keyed,
        "group",
        lambda self, **said: replace(named(self, **said), text=said["patient_id"]),
    )


def no_tokens(patched: pytest.MonkeyPatch) -> None:
    patched.setattr(pseudonyms.Keyed, "token", lambda self, text: text)


def no_allow_list(patched: pytest.MonkeyPatch) -> None:
    """The name of the manufacturer is what the header says, whatever that is."""
    read = ordering.attributes_of

    def leaking(header: Any) -> Any:
        said = read(header)
        return replace(said, acquisition=replace(said.acquisition, manufacturer=header.accession_number))

    patched.setattr(ordering, "attributes_of", leaking)


def no_top_code(patched: pytest.MonkeyPatch) -> None:
    read = ordering.attributes_of

    def leaking(header: Any) -> Any:
        said = read(header)
        return replace(said, patient=replace(said.patient, age=Age(years=int(header.age[:3]))))

    def both(self: Any, patient: Any) -> Any:
        return patient, ()

    patched.setattr(ordering, "attributes_of", leaking)
    patched.setattr("thyrodata.capture.clinical.ClinicalFacts.over", both)


def no_ordinals(patched: pytest.MonkeyPatch) -> None:
    """Places are names of files."""
    patched.setattr("thyrodata.capture.source.SourceFile.where", property(lambda self: self.path))


def no_order_of_studies(patched: pytest.MonkeyPatch) -> None:
    """A study is numbered by its date."""
    subject = ordering._subject
    patched.setattr(
        ordering,
        "_subject",
        lambda named, numbers, clinical: subject(
            named, (int(named.header.study_date), *numbers[1:]), clinical
        ),
    )


def no_honest_pixels(patched: pytest.MonkeyPatch) -> None:
    exported = making._exported
    patched.setattr(making, "_exported", lambda *given: np.minimum(exported(*given), 200))


def no_bare_png(patched: pytest.MonkeyPatch) -> None:
    encode = making.encode_png
    body = b"tEXta\x00bc"
    text = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    def with_text(*given: Any, **named: Any) -> bytes:
        data = encode(*given, **named)
        return data[:-12] + text + data[-12:]

    patched.setattr(making, "encode_png", with_text)


GUARDS: dict[str, tuple[Patch, str]] = {
    "crop to the region": (no_crop, "pixels_hidden: margin"),
    "text guard": (no_text_guard, "pixels_hidden: picture"),
    "overlay watch": (no_overlay_watch, "pixels_hidden: typed"),
    "blanking": (no_blanking, f"audit: {Check.BLANK.value}"),
    "pseudonyms": (no_pseudonyms, "text_removed: PatientID"),
    "tokens of UIDs": (no_tokens, "uid_changed: StudyInstanceUID"),
    "closed lists": (no_allow_list, "text_removed: AccessionNumber"),
    "top-coded ages": (no_top_code, f"audit: {Check.AGE.value}"),
    "ordinals of files": (no_ordinals, "text_removed: file name"),
    "ordinals of studies": (no_order_of_studies, "date_shifted: StudyDate"),
    "pixels as decoded": (no_honest_pixels, "pixels_retained: PixelData"),
    "bare PNG": (no_bare_png, f"audit: {Check.PNG.value}"),
}


@pytest.mark.slow
@pytest.mark.parametrize("guard", GUARDS)
def test_without_a_guard_its_check_fails(midib, tmp_path, monkeypatch, guard: str) -> None:
    patch, check = GUARDS[guard]
    assert check in look(midib, tmp_path, monkeypatch, patch)


def test_without_the_rule_of_blank_ids_two_patients_are_one(tmp_path, monkeypatch) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    frame = np.random.default_rng(0).integers(20, 90, (96, 128), np.uint8)
    for number in (1, 2):
        write_dicom(
            raw / f"{number}.dcm",
            frame + number,
            regions=[Region(box=(10, 10, 110, 80))],
            elements={"PatientID": "ANON"},
            seed=number,
        )
    monkeypatch.setattr(run, "Sandbox", InProcess)
    new_key(tmp_path / "site.key")

    def groups(out: str) -> int:
        made = run.run_capture(raw, tmp_path / out, key=tmp_path / "site.key", workers=1)
        assert made.dataset is not None
        return len({record.group_id for record in made.dataset.records()})

    assert groups("with") == 2
    monkeypatch.setattr(pseudonyms, "is_placeholder", lambda _: False)
    assert groups("without") == 1


def test_without_the_check_of_corners_a_wrong_colour_space_is_exported(tmp_path, monkeypatch) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    frame = np.zeros((96, 128, 3), np.uint8)
    frame[20:80, 20:110] = np.random.default_rng(0).integers(20, 90, (60, 90, 1), np.uint8)
    write_dicom(raw / "1.dcm", frame, regions=[Region(box=(15, 15, 115, 85))], seed=1)
    write_dicom(raw / "2.dcm", frame, photometric="YBR_FULL", regions=[Region(box=(15, 15, 115, 85))], seed=2)
    monkeypatch.setattr(run, "Sandbox", InProcess)
    new_key(tmp_path / "site.key")

    def verdicts(out: str) -> list[str]:
        made = run.run_capture(raw, tmp_path / out, key=tmp_path / "site.key", workers=1)
        return [done.verdict for done in made.files]

    assert verdicts("with") == ["exported", "colour"]
    monkeypatch.setattr(making, "has_achromatic_corners", lambda _: True)
    assert "colour" not in verdicts("without")  # green speckle: what the text guard makes of it is no matter
