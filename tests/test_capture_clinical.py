"""The clinical table: what it says reaches the right exams, and nothing else of it goes anywhere."""

import dataclasses
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thyrodata.capture.clinical import ClinicalCounts, Exam, read_clinical
from thyrodata.errors import CaseError, RawLayoutError, ThyrodataError, UsageError
from thyrodata.io.dicomheader import DicomHeader
from thyrodata.schema.record import Age, Label, Nodule, Patient, SourceField
from thyrodata.schema.vocab import Basis, Bethesda, Malignancy, Sex, TiradsAcr

MAP = """
patient: MRN
sex: {column: Gender, values: {K: female, M: male}}
age: Age
nodule: Nodule
biopsy_date: {column: FNA, order: dmy}
labels:
  - {column: Bethesda, scheme: bethesda, of: nodule, basis: cytology, edition: 2023}
  - {column: Histology, scheme: malignancy, of: case, basis: histology, values: {B: benign, C: malignant}}
  - {column: TR, scheme: tirads-acr, of: nodule, basis: imaging}
"""
HEAD = "MRN,Name,Gender,Age,Nodule,FNA,Bethesda,Histology,TR"


def exam(patient_id, *, issuer=None, study_uid="1.2.840.1", accession=None, day=date(2021, 3, 1)):
    return Exam(
        patient_id=patient_id, issuer=issuer, study_uid=study_uid, accession_number=accession, day=day
    )


@pytest.fixture
def read(tmp_path):
    def read(*rows, mapping=MAP, head=HEAD):
        (tmp_path / "clinical.csv").write_text("\n".join([head, *rows, ""]))
        (tmp_path / "clinical.yaml").write_text(mapping)
        return read_clinical(tmp_path / "clinical.csv", tmp_path / "clinical.yaml")

    return read


def refused(read, *rows, error=CaseError, **more):
    with pytest.raises(error) as caught:
        read(*rows, **more)
    for cell in ",".join(rows).split(","):
        assert len(cell) < 4 or cell not in str(caught.value)  # of a short one, a letter would be found
    return caught.value


def bethesda(value):
    return Label(value=value, edition="2023", basis=Basis.CYTOLOGY)


def test_a_row_becomes_facts_of_the_case_and_its_nodules(read):
    table = read(
        "0017,Doe^Jane,K,45,1,15/03/2021,II,B,TR3",
        "0017,Doe^Jane,K,45,2,22/02/2021,VI,B,TR5",
    )
    facts = table.of(exam(" 0017\0"))
    assert facts.patient == Patient(sex=Sex.FEMALE, age=Age(years=45))
    assert facts.case_labels == (Label(value=Malignancy.BENIGN, basis=Basis.HISTOLOGY),)
    assert facts.nodules == (
        Nodule(
            nodule_id="1",
            labels=(bethesda(Bethesda.II), Label(value=TiradsAcr.TR3, basis=Basis.IMAGING)),
            source_fields=(SourceField(name="DaysFromExamToBiopsy", text="14"),),
        ),
        Nodule(
            nodule_id="2",
            labels=(bethesda(Bethesda.VI), Label(value=TiradsAcr.TR5, basis=Basis.IMAGING)),
            source_fields=(SourceField(name="DaysFromExamToBiopsy", text="-7"),),
        ),
    )
    assert facts.source_fields == facts.remarks == ()


def test_a_row_without_a_nodule_dates_the_biopsy_of_the_case(read):
    facts = read("17,,,,,01/03/2021,,C,").of(exam("17"))
    assert facts.source_fields == (SourceField(name="DaysFromExamToBiopsy", text="0"),)
    assert facts.nodules == ()


def test_without_the_exams_date_no_days_are_known_and_no_date_leaves(read):
    facts = read("17,,,,1,15/03/2021,II,,").of(exam("17", day=None))
    assert facts.nodules == (Nodule(nodule_id="1", labels=(bethesda(Bethesda.II),)),)
    assert [remark.code for remark in facts.remarks] == ["biopsy-needs-exam-date"]


def test_a_column_that_is_not_mapped_does_not_leave(read):
    facts = read("17,Canary^Mary,K,45,1,15/03/2021,II,B,TR3").of(exam("17"))
    for canary in ("Canary", "Mary", "15/03", "2021-03", "(2021"):
        assert canary not in repr(facts)


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("89", Age(years=89)),
        ("90", None),
        ("102", None),
        ("90+", None),
        ("45.0", Age(years=45)),
        ("85+", Age(years=85, at_least=True)),
    ],
)
def test_ages_are_top_coded(read, text, age):
    over_89 = Age(years=90, at_least=True)
    assert read(f"17,,,{text},,,,,").of(exam("17")).patient.age == (age or over_89)


def test_an_empty_cell_and_a_word_for_nothing_state_nothing(read):
    facts = read("17,,-,N/A,,,unknown,NULL,").of(exam("17"))
    assert facts.patient == Patient()
    assert facts.case_labels == facts.nodules == ()


def test_a_value_that_stands_for_something_is_not_a_word_for_nothing(read):
    mapping = "{patient: MRN, labels: [{column: H, scheme: malignancy, of: case, values: {'-': benign}}]}"
    facts = read("17,-", mapping=mapping, head="MRN,H").of(exam("17"))
    assert [label.value for label in facts.case_labels] == [Malignancy.BENIGN]


def test_an_id_is_joined_as_pseudonyms_normalise_it(read):
    table = read("Ab-017,,K,,,,,,")
    assert table.of(exam("AB-017 "))
    assert table.of(exam("Ab-17")) is None
    assert table.of(exam("017")) is None
    assert table.of(exam(None)) is None
    assert table.of(exam("--")) is None


STUDIES = "{patient: MRN, study: Acc, age: Age, sex: Sex}"


def test_a_row_with_a_study_is_of_that_study_alone(read):
    table = read("17,A1,45,female", "17,1.2.840.9,47,", mapping=STUDIES, head="MRN,Acc,Age,Sex")
    assert table.of(exam("17", accession="a1")).patient == Patient(sex=Sex.FEMALE, age=Age(years=45))
    assert table.of(exam("17", study_uid="1.2.840.9")).patient == Patient(sex=Sex.FEMALE, age=Age(years=47))
    assert table.of(exam("17", accession="A2")) is None
    assert table.of(exam("18", accession="A1")) is None


def test_a_row_without_a_study_is_of_all(read):
    table = read("17,,,male", "17,A1,45,", mapping=STUDIES, head="MRN,Acc,Age,Sex")
    assert table.of(exam("17", accession="A1")).patient == Patient(sex=Sex.MALE, age=Age(years=45))
    assert table.of(exam("17", accession="A2")).patient == Patient(sex=Sex.MALE)


def test_rows_by_accession_number_and_by_uid_may_not_contradict_each_other(read):
    table = read("17,A1,45,", "17,1.2.840.1,60,", mapping=STUDIES, head="MRN,Acc,Age,Sex")
    with pytest.raises(CaseError, match="contradict"):
        table.of(exam("17", accession="A1"))


@pytest.mark.parametrize(
    ("rows", "where"),
    [
        (["17,A1,45,female", "17,A1,45,female"], "clinical.csv:3"),
        (["17,,45,", "18,,45,", "017,,45,", "17 ,,45,"], "clinical.csv:5"),
        (["17,A1,45,female", "17,A2,47,male"], "clinical.csv:3"),
        (["17,,45,", "17,A2,47,"], "clinical.csv:3"),
        (["17,A1,forty,"], "clinical.csv:2"),
        (["17,A1,1975,"], "clinical.csv:2"),
        (["17,A1,45,woman"], "clinical.csv:2"),
        (["17,A1,45"], "clinical.csv:2"),
        (["17,A1,45,,Jane Doe"], "clinical.csv:2"),
        (["unknown,A1,45,"], "clinical.csv:2"),
        (["17,A1,45,", ",A1,45,"], "clinical.csv:3"),
    ],
)
def test_a_row_that_repeats_contradicts_or_is_not_understood_is_refused_by_its_line(read, rows, where):
    error = refused(read, *rows, mapping=STUDIES, head="MRN,Acc,Age,Sex")
    assert error.where.endswith(f"/{where}")  # as the user named it: from the root here


@pytest.mark.parametrize(
    "row", ["17,,,,1,,VII,,", "17,,,,1,2021-03-15,,,", "17,,,,1,31/02/2021,,,", "17,,,,Jane,,II,,"]
)
def test_a_label_date_or_nodule_that_is_none_is_refused(read, row):
    assert "not understood" in refused(read, row).message


def test_a_label_of_a_nodule_that_is_not_named_is_refused(read):
    assert "'Bethesda'" in refused(read, "17,,,,,,II,,").message


def test_all_cells_that_are_not_understood_are_told_at_once(read):
    error = refused(read, *(f"{number},,X,,,,,," for number in range(20, 40)))
    assert error.message.startswith("20 cells of the column 'Gender'")
    assert "clinical.csv:11 and 10 more" in error.hint


def test_rows_of_empty_cells_are_none(read):
    assert read("17,,K,,,,,,", ",,,,,,,,", " , ,,,,,,,").counts([]).rows == 1


@pytest.mark.parametrize(
    ("order", "text", "day"),
    [
        ("ymd", "20210315", date(2021, 3, 15)),
        ("ymd", "2021-03-15", date(2021, 3, 15)),
        ("ymd", "2021/3/5", date(2021, 3, 5)),
        ("ymd", "2021-03-15 00:00:00", date(2021, 3, 15)),
        ("dmy", "5.3.2021", date(2021, 3, 5)),
        ("mdy", "3/15/2021", date(2021, 3, 15)),
    ],
)
def test_a_date_is_read_in_the_stated_order(read, order, text, day):
    mapping = f"{{patient: MRN, biopsy_date: {{column: FNA, order: {order}}}}}"
    facts = read(f"17,{text}", mapping=mapping, head="MRN,FNA").of(exam("17"))
    assert facts.source_fields[0].text == str((day - date(2021, 3, 1)).days)


@pytest.mark.parametrize("text", ["2021315", "15.3.21", "2021-13-01", "44270", "2021"])
def test_a_date_of_two_meanings_is_refused(read, text):
    refused(read, f"17,{text}", mapping="{patient: MRN, biopsy_date: FNA}", head="MRN,FNA")


ISSUERS = "{patient: MRN, issuer: Site, sex: Sex}"


def test_an_id_of_two_issuers_needs_a_column_that_tells_them_apart(read):
    exams = [exam("17", issuer="North"), exam("17", issuer="South")]
    with pytest.raises(UsageError, match="issuers") as caught:
        read("17,,K,,,,,,").counts(exams)
    assert caught.value.where.endswith("/clinical.yaml:2")
    table = read("17,north,female", "17,South,male", mapping=ISSUERS, head="MRN,Site,Sex")
    assert [table.of(each).patient.sex for each in exams] == [Sex.FEMALE, Sex.MALE]
    assert table.counts(exams).unmatched_rows == 0
    assert table.of(exam("17")) is None


def test_the_counts_are_of_rows_without_images_and_patients_without_rows(read):
    table = read("17,,K,,,,,,", "18,,M,,,,,,", "19,,M,,,,,,")
    exams = [exam("17"), exam("17", study_uid="1.9"), exam("20"), exam("--"), exam(None), exam("19")]
    counts = table.counts(exams)
    assert counts == ClinicalCounts(rows=3, unmatched_rows=1, patients=3, patients_without_row=1)
    assert [note.split()[1:4] for note in counts.notes()] == [["1", "of", "3"], ["1", "of", "3"]]


@pytest.mark.parametrize(
    ("stated", "said", "codes"),
    [
        (Patient(), Patient(sex=Sex.FEMALE, age=Age(years=45)), []),
        (Patient(sex=Sex.FEMALE, age=Age(years=46)), Patient(sex=Sex.FEMALE, age=Age(years=45)), []),
        (Patient(sex=Sex.MALE), Patient(age=Age(years=45)), ["sex-disagrees"]),
        (Patient(age=Age(years=60)), Patient(sex=Sex.FEMALE), ["age-disagrees"]),
        (
            Patient(age=Age(years=90, at_least=True)),
            Patient(sex=Sex.FEMALE, age=Age(years=90, at_least=True)),
            ["age-disagrees"],
        ),
    ],
)
def test_table_and_header_agree_or_nothing_is_known(read, stated, said, codes):
    patient, remarks = read("17,,K,45,,,,,").of(exam("17")).over(stated)
    assert patient == said
    assert [remark.code for remark in remarks] == codes


def test_an_age_of_at_least_so_many_years_agrees_with_any_higher_one(read):
    facts = read("17,,,80+,,,,,").of(exam("17"))
    assert facts.over(Patient(age=Age(years=88))) == (Patient(age=Age(years=80, at_least=True)), ())
    assert facts.over(Patient(age=Age(years=70)))[0].age is None


@pytest.mark.parametrize(
    ("mapping", "line"),
    [
        ("sex: Gender", 1),
        ("patient: MRN\nname: Name", 2),
        ("patient: MRN\nsex: Missing", 2),
        ("patient: MRN\nlabels:\n  - {column: TR, scheme: tirads-acr, of: image}", 3),
        ("patient: MRN\nlabels:\n  - {column: TR, scheme: tirads-acr, of: finding}", 3),
        ("patient: MRN\nlabels:\n  - {column: TR, scheme: tirads-acr, of: nodule}", 3),
        ("patient: MRN\nlabels:\n  - {column: TR, scheme: tirads, of: case}", 3),
        ("patient: MRN\nbiopsy_date: {column: FNA, order: any}", 2),
        ("patient: MRN\nbiopsy_date: {column: FNA}", 2),
    ],
)
def test_a_map_that_cannot_be_is_refused_by_its_line(read, mapping, line):
    error = refused(read, "17,Canary^Mary,,,,,,,", mapping=mapping, error=RawLayoutError)
    assert error.where.endswith(f"/clinical.yaml:{line}")


def test_a_table_without_a_header_is_refused_and_its_first_row_is_not_quoted(read):
    error = refused(read, "18,,,,,,,,", head="17,Canary^Mary,K,45,1,,II,B,TR3", error=RawLayoutError)
    assert "Canary" not in str(error)


def test_a_missing_table_is_an_error_that_names_it(tmp_path):
    (tmp_path / "clinical.yaml").write_text(MAP)
    with pytest.raises(UsageError) as caught:
        read_clinical(tmp_path / "missing.csv", tmp_path / "clinical.yaml")
    assert "missing.csv" in caught.value.where


def test_an_exam_is_known_by_its_header():
    said = {field.name: None for field in dataclasses.fields(DicomHeader)}
    header = DicomHeader(
        **said | {"patient_id": "17", "issuer": "S", "study_uid": "1.2", "series_date": "2021.03.01"}
    )
    assert Exam.of(header) == exam("17", issuer="S", study_uid="1.2")


CELLS = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters='",'), max_size=6)


@given(st.lists(st.lists(CELLS, min_size=9, max_size=9).map(",".join), max_size=4))
def test_no_table_raises_anything_else_or_quotes_a_cell(tmp_path_factory, rows):
    """A table of any texts is read, or refused in words of our own."""
    folder = tmp_path_factory.mktemp("table")
    (folder / "clinical.csv").write_text("\n".join([HEAD, *rows, ""]))
    (folder / "clinical.yaml").write_text(MAP)
    said = ""
    try:
        read_clinical(folder / "clinical.csv", folder / "clinical.yaml")
    except ThyrodataError as error:
        said = str(error)
    assert not any(len(cell.strip()) == 6 and cell in said for cell in ",".join(rows).split(","))
