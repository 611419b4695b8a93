"""Pseudonyms: the same for one patient everywhere, another for every other, and never one for nobody."""

import hashlib
import hmac
import json
import subprocess
import sys
import unicodedata
from base64 import b32encode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from thyrodata.capture.crosswalk import RandomTokens
from thyrodata.capture.key import Key, load_key, new_key
from thyrodata.capture.pseudonyms import Keyed, is_placeholder, normalise_id
from thyrodata.errors import CaseError, OutputError, UsageError
from thyrodata.schema.vocab import GroupKind

SECRET = bytes(range(32))
KEYED = Keyed(Key(SECRET))
IDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).filter(
    lambda t: not is_placeholder(t)
)
ISSUERS = st.one_of(st.none(), st.text(max_size=8))


def group(source, patient_id, issuer=None, study_uid="1.2.840.1", file_sha256="ab" * 32):
    return source.group(patient_id=patient_id, issuer=issuer, study_uid=study_uid, file_sha256=file_sha256)


def name(patient_id, issuer=None, source=KEYED):
    return group(source, patient_id, issuer).text


@given(IDS, ISSUERS)
def test_a_pseudonym_is_the_published_formula(patient_id, issuer):
    """P and base32 of the first ten bytes of the keyed hash of domain, issuer and id."""

    def spelled(text):
        folded = unicodedata.normalize("NFKC", text.replace("\0", "")).casefold()
        return unicodedata.normalize("NFKC", folded).strip().encode()

    message = b"thyrodata/v1/patient\0" + spelled(issuer or "") + b"\0" + spelled(patient_id)
    mac = hmac.new(SECRET, message, hashlib.sha256).digest()[:10]
    assert name(patient_id, issuer) == "P" + b32encode(mac).decode()


def test_the_same_key_gives_the_same_pseudonym_in_another_process(tmp_path):
    path = tmp_path / "site.key"
    here = name("Müller-17", "Site A", Keyed(new_key(path)))
    code = (
        "import sys; from pathlib import Path\n"
        "from thyrodata.capture.key import load_key; from thyrodata.capture.pseudonyms import Keyed\n"
        "print(Keyed(load_key(Path(sys.argv[1]))).group(patient_id='MÜLLER-17 ', issuer='site a',"
        " study_uid=None, file_sha256='').text)"
    )
    there = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert there == here


@given(IDS)
def test_another_key_gives_another_pseudonym(patient_id):
    """Of two keys that differ in one bit nothing is alike."""
    other = Keyed(Key(bytes([SECRET[0] ^ 1]) + SECRET[1:]))
    assert name(patient_id) != name(patient_id, source=other)


@given(IDS, st.text(" \0", max_size=3), st.text(" \0", max_size=3))
def test_padding_case_and_width_do_not_matter(patient_id, left, right):
    """What a device pads, or a keyboard widens, is one patient."""
    for spelling in (
        left + patient_id + right,
        patient_id.casefold(),
        unicodedata.normalize("NFD", patient_id),
    ):
        assert name(spelling) == name(patient_id)


@given(st.text())
def test_normalising_again_changes_nothing(text):
    """A normalised id is its own."""
    assert normalise_id(normalise_id(text)) == normalise_id(text)


def test_widened_digits_are_digits_and_leading_zeros_stay():
    assert name("\uff11\uff12\uff17") == name("127")
    assert len({name("127"), name("0127"), name("00127")}) == 3


@given(IDS, st.text(min_size=1), st.text(min_size=1))
def test_the_issuer_tells_two_patients_of_one_id_apart(patient_id, one, other):
    """An id is unique at its issuer alone."""
    assume(normalise_id(one) != normalise_id(other))
    assert name(patient_id, one) != name(patient_id, other)


@given(IDS, ISSUERS, IDS, ISSUERS)
def test_no_text_moves_between_issuer_and_id(id_1, issuer_1, id_2, issuer_2):
    """Pairs that differ are named differently, whatever stands where."""
    pairs = [
        (normalise_id(issuer), normalise_id(text)) for text, issuer in ((id_1, issuer_1), (id_2, issuer_2))
    ]
    assert (name(id_1, issuer_1) == name(id_2, issuer_2)) == (pairs[0] == pairs[1])


def test_a_hundred_thousand_patients_have_a_hundred_thousand_pseudonyms():
    assert len({name(f"{number:08}") for number in range(10_000_001, 10_100_001)}) == 100_000


NOBODY = """
    |--|...|0|000|0000000000|ANON|Anonymous|ANONYMOUS |anon-000|unknown|UNKNOWN^
    |none|N/A|n/a|NULL|No ID|no_pid
    |Patient ID|TEST|xxx|X|?|*|99999|11111111|aaaaa|12345|123456789|1234567890
    |不明|未知|Không rõ|<unknown>|\0|\u200b
    |Anónimo|\uff21\uff2e\uff2f\uff2e|-0-|D.E.I.D.
""".strip().split("|")


@pytest.mark.parametrize("patient_id", [None, *(text.strip("\n") for text in NOBODY)])
def test_an_id_that_names_nobody_merges_nobody(patient_id):
    first, second = (group(KEYED, patient_id, study_uid=uid) for uid in ("1.2.840.1", "1.2.840.2"))
    assert first.kind is second.kind is GroupKind.CASE
    assert first.text != second.text
    lone = [group(KEYED, patient_id, study_uid=None, file_sha256=digit * 64) for digit in "ab"]
    assert {each.kind for each in lone} == {GroupKind.CLIP}
    assert len({first.text, second.text, *(each.text for each in lone)}) == 4


@pytest.mark.parametrize(
    "patient_id",
    [
        "1",
        "7",
        "10",
        "204",
        "1234",
        "9999",
        "13US1",
        "98279",
        "ANON0001",
        "ANON-17",
        "11-05-25-142825",
        "test1",
    ],
)
def test_a_short_or_odd_id_still_names_somebody(patient_id):
    assert group(KEYED, patient_id).kind is GroupKind.PATIENT
    assert group(KEYED, patient_id, study_uid="1.9.9") == group(KEYED, patient_id)


def test_tokens_of_studies_and_files_are_none_of_the_pseudonyms():
    case = group(KEYED, None)
    assert KEYED.token("1.2.840.1") not in case.text
    assert KEYED.token("ab" * 32) not in group(KEYED, None, study_uid=None).text
    assert KEYED.token("0017") not in group(KEYED, "0017").text
    assert KEYED.token("1.2.840.1") == KEYED.token("1.2.840.1\0")
    assert KEYED.token("1.2.840.1") != KEYED.token("1.2.840.10")


def test_a_crosswalk_continues_what_it_began(tmp_path):
    path = tmp_path / "crosswalk.json"
    first = RandomTokens(path)
    named = {text: group(first, text, "Site") for text in ("0012", "Ñandú", 'a,"b"\n')}
    lone, study, file = group(first, None), first.token("1.2"), first.token("ab" * 32)
    first.keep()
    assert path.stat().st_mode & 0o777 == 0o600
    second = RandomTokens(path)
    assert {text: group(second, text, " SITE") for text in named} == named
    assert (group(second, None), second.token("1.2"), second.token("ab" * 32)) == (
        lone,
        study,
        file,
    )
    assert second.fingerprint == first.fingerprint
    new = group(second, "0013", "Site")
    second.keep()
    assert group(RandomTokens(path), "0013", "Site") == new
    assert len({one.text for one in (*named.values(), lone, new)}) == 5
    assert not (tmp_path / "crosswalk.json.part").exists()


def test_a_crosswalk_tells_its_owner_who_is_who(tmp_path):
    source = RandomTokens(tmp_path / "crosswalk.json")
    pseudonym = group(source, "0012 A", "Site")
    source.keep()
    (row,) = json.loads((tmp_path / "crosswalk.json").read_text())["patients"]
    assert row == {"pseudonym": pseudonym.text, "issuer": "Site", "patient_id": "0012 A"}


def test_two_crosswalks_name_one_patient_differently(tmp_path):
    one, other = (RandomTokens(tmp_path / text) for text in "ab")
    assert group(one, "0012") != group(other, "0012")
    assert group(one, None) != group(other, None)
    assert group(one, "0012") == group(one, "0012")


def test_a_crosswalk_lies_where_a_key_may(tmp_path):
    with pytest.raises(UsageError, match="dataset"):
        RandomTokens(tmp_path / "out" / "c.json", out=tmp_path / "out")
    (tmp_path / ".git").mkdir()
    with pytest.raises(UsageError, match="git"):
        RandomTokens(tmp_path / "c.json")


def test_a_crosswalk_that_others_may_read_is_refused(tmp_path):
    path = tmp_path / "c.json"
    RandomTokens(path).keep()
    path.chmod(0o644)
    with pytest.raises(CaseError, match="others"):
        RandomTokens(path)


@pytest.mark.parametrize("first", [False, True])
def test_two_runs_do_not_overwrite_each_others_crosswalk(tmp_path, first):
    path = tmp_path / "c.json"
    if not first:
        RandomTokens(path).keep()
    one, other = RandomTokens(path), RandomTokens(path)
    group(one, "17")
    one.keep()
    before = path.read_bytes()
    with pytest.raises(OutputError):
        other.keep()
    assert path.read_bytes() == before


TOKEN = "P" + "A" * 16
ROW = {"pseudonym": TOKEN, "issuer": "", "patient_id": "Doe17"}


@pytest.mark.parametrize(
    "change",
    [
        {"secret": "00"},
        {"thyrodata_crosswalk": 2},
        {"patients": None},
        {"patients": [{**ROW, "pseudonym": "Doe17"}]},
        {"patients": [{**ROW, "patient_id": 17}]},
        {"patients": [{**ROW, "name": "Doe17"}]},
        {"patients": [ROW, ROW]},
        {"patients": [ROW, {**ROW, "patient_id": "18"}]},
        {"more": "Doe17"},
    ],
)
def test_a_broken_crosswalk_is_refused_and_not_quoted(tmp_path, change):
    path = tmp_path / "c.json"
    source = RandomTokens(path)
    group(source, "Doe17")
    source.keep()
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CaseError) as refused:
        RandomTokens(path)
    assert "Doe17" not in str(refused.value)


@pytest.mark.parametrize("data", [b"", b"\xff", b"[" * 100_000, b"[]", b'"Doe17', b"9" * 5_000])
def test_a_file_that_is_no_crosswalk_is_refused(tmp_path, data):
    path = tmp_path / "c.json"
    path.touch(0o600)
    path.write_bytes(data)
    with pytest.raises(CaseError, match="no crosswalk"):
        RandomTokens(path)


def test_the_key_of_a_site_names_as_its_loaded_copy_does(tmp_path):
    made = new_key(tmp_path / "site.key")
    assert name("17", source=Keyed(made)) == name("17", source=Keyed(load_key(tmp_path / "site.key")))
    assert Keyed(made).fingerprint == made.fingerprint
