"""Search over HTTP (PS3.18 10.6), as OHIF, dicomweb-client and the portal ask."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from pydicom.dataset import Dataset

from chalicelib.access.model import Role
from chalicelib.archive import search_access
from chalicelib.archive.scope import PatientRef, Scope, StudyRef
from tests.dicom_files import data_set, part10
from tests.http.conftest import HttpClient, Issue
from tests.http.dicomweb import archive, dicomweb_client, parts_of

STUDY_UID, PATIENT_ID, MODALITIES = "0020000D", "00100020", "00080061"
DICOM_JSON = {"Accept": "application/dicom+json"}


def exam(number: int, hospital: str = "nord", **attributes: Any) -> None:
    values = {
        "StudyDate": f"202401{number:02}",
        "PatientID": f"P{number}",
        "AccessionNumber": f"A{number}",
        "StudyDescription": f"Exam {number}",
        **attributes,
    }
    study = f"1.2.{number}"
    archive(part10(data_set(study, f"{study}.1", f"{study}.1.1", **values)), hospital)


@pytest.fixture
def studies(http: HttpClient, bearer: Issue) -> Any:
    exam(1)
    exam(2, PatientName="Dupont^Jean", Modality="MR")
    exam(3, PatientName="Dupont^Jeanne", StudyDate="")
    archive(part10(data_set("1.2.2", "1.2.2.2", "1.2.2.2.1", PatientID="P2", PatientName="Dupont^Jean", Modality="SR",
                            StudyDate="20240102", AccessionNumber="A2", InstanceNumber=2)))  # fmt: skip
    exam(9, "sud", PatientID="P1")

    def get(path: str, headers: dict[str, str] | None = None, **more: Any) -> Any:
        return http.get(f"/dicomweb{path}", headers={**bearer(Role.RADIOLOGIST, "nord"), **(headers or {}), **more})

    return get


def uids(answer: Any) -> list[str]:
    if answer.status_code == 204:
        assert answer.body == b""
        return []
    assert answer.status_code == 200, answer.body
    return [match[STUDY_UID]["Value"][0] for match in answer.json_body]


def test_ohif_opens_a_study(studies: Any) -> None:
    answer = studies(
        "/studies?limit=101&offset=0&fuzzymatching=false"
        "&includefield=00081030%2C00080060%2C00080090%2C00100030&StudyInstanceUID=1.2.2",
        DICOM_JSON,
    )
    assert answer.headers["Content-Type"] == "application/dicom+json"
    (study,) = answer.json_body
    assert study["00081030"] == {"vr": "LO", "Value": ["Exam 2"]}
    assert study[MODALITIES] == {"vr": "CS", "Value": ["MR", "SR"]}
    assert study["00201206"]["Value"] == [2]
    assert study["00201208"]["Value"] == [2]
    assert study["00100010"]["Value"] == [{"Alphabetic": "Dupont^Jean"}]
    assert study["00081190"]["Value"][0].endswith("/dicomweb/studies/1.2.2")
    assert study["00080056"]["Value"] == ["ONLINE"]
    assert study["00080005"]["Value"] == ["ISO_IR 192"]
    assert list(study) == sorted(study)


def test_ohif_lists_the_series(studies: Any) -> None:
    found = studies("/studies/1.2.2/series?includefield=00080021%2C00080031%2C0008103E%2C00200011").json_body
    assert [(series["0020000E"]["Value"][0], series["00080060"]["Value"][0]) for series in found] == [
        ("1.2.2.1", "MR"),
        ("1.2.2.2", "SR"),
    ]
    assert all(series["00201209"]["Value"] == [1] for series in found)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["1.2.2", "1.2.1", "1.2.3"]),
        ("PatientID=P1", ["1.2.1"]),
        ("00100020=P2", ["1.2.2"]),
        ("PatientID=P*", ["1.2.2", "1.2.1", "1.2.3"]),
        ("AccessionNumber=A2", ["1.2.2"]),
        ("StudyDate=20240101-20240131", ["1.2.2", "1.2.1"]),
        ("StudyDate=20240102-", ["1.2.2"]),
        ("StudyDate=-20240101", ["1.2.1"]),
        ("StudyDate=20240101", ["1.2.1"]),
        ("PatientName=dupont*", ["1.2.2", "1.2.3"]),
        ("PatientName=DUPONT%5EJean", ["1.2.2"]),
        ("PatientName=lef%C3%A8vre*", ["1.2.1"]),
        ("PatientName=LEFEVRE*", ["1.2.1"]),
        ("PatientName=*anne", ["1.2.3"]),
        ("PatientName=jean&fuzzymatching=true", ["1.2.2", "1.2.3"]),
        ("PatientName=marie%20lefevre&fuzzymatching=true", ["1.2.1"]),
        ("PatientName=lefebvre&fuzzymatching=true", ["1.2.1"]),
        ("PatientName=dupond%20jehan&fuzzymatching=true", ["1.2.2"]),
        ("PatientName=dupond&fuzzymatching=true&StudyDate=20240102", ["1.2.2"]),
        ("PatientName=*efev*", ["1.2.1"]),
        ("PatientName=*upont%5Ejean", ["1.2.2"]),
        ("PatientName=D*", ["1.2.2", "1.2.3"]),
        ("PatientName=?upont%5EJ*", ["1.2.2", "1.2.3"]),
        ("PatientName=*%5EJeanne", ["1.2.3"]),
        ("PatientName=dupont*&ModalitiesInStudy=SR", ["1.2.2"]),
        ("ModalitiesInStudy=SR,CT", ["1.2.2", "1.2.1", "1.2.3"]),
        ("ModalitiesInStudy=SR%5CUS", ["1.2.2"]),
        ("ModalitiesInStudy=MR&ModalitiesInStudy=US", ["1.2.2"]),
        ("ModalitiesInStudy=MR%5CSR&multiplevaluematching=true", ["1.2.2"]),
        ("ModalitiesInStudy=MR%5CCT&multiplevaluematching=true", []),
        ("StudyDate=%22%22&emptyvaluematching=true", ["1.2.3"]),
        ("StudyDate=20240101-20240102&StudyTime=1016-1016", ["1.2.2"]),
        ("PatientName=", ["1.2.2", "1.2.1", "1.2.3"]),
        ("PatientName=Lefèvre*", ["1.2.1"]),
        ("ModalitiesInStudy=SR", ["1.2.2"]),
        ("StudyInstanceUID=1.2.1%2C1.2.3", ["1.2.1", "1.2.3"]),
        ("StudyInstanceUID=1.2.1&StudyInstanceUID=1.2.9", ["1.2.1"]),
        ("StudyDescription=*3", ["1.2.3"]),
        ("PatientID=P1&StudyDate=20230101", []),
        ("limit=1", ["1.2.2"]),
        ("limit=2&offset=1", ["1.2.1", "1.2.3"]),
        ("offset=7", []),
        ("limit=0", []),
    ],
)
def test_studies_are_found_newest_first(studies: Any, query: str, expected: list[str]) -> None:
    assert uids(studies(f"/studies?{query}")) == expected


def test_more_results_are_announced(studies: Any) -> None:
    assert studies("/studies?limit=2").headers["Warning"].startswith("299 ")
    assert "Warning" not in studies("/studies?limit=3").headers


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/studies?PatientIdentifier=1", "PatientIdentifier"),
        ("/studies?includefield=Nonsense", "Nonsense"),
        ("/studies?limit=-1", "limit"),
        ("/studies?offset=x", "offset"),
        ("/studies?fuzzymatching=maybe", "fuzzymatching"),
        ("/studies?StudyDate=yesterday", "DA"),
        ("/studies?SeriesDescription=x", "SeriesDescription"),
        ("/studies?PatientID=1&PatientID=2", "PatientID"),
        ("/studies/..%2F/series", "UID"),
        ("/studies?StudyDate=20240201-20240101", "StudyDate"),
        ("/studies?TimezoneOffsetFromUTC=Paris", "TimezoneOffsetFromUTC"),
        ("/studies?emptyvaluematching=yes", "emptyvaluematching"),
        ("/studies?PixelData=1", "PixelData"),
        ("/studies?PatientID.PatientName=1", "PatientID.PatientName"),
        ("/studies?" + ".".join(["00400275"] * 9) + "=1", "00400275"),
        ("/studies?PatientName=" + "x" * 10_000, "PatientName"),
        ("/studies?PatientName=" + "*%3F" * 500, "PatientName"),
        (
            "/studies?includefield=" + ",".join(f"{tag:08X}" for tag in range(0x00100010, 0x00100010 + 100_000)),
            "includefield",
        ),
        ("/patients?SeriesDescription=x", "SeriesDescription"),
    ],
)
def test_nothing_is_ignored_in_silence(studies: Any, path: str, named: str) -> None:
    answer = studies(path)
    assert answer.status_code == 400
    assert named in answer.json_body["detail"]


def test_fields_by_keyword_by_tag_repeated_and_all(studies: Any) -> None:
    query = "includefield=StudyDescription&includefield=00081030,InstitutionName&includefield=RequestAttributesSequence"
    assert "00081030" in studies(f"/studies?{query}").json_body[0]
    everything = studies("/instances?includefield=all&StudyInstanceUID=1.2.1").json_body[0]
    assert everything["00280101"]["Value"] == [16]
    assert "7FE00010" not in everything


def test_series_and_instances_without_parents(studies: Any) -> None:
    series = studies("/series?Modality=SR").json_body
    assert [match["0020000E"]["Value"][0] for match in series] == ["1.2.2.2"]
    assert series[0]["00100020"]["Value"] == ["P2"]
    instances = studies("/instances?SOPInstanceUID=1.2.1.1.1").json_body
    assert [match["00080018"]["Value"][0] for match in instances] == ["1.2.1.1.1"]
    assert instances[0]["00280010"]["Value"] == [4]
    assert instances[0]["00081190"]["Value"][0].endswith("/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1")
    assert studies("/studies/1.2.2/series/1.2.2.2/instances?InstanceNumber=2").json_body[0]["00200013"]["Value"] == [2]
    assert len(studies("/studies/1.2.2/instances").json_body) == 2


def test_the_scope_of_a_patient_and_of_a_share(studies: Any, http: HttpClient, bearer: Issue) -> None:
    scope = Scope(patients=(PatientRef("nord", "P1"), PatientRef("sud", "P1")), studies=(StudyRef("nord", "1.2.3"),))
    headers = bearer(Role.GP, scope=scope)
    assert uids(http.get("/dicomweb/studies", headers=headers)) == ["1.2.9", "1.2.1", "1.2.3"]
    # What OHIF asks for the list of prior exams of a patient.
    assert uids(http.get("/dicomweb/studies?00100020=P2&limit=101", headers=headers)) == []
    assert http.get("/dicomweb/studies/1.2.2/series", headers=headers).status_code == 204


def test_a_search_that_reads_too_much_is_refused_with_advice(studies: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_access, "MAXIMUM_STUDIES_READ", 2)
    answer = studies("/studies?StudyDescription=Nothing")
    assert answer.status_code == 413
    assert "StudyDate" in answer.json_body["detail"]
    assert uids(studies("/studies?limit=1")) == ["1.2.2"]


def test_media_types(studies: Any) -> None:
    assert studies("/studies", {"Accept": "application/json"}).headers["Content-Type"] == "application/json"
    refused = studies("/studies", {"Accept": "text/html"})
    assert refused.status_code == 406
    assert "application/dicom+json" in refused.json_body["detail"]
    assert "application/dicom+xml" in refused.json_body["detail"]


def test_dicomweb_client_searches(studies: Any, http: HttpClient, bearer: Issue) -> None:
    client = dicomweb_client(http, bearer(Role.RADIOLOGIST, "nord"))
    found = client.search_for_studies(search_filters={"PatientName": "Lefèvre*"}, fields=["StudyDescription"])
    assert [study["00081030"]["Value"] for study in found] == [["Exam 1"]]
    assert len(client.search_for_studies(limit=1, get_remaining=True)) == 3
    assert len(client.search_for_series("1.2.2")) == 2
    assert len(client.search_for_instances("1.2.2", "1.2.2.1")) == 1


def names_of(document: bytes) -> dict[str, str]:
    """Tags to the text of the first value of a document of the Native DICOM Model."""
    root = ElementTree.fromstring(document)
    return {attribute.attrib["tag"]: "".join(attribute.itertext()) for attribute in root}


def test_answers_in_xml_say_what_answers_in_json_say(studies: Any) -> None:
    accept = {"Accept": 'multipart/related; type="application/dicom+xml"'}
    for path in ("/studies?includefield=all", "/studies/1.2.2/series", "/studies/1.2.2/instances?includefield=all"):
        answer = studies(path, accept)
        parts = parts_of(answer.body, answer.headers["Content-Type"])
        assert {head["Content-Type"] for head, _ in parts} == {"application/dicom+xml"}
        found = [names_of(document) for _, document in parts]
        expected = studies(path).json_body
        assert [match.keys() for match in found] == [match.keys() for match in expected]
        assert [match[STUDY_UID] for match in found] == [match[STUDY_UID]["Value"][0] for match in expected]
    assert studies("/studies?PatientID=P7", accept).status_code == 204


def test_metadata_in_xml(studies: Any) -> None:
    accept = {"Accept": 'multipart/related; type="application/dicom+xml"'}
    for path in (
        "/studies/1.2.2",
        "/studies/1.2.2/series/1.2.2.1",
        "/studies/1.2.2/series/1.2.2.1/instances/1.2.2.1.1",
    ):
        answer = studies(f"{path}/metadata", accept)
        parts = parts_of(answer.body, answer.headers["Content-Type"])
        assert [names_of(document).keys() for _, document in parts] == [
            instance.keys() for instance in studies(f"{path}/metadata").json_body
        ]
        again = studies(f"{path}/metadata", {**accept, "If-None-Match": answer.headers["ETag"]})
        assert again.status_code == 304
        assert studies(f"{path}/metadata").headers["ETag"] != answer.headers["ETag"]


def test_the_count_is_told_where_it_is_known(studies: Any) -> None:
    assert "X-Total-Count" not in studies("/studies?limit=2").headers
    assert studies("/studies?limit=2&offset=1").headers["X-Total-Count"] == "3"
    assert studies("/studies?PatientID=P7").headers["X-Total-Count"] == "0"
    assert "X-Total-Count" not in studies("/studies?offset=7").headers


def test_fields_of_a_lower_level_are_not_left_out_in_silence(studies: Any) -> None:
    assert "00080060" in studies("/studies?includefield=Modality,StudyDescription").headers["Warning"]


def test_patients_of_the_studies_that_match(studies: Any) -> None:
    found = studies("/patients?includefield=NumberOfPatientRelatedStudies").json_body
    assert [patient[PATIENT_ID]["Value"][0] for patient in found] == ["P2", "P1", "P3"]
    assert [patient["00201200"]["Value"] for patient in found] == [[1], [1], [1]]
    assert [
        p[PATIENT_ID]["Value"] for p in studies("/patients?PatientName=dupond&fuzzymatching=true&limit=1").json_body
    ] == [["P2"]]


def test_uids_that_two_hospitals_gave(studies: Any, http: HttpClient, bearer: Issue) -> None:
    """D3: hospitals are name spaces of their own; whoever sees both says which one is meant."""
    exam(2, "sud", PatientID="OTHER")
    both = bearer(Role.GP, scope=Scope(hospitals=("nord", "sud")))
    found = http.get("/dicomweb/studies?StudyInstanceUID=1.2.2", headers=both).json_body
    urls = {study["00081190"]["Value"][0].partition("/dicomweb")[2]: study[PATIENT_ID]["Value"] for study in found}
    assert urls == {"/studies/1.2.2?hospital=nord": ["P2"], "/studies/1.2.2?hospital=sud": ["OTHER"]}
    for path in (
        "/studies/1.2.2",
        "/studies/1.2.2/series/1.2.2.1",
        "/studies/1.2.2/series/1.2.2.1/instances/1.2.2.1.1",
    ):
        refused = http.get(f"/dicomweb{path}/metadata", headers=both)
        assert refused.status_code == 409
        assert "nord, sud" in refused.json_body["detail"]
        for hospital, patient in (("nord", "P2"), ("sud", "OTHER")):
            chosen = http.get(f"/dicomweb{path}/metadata?hospital={hospital}", headers=both).json_body
            assert {instance[PATIENT_ID]["Value"][0] for instance in chosen} == {patient}
    assert uids(http.get("/dicomweb/studies?hospital=sud", headers=both)) == ["1.2.9", "1.2.2"]
    # What only one has needs no choice, and naming a hospital shows nothing that the session may not see.
    assert http.get("/dicomweb/studies/1.2.1/metadata", headers=both).status_code == 200
    assert studies("/studies/1.2.2/metadata?hospital=sud").status_code == 404
    assert studies("/studies?hospital=sud").status_code == 204


def test_series_and_instances_by_their_uid_alone_read_no_other_study(
    studies: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_access, "MAXIMUM_STUDIES_READ", 1)
    assert [m["00080018"]["Value"] for m in studies("/instances?SOPInstanceUID=1.2.2.2.1").json_body] == [["1.2.2.2.1"]]
    assert [m["0020000E"]["Value"] for m in studies("/series?SeriesInstanceUID=1.2.1.1").json_body] == [["1.2.1.1"]]
    found = studies("/studies/1.2.2/instances?SOPInstanceUID=1.2.2.2.1,1.2.1.1.1").json_body
    assert [m["00080018"]["Value"] for m in found] == [["1.2.2.2.1"]]


def test_sequences_are_matched_by_path(studies: Any) -> None:
    item = Dataset()
    item.ScheduledProcedureStepID = "STEP1"
    exam(5, RequestAttributesSequence=[item])
    for path in ("00400275.00400009", "RequestAttributesSequence.ScheduledProcedureStepID"):
        series = studies(f"/series?{path}=STEP*&includefield={path}").json_body
        assert [m["0020000E"]["Value"] for m in series] == [["1.2.5.1"]]
        assert series[0]["00400275"]["Value"][0]["00400009"]["Value"] == ["STEP1"]


def test_names_in_every_group(studies: Any) -> None:
    exam(6, PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう", SpecificCharacterSet="ISO_IR 192")
    for name in (
        "yamada*",
        "山田*",
        "山田^太郎",
        "やまだ*",
        "=山田*",
        "*=*=やまだ^*",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ):
        assert uids(studies(f"/studies?PatientName={quote(name)}")) == ["1.2.6"], name
    for name in ("山田", "太郎 yamada"):
        assert uids(studies(f"/studies?PatientName={quote(name)}&fuzzymatching=true")) == ["1.2.6"], name


def test_time_zones(studies: Any) -> None:
    exam(7, StudyDate="20240301", StudyTime="0030", TimezoneOffsetFromUTC="+0100")
    paris, london = "StudyDate=20240301&StudyTime=0000-0100", "StudyDate=20240229&StudyTime=2300-2359"
    assert uids(studies(f"/studies?{paris}")) == ["1.2.7"]
    assert uids(studies(f"/studies?{paris}&TimezoneOffsetFromUTC=%2B0100")) == ["1.2.7"]
    assert uids(studies(f"/studies?{london}&TimezoneOffsetFromUTC=+0000")) == ["1.2.7"]
    assert uids(studies(f"/studies?{paris}&TimezoneOffsetFromUTC=%2B0000")) == []
    assert studies(f"/studies?{paris}").json_body[0]["00080201"]["Value"] == ["+0100"]


def test_pages_are_in_one_order_by_every_path(studies: Any) -> None:
    """The lists of names and modalities, the dates and the rows agree; no page repeats or misses one."""
    for number in range(30):
        study = f"1.4.{number}"
        archive(part10(data_set(study, f"{study}.1", f"{study}.1.1", StudyDate=f"202402{number % 3 + 1:02}",
                                PatientID="MANY", PatientName="Dupont^Anne")))  # fmt: skip
    every = uids(studies("/studies?PatientID=MANY"))
    assert len(set(every)) == 30
    february = "StudyDate=20240201-20240229"
    for query in ("PatientName=dup*", "PatientName=*upon*", "PatientName=dupond&fuzzymatching=true",
                  "ModalitiesInStudy=CT", "StudyDescription=*"):  # fmt: skip
        pages = [uids(studies(f"/studies?{query}&{february}&limit=7&offset={offset}")) for offset in range(0, 35, 7)]
        assert [uid for page in pages for uid in page] == every, query
