"""A real capture of planted identities: scored against the answer key, and audited."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.burnedin import SCRIPTS
from tests.dicoms import EXPLICIT
from tests.midib import Midib, Shot, add_canaries, write_midib
from thyrodata.capture.audit import audit_capture
from thyrodata.capture.audit.answers import Action
from thyrodata.capture.audit.score import Miss, Score, score_capture
from thyrodata.capture.key import new_key
from thyrodata.collection.run import Captured, run_capture

pytestmark = pytest.mark.slow


def captured(midib: Midib, folder: Path) -> tuple[Captured, Score]:
    pytest.importorskip("rapidocr")
    new_key(folder / "site.key")
    made = run_capture(
        midib.raw,
        folder / "out",
        key=folder / "site.key",
        clinical=midib.clinical,
        clinical_map=midib.clinical_map,
        workers=2,
    )
    score = score_capture(made.out, midib.key)
    print(f"\n{score.table(tags=True)}\n{score.quarantined} of {len(midib.key)} put aside")  # noqa: T201
    return made, score


def contrast(miss: Miss) -> int:
    return int(miss.tag.rpartition(" ")[2]) if "contrast" in miss.tag else 255


def test_a_capture_of_planted_identities_has_no_miss(tmp_path):
    midib = add_canaries(write_midib(tmp_path, patients=3, studies=1), 7)
    made, score = captured(midib, tmp_path)
    faint = [miss for miss in score.misses if miss.action is Action.PIXELS_HIDDEN and contrast(miss) < 80]
    assert [miss for miss in score.misses if miss not in faint] == []
    assert sum(score.of(action)[1] for action in Action if action is not Action.PIXELS_HIDDEN) >= 5000
    assert score.quarantined < len(midib.key) // 3
    assert audit_capture(midib.raw, made.out).leaks == ()


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_name_is_hidden_in_a_script(tmp_path, script):
    shots = [
        Shot(name=script, syntax=EXPLICIT, text="picture", script=script, level=level) for level in (255, 200)
    ]
    _made, score = captured(write_midib(tmp_path, patients=1, studies=1, shots=shots), tmp_path)
    assert score.misses == ()
    assert score.of(Action.PIXELS_HIDDEN) == (4, 4)
