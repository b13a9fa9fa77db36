"""Search over HTTP (PS3.18 10.6), as OHIF, dicomweb-client and the portal ask."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.access.model import Role
from chalicelib.archive import search as search_module
from chalicelib.archive.scope import PatientRef, Scope, StudyRef
from tests.dicom_files import data_set, part10
from tests.http.conftest import HttpClient, Issue
from tests.http.dicomweb import archive, dicomweb_client

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
    assert http.get("/dicomweb/studies/1.2.2/series", headers=headers).json_body == []


def test_a_search_that_reads_too_much_is_refused_with_advice(studies: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_module, "MAXIMUM_STUDIES_READ", 2)
    answer = studies("/studies?StudyDescription=Nothing")
    assert answer.status_code == 413
    assert "StudyDate" in answer.json_body["detail"]
    assert uids(studies("/studies?limit=1")) == ["1.2.2"]


def test_media_types(studies: Any) -> None:
    assert studies("/studies", {"Accept": "application/json"}).headers["Content-Type"] == "application/json"
    refused = studies("/studies", {"Accept": 'multipart/related; type="application/dicom+xml"'})
    assert refused.status_code == 406
    assert "application/dicom+json" in refused.json_body["detail"]


def test_dicomweb_client_searches(studies: Any, http: HttpClient, bearer: Issue) -> None:
    client = dicomweb_client(http, bearer(Role.RADIOLOGIST, "nord"))
    found = client.search_for_studies(search_filters={"PatientName": "Lefèvre*"}, fields=["StudyDescription"])
    assert [study["00081030"]["Value"] for study in found] == [["Exam 1"]]
    assert len(client.search_for_studies(limit=1, get_remaining=True)) == 3
    assert len(client.search_for_series("1.2.2")) == 2
    assert len(client.search_for_instances("1.2.2", "1.2.2.1")) == 1
