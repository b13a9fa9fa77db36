"""A session sees what its scope names and nothing else: a walk over all routes, so that none is forgotten."""

from __future__ import annotations

import pytest

from app import app
from chalicelib import wiring
from chalicelib.access.model import PERMISSIONS, Permission, Role
from chalicelib.archive.model import InstanceKeys, InstanceRecord
from chalicelib.archive.scope import PatientRef, Scope, StudyRef
from tests.http.conftest import HttpClient, Issue

STUDY, SERIES, INSTANCE = "1.2.1", "1.2.1.1", "1.2.1.1.1"
VALUES = {"study": STUDY, "series": SERIES, "instance": INSTANCE, "frames": "1", "path": "00420011"}
DICOMWEB = sorted(
    path
    for path, methods in app.routes.items()
    if path.startswith("/dicomweb/") and "GET" in methods and methods["GET"].authorizer and not path.endswith("+}")
)
OTHERS = [
    Scope(),
    Scope(hospitals=("sud",)),
    Scope(patients=(PatientRef("sud", "P1"), PatientRef("nord", "P2"), PatientRef("nord", "P1", "X"))),
    Scope(studies=(StudyRef("sud", STUDY), StudyRef("nord", "1.2.2"))),
]


def store(hospital: str, study: str, patient_id: str) -> None:
    keys = InstanceKeys(hospital, study, f"{study}.1", f"{study}.1.1")
    values = {
        "00080016": ("UI", "1.2.840.10008.5.1.4.1.1.2"),
        "00080018": ("UI", keys.sop_instance_uid),
        "00080060": ("CS", "CT"),
        "00100020": ("LO", patient_id),
        "0020000D": ("UI", study),
        "0020000E": ("UI", keys.series_instance_uid),
    }
    record = InstanceRecord(
        keys=keys,
        object_key=f"archive/{hospital}/{study}/{keys.series_instance_uid}/{keys.sop_instance_uid}/d.dcm",
        digest="0" * 64,
        size_bytes=4,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        received_at_ms=1,
        dicom_json={tag: {"vr": vr, "Value": [value]} for tag, (vr, value) in values.items()},
        bulk_data={"00420011": (0, 4)},
    )
    wiring.index_writer().add_instances([record])


def url(path: str) -> str:
    for name, value in VALUES.items():
        path = path.replace(f"{{{name}}}", value)
    if path.endswith("/wado"):
        path += (
            f"?requestType=WADO&studyUID={STUDY}&seriesUID={SERIES}&objectUID={INSTANCE}&contentType=application/dicom"
        )
    return path


@pytest.fixture
def studies(http: HttpClient) -> HttpClient:
    store("nord", STUDY, "P1")
    store("nord", "1.2.2", "P2")
    return http


def test_the_walk_reaches_every_kind_of_route(studies: HttpClient, bearer: Issue) -> None:
    """Without this, a 404 below would say nothing."""
    assert len(DICOMWEB) >= 15
    headers = bearer(Role.RADIOLOGIST, "nord")
    for path in ("/dicomweb/studies", f"/dicomweb/studies/{STUDY}/series", f"/dicomweb/studies/{STUDY}/metadata"):
        assert len(studies.get(path, headers=headers).json_body) >= 1


@pytest.mark.parametrize("scope", OTHERS)
def test_nothing_outside_the_scope_is_seen(studies: HttpClient, bearer: Issue, scope: Scope) -> None:
    headers = bearer(Role.GP, scope=scope)
    for path in DICOMWEB:
        answer = studies.get(url(path), headers=headers)
        # What is out of scope reads like what does not exist.
        missing = studies.get(url(path).replace(STUDY, "1.2.9"), headers=headers)
        assert (answer.status_code, answer.body) == (missing.status_code, missing.body), path
        if "{" in path or path.endswith("/wado"):
            assert answer.status_code == 404 or (answer.status_code, answer.body) == (204, b""), path
        assert STUDY.encode() not in answer.body.replace(url(path).encode(), b""), path
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert studies.request(method, url(path), headers).status_code == 405, path


@pytest.mark.parametrize("role", [role for role in Role if Permission.READ_IMAGES not in PERMISSIONS[role]])
def test_roles_without_images_get_none(studies: HttpClient, bearer: Issue, role: Role) -> None:
    headers = bearer(role, "nord")
    for path in DICOMWEB:
        assert studies.get(url(path), headers=headers).status_code == 403, path


def test_the_same_uids_in_two_hospitals_never_meet(studies: HttpClient, bearer: Issue) -> None:
    store("sud", STUDY, "OTHER")
    for hospital, patient_id in (("nord", "P1"), ("sud", "OTHER")):
        answer = studies.get("/dicomweb/studies?includefield=00100020", headers=bearer(Role.RADIOLOGIST, hospital))
        found = {study["00100020"]["Value"][0] for study in answer.json_body if study["0020000D"]["Value"] == [STUDY]}
        assert found == {patient_id}
