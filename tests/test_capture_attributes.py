"""What of a header may leave: values of closed lists and plausible numbers, and none of its own texts."""

import dataclasses
import json
from datetime import date, timedelta
from importlib.resources import files

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from thyrodata.capture.ages import agreed_age, parse_date, parse_dicom_age, years_between
from thyrodata.capture.attributes import REMARKS, attributes_of, exam_date_of
from thyrodata.capture.bodyparts import BODY_PARTS
from thyrodata.capture.devices import find_maker, listed_makers
from thyrodata.io.dicom import open_dicom
from thyrodata.io.dicomheader import DicomHeader
from thyrodata.schema.record import Acquisition, Age, Patient
from thyrodata.schema.vocab import Sex

TEXTS = [field.name for field in dataclasses.fields(DicomHeader) if "str" in field.type]
PIXELS = {
    "rows": 600,
    "columns": 800,
    "frames": 1,
    "samples": 1,
    "planar": 0,
    "bits_allocated": 8,
    "bits_stored": 8,
    "signed": False,
}
OVER_89 = Age(years=90, at_least=True)
UNCOMPRESSED = "1.2.840.10008.1.2.1"


def header(**said):
    empty = {field.name: None for field in dataclasses.fields(DicomHeader)}
    return DicomHeader(**empty | PIXELS | {"regions": (), "transfer_syntax_uid": UNCOMPRESSED} | said)


def codes(attributes):
    return {remark.code for remark in attributes.remarks}


def read_age(**said):
    attributes = attributes_of(header(**said))
    return attributes.patient.age, codes(attributes)


def test_a_header_that_says_nothing_gives_nothing():
    attributes = attributes_of(
        header(sex="", age="  ", birth_date="--", manufacturer="\0", model="", body_part="")
    )
    assert attributes.patient == Patient()
    assert attributes.acquisition == Acquisition()
    assert (attributes.body_part, attributes.remarks) == (None, ())


def leaving(attributes):
    """Return every text and number in what leaves."""
    found = []

    def walk(value):
        for each in value.values() if isinstance(value, dict) else value:
            walk(each) if isinstance(each, dict | list | tuple) else found.append(each)

    walk(dataclasses.asdict(attributes))
    return found


def known_texts():
    texts = set(BODY_PARTS) | set(REMARKS) | set(REMARKS.values())
    for name, (maker, _) in listed_makers().items():
        texts |= {name, *maker.models.values()}
    return texts


KNOWN = known_texts()
PIECES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["GE", "LOGIQ E9", "M", "Male", "065Y", "19510829", "20170302", "THYROID", "01", "Doe^Jane"]
    ),
)


@given(
    st.fixed_dictionaries({name: st.lists(PIECES, max_size=3).map(" ".join) for name in TEXTS}), st.floats()
)
def test_no_text_of_a_header_leaves(texts, frame_time):
    """What leaves is of our own lists, or a number that the allow-list names."""
    attributes = attributes_of(header(**texts, frame_time_ms=frame_time))
    for value in leaving(attributes):
        assert value is None or isinstance(value, bool | int | float | Sex) or value in KNOWN
    age, time = attributes.patient.age, attributes.acquisition.frame_time_ms
    assert age is None or 0 <= age.years <= 90
    assert time is None or 0 < time <= 10_000


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("shape", ["{}", "GE {}", "{} LOGIQ E9", "THYROID {}", "M\\{}", "065Y{}"])
def test_a_canary_in_any_field_stays_there(name, shape):
    canary = "CANARY7391"
    attributes = attributes_of(header(**{name: shape.format(canary)}))
    assert "7391" not in json.dumps(dataclasses.asdict(attributes), default=str).upper()
    assert "CANARY" not in repr(attributes).upper()


@pytest.mark.parametrize(
    ("text", "sex", "said"),
    [
        ("M", Sex.MALE, set()),
        ("F ", Sex.FEMALE, set()),
        ("Male", Sex.MALE, set()),
        ("female", Sex.FEMALE, set()),
        ("O", None, {"sex-other"}),
        ("W", None, {"sex-not-understood"}),
        ("M\\F", None, {"sex-not-understood"}),
        ("1", None, {"sex-not-understood"}),
        ("-", None, set()),
    ],
)
def test_the_sex_is_a_code_of_dicom_or_its_word(text, sex, said):
    attributes = attributes_of(header(sex=text))
    assert (attributes.patient.sex, codes(attributes)) == (sex, said)


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("065Y", 65),
        ("65Y", 65),
        ("065y", 65),
        ("089Y", 89),
        ("006M", 0),
        ("011M", 0),
        ("012M", 1),
        ("024M", 2),
        ("999M", 83),
        ("010W", 0),
        ("105W", 2),
        ("003D", 0),
        ("000D", 0),
        ("366D", 1),
    ],
)
def test_an_age_is_completed_years(text, years):
    assert read_age(age=text) == (Age(years=years), set())


@pytest.mark.parametrize("text", ["090Y", "102Y", "130Y"])
def test_ninety_years_and_more_are_top_coded(text):
    assert read_age(age=text) == (OVER_89, set())


@pytest.mark.parametrize(
    "text", ["131Y", "999Y", "000Y", "000M", "065", "-05Y", "Y", "6.5Y", "0065Y", "sixty", "065X"]
)
def test_an_age_that_is_none_is_remarked(text):
    assert read_age(age=text) == (None, {"age-not-understood"})


@pytest.mark.parametrize(
    ("born", "exam", "years"),
    [
        ("19510829", "20170302", 65),
        ("19510829", "20170828", 65),
        ("19510829", "20170829", 66),
        ("1951.08.29", "2017.03.02", 65),
        ("1951-08-29", "20170302", 65),
        ("20000229", "20010228", 0),
        ("20000229", "20010301", 1),
        ("20170302", "20170302", 0),
        ("19280302", "20170302", 89),
    ],
)
def test_a_birth_date_and_an_exam_give_completed_years(born, exam, years):
    assert read_age(birth_date=born, study_date=exam) == (Age(years=years), set())


@pytest.mark.parametrize("born", ["19270302", "19150101", "18900101"])
def test_a_birth_date_of_ninety_years_ago_and_more_is_top_coded(born):
    assert read_age(birth_date=born, study_date="20170302") == (OVER_89, set())


@pytest.mark.parametrize(
    "born", ["20170303", "18000101", "19511301", "19000101", "18991230", "1951", "29081951"]
)
def test_a_birth_date_that_is_nobodys_is_remarked(born):
    assert read_age(birth_date=born, study_date="20170302") == (None, {"age-not-understood"})


def test_a_birth_date_alone_gives_no_age():
    assert read_age(birth_date="19510829") == (None, {"age-needs-exam-date"})
    assert read_age(birth_date="19510829", age="065Y") == (Age(years=65), set())


def test_the_exam_is_on_the_first_date_that_is_one():
    said = {
        "study_date": "--",
        "series_date": "20171301",
        "acquisition_date": "20120418",
        "content_date": "20130101",
    }
    assert exam_date_of(header(**said)) == date(2012, 4, 18)
    assert exam_date_of(header(birth_date="19510829", accession_number="20120418")) is None


@pytest.mark.parametrize(
    ("stated", "born", "age", "said"),
    [
        ("065Y", "19510829", Age(years=65), set()),
        ("066Y", "19510829", Age(years=66), set()),
        ("064Y", "19510829", Age(years=64), set()),
        ("063Y", "19510829", None, {"age-disagrees"}),
        ("000Y", "19510829", Age(years=65), {"age-not-understood"}),
        ("065Y", "19000101", Age(years=65), {"age-not-understood"}),
        ("089Y", "19270302", OVER_89, set()),
        ("090Y", "19280302", OVER_89, set()),
        ("040Y", "19200101", OVER_89, {"age-disagrees"}),
        ("102Y", "19700101", OVER_89, {"age-disagrees"}),
    ],
)
def test_two_ages_agree_within_a_year_or_there_is_none(stated, born, age, said):
    assert read_age(age=stated, birth_date=born, study_date="20170302") == (age, said)


@given(st.dates(), st.integers(0, 130), st.integers(0, 364))
def test_completed_years_count_the_birthdays(birth, years, more):
    """Whoever was born so many years and days ago is so many years old."""
    try:
        birthday = birth.replace(year=birth.year + years)
        exam = birthday + timedelta(days=more)
    except (ValueError, OverflowError):  # 29 February, and the end of the calendar
        return
    last = (birthday.replace(year=birthday.year + 1) if birthday.year < 9999 else date.max) - timedelta(
        days=1
    )
    if exam <= last:
        assert years_between(birth, exam) == Age(years=years)


@given(st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_no_age_of_ninety_or_more_leaves_unless_as_over_89(first, second):
    """Whatever two sources say."""
    ages = [Age(years=n) if 0 <= n <= 130 else None for n in (first, second)]
    age, _ = agreed_age(*ages)
    assert age is None or age.years < 90 or age == OVER_89
    if any(stated and stated.years >= 90 for stated in ages):
        assert age == OVER_89


@given(st.text(max_size=10))
def test_any_text_is_an_age_and_a_day_or_none(text):
    """Nothing is raised."""
    assert parse_dicom_age(text) is None or text.strip()[-1:] in "DWMYdwmy"
    assert parse_date(text) is None or len(text) in {8, 10}


@pytest.mark.parametrize(
    ("maker", "model", "expected"),
    [
        ("G.E. Medical Systems", "LOGIQ 700", ("GE", "LOGIQ 700")),
        ("GE Healthcare", "LOGIQE9", ("GE", "LOGIQ E9")),
        ("GE HEALTHCARE", "GE LOGIQ E9", ("GE", "LOGIQ E9")),
        ("GE Healthcare Austria GmbH & Co OG", "Voluson E10", ("GE", "Voluson E10")),
        ("Philips Medical Systems", "EPIQ 7C", ("Philips", "EPIQ 7C")),
        ("Philips Ultrasound, Inc.", "epiq7c", ("Philips", "EPIQ 7C")),
        ("SIEMENS", "S2000", ("Siemens", "ACUSON S2000")),
        ("Siemens Healthineers", "ACUSON Sequoia", ("Siemens", "ACUSON Sequoia")),
        ("ACUSON", "SEQUOIA", ("ACUSON", "Sequoia")),
        ("SAMSUNG MEDISON CO., LTD.", "RS80A", ("Samsung", "RS80A")),
        ("TOSHIBA_MEC", "TUS-A500", ("Toshiba", "TUS-A500")),
        ("SonoSite, Inc.", "Turbo", ("SonoSite", "Turbo")),
        ("ALOKA CO., LTD.", "SSD-4000", ("Aloka", "SSD-4000")),
        ("ESAOTE", "6100", ("Esaote", "6100")),
        ("SuperSonic Imagine SA", "Aixplorer", ("SuperSonic Imagine", "Aixplorer")),
        ("Butterfly Network Inc", "iQ+", ("Butterfly", "iQ+")),
        ("MINDRAY", "DC-8 PRO", ("Mindray", "DC-8 PRO")),
    ],
)
def test_a_device_leaves_as_it_is_listed(maker, model, expected):
    attributes = attributes_of(header(manufacturer=maker, model=model))
    acquisition = attributes.acquisition
    assert ((acquisition.manufacturer, acquisition.model), codes(attributes)) == (expected, set())


@pytest.mark.parametrize(
    ("maker", "model", "expected", "said"),
    [
        ("Acme Products", "X1", (None, None), {"manufacturer-not-listed", "model-not-listed"}),
        ("Medical Systems, Inc.", None, (None, None), {"manufacturer-not-listed"}),
        ("GE", "Dr. Doe's LOGIQ E9", ("GE", None), {"model-not-listed"}),
        ("GE Dr. Doe", "LOGIQ E9", (None, None), {"manufacturer-not-listed", "model-not-listed"}),
        ("GE", "EPIQ 7C", ("GE", None), {"model-not-listed"}),
        ("GE" * 100_000, None, (None, None), {"manufacturer-not-listed"}),
        ("GE" + " Inc" * 30, None, (None, None), {"manufacturer-not-listed"}),  # longer than LO can be
        (None, "LOGIQ E9", (None, None), {"model-not-listed"}),
    ],
)
def test_a_device_that_is_not_listed_does_not_leave(maker, model, expected, said):
    attributes = attributes_of(header(manufacturer=maker, model=model))
    acquisition = attributes.acquisition
    assert ((acquisition.manufacturer, acquisition.model), codes(attributes)) == (expected, said)


def test_every_listed_spelling_names_one_maker_and_every_model_itself():
    spelled = [key for _, keys in listed_makers().values() for key in keys]
    assert len(spelled) == len(set(spelled))
    assert all(spelled)
    assert len(listed_makers()) >= 25
    for name, (maker, _) in listed_makers().items():
        assert find_maker(name) is maker
        for model in maker.models.values():
            assert maker.find_model(model) == model
            assert maker.find_model(f"{name} {model}".upper()) == model


def test_no_listed_model_is_lost_to_another_of_the_same_letters():
    text = (files("thyrodata.capture") / "devices.yaml").read_text()
    for name, said in yaml.safe_load(text).items():
        assert len(listed_makers()[name][0].models) == len(said.get("models", ())), name


@pytest.mark.parametrize(
    ("text", "term", "said"),
    [
        ("THYROID", "THYROID", set()),
        ("Thyroid ", "THYROID", set()),
        ("HEAD_NECK", "HEADNECK", set()),
        ("NECK OF JANE", None, {"body-part-not-listed"}),
    ],
)
def test_a_body_part_is_a_term_of_annex_l(text, term, said):
    attributes = attributes_of(header(body_part=text))
    assert (attributes.body_part, codes(attributes)) == (term, said)


@pytest.mark.parametrize(
    ("ms", "kept"),
    [
        (33.333, 33.333),
        (33.33333333333, 33.333),
        (76.0, 76.0),
        (0.0, None),
        (0.01, None),
        (-33.3, None),
        (1e9, None),
        (float("nan"), None),
        (float("inf"), None),
    ],
)
def test_a_frame_time_is_one_that_a_scanner_has(ms, kept):
    attributes = attributes_of(header(frame_time_ms=ms))
    assert attributes.acquisition.frame_time_ms == kept
    assert codes(attributes) == (set() if kept else {"frame-time-not-plausible"})


@pytest.mark.parametrize(
    ("stated", "syntax", "lossy", "said"),
    [
        ("00", UNCOMPRESSED, False, set()),
        ("01", UNCOMPRESSED, True, set()),
        (None, UNCOMPRESSED, None, set()),
        (None, "1.2.840.10008.1.2.4.50", True, set()),
        ("00", "1.2.840.10008.1.2.4.102", True, set()),
        ("00", "1.2.840.10008.1.2.4.90", False, set()),
        ("YES", UNCOMPRESSED, None, {"lossy-not-understood"}),
    ],
)
def test_lossy_is_what_is_stated_or_what_the_syntax_is(stated, syntax, lossy, said):
    attributes = attributes_of(header(lossy=stated, transfer_syntax_uid=syntax))
    assert (attributes.acquisition.lossy, codes(attributes)) == (lossy, said)


def test_the_samples_give_what_their_headers_say_and_no_text_of_their_own(samples):
    found = []
    for path in sorted((samples / "us_dicom").glob("*.dcm")):
        with path.open("rb") as stream, open_dicom(stream, "a file") as opened:
            attributes = attributes_of(opened.header)
        assert all(text in KNOWN for text in leaving(attributes) if isinstance(text, str))
        found.append(attributes)
    assert len(found) == 27
    devices = {(each.acquisition.manufacturer, each.acquisition.model) for each in found}
    assert {("GE", "LOGIQ 700"), ("Philips", "EPIQ 7C"), ("Aloka", "SSD-4000"), ("Esaote", "6100")} <= devices
    assert {("SonoSite", "Turbo"), ("ACUSON", None), (None, None)} <= devices
    assert {each.patient.age for each in found} == {None, Age(years=65)}
    assert set.union(*map(codes, found)) <= {"manufacturer-not-listed"}
