"""STOW-RS against the ingest service as a process (PS3.18 10.5)."""

from __future__ import annotations

import hashlib
import io
import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom
import pytest
import requests
from dicomweb_client.api import DICOMwebClient

from chalicelib import wiring
from chalicelib.access.model import Role
from chalicelib.access.sessions import Identity, end_session, issue_session, verify_session
from chalicelib.archive.scope import Scope
from tests.dicom_files import data_set, part10, real_files
from tests.scp.conftest import Ingest
from tests.scp.scu import data_set as scu_data_set
from tests.scp.stow import (
    BOUNDARY,
    DICOM,
    FAILED,
    OTHER,
    REFERENCED,
    RETRIEVE_URL,
    dicom_json,
    metadata_and_bulk,
    multipart,
    post,
    reasons,
    related,
    sop_instance_uids,
    token,
    url,
)

JSON = "application/dicom+json"


def instance(sop: str = "1.2.3.4.5", study: str = "1.2.3", pixels: bytes = bytes(range(32))) -> bytes:
    return part10(data_set(study=study, sop=sop, PixelData=pixels))


def test_what_dicomweb_client_sends_is_stored_as_it_is(ingest: Ingest) -> None:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token()}"
    client = DICOMwebClient(f"http://127.0.0.1:{ingest.http_port}/dicomweb", session=session)
    sent = [pydicom.dcmread(io.BytesIO(instance(f"1.2.3.4.{number}"))) for number in range(5)]
    answer = client.store_instances(sent)
    assert [item.ReferencedSOPInstanceUID for item in answer.ReferencedSOPSequence] == [
        each.SOPInstanceUID for each in sent
    ]
    assert answer.RetrieveURL == "http://127.0.0.1:8080/dicomweb/studies/1.2.3"
    stored = ingest.objects("archive/nord/1.2.3/1.2.3.4/")
    assert len(stored) == 5
    for key, body in stored.items():
        assert hashlib.sha256(pydicom_data_set(body)).hexdigest() in key
        assert pydicom.dcmread(io.BytesIO(body)).PixelData == bytes(range(32))


def pydicom_data_set(body: bytes) -> bytes:
    stream = io.BytesIO(body)
    pydicom.filereader.read_preamble(stream, force=False)
    pydicom.filereader._read_file_meta_info(stream)
    return body[stream.tell() :]


def test_the_same_request_twice_is_one_object_and_two_successes(ingest: Ingest) -> None:
    body = multipart([instance()])
    answers = [post(ingest, body), post(ingest, body)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert answers[0].headers["Content-Type"] == JSON
    assert list(ingest.objects("archive/").values()) == [instance()]
    health = ingest.health()
    assert (health["stored"], health["duplicates"]) == (1, 1)


def test_one_instance_without_multipart(ingest: Ingest) -> None:
    answer = post(ingest, instance(), DICOM, "1.2.3")
    assert answer.status_code == 200
    (item,) = answer.json()[REFERENCED]["Value"]
    assert item[RETRIEVE_URL]["Value"] == [
        "http://127.0.0.1:8080/dicomweb/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5"
    ]
    assert item["00081150"]["Value"] == ["1.2.840.10008.5.1.4.1.1.2"]


def test_a_chunked_body(ingest: Ingest) -> None:
    body = multipart([instance("1.2.3.4.1"), instance("1.2.3.4.2")])
    pieces: Iterator[bytes] = (body[start : start + 7] for start in range(0, len(body), 7))
    answer = post(ingest, pieces)
    assert sop_instance_uids(answer, REFERENCED) == ["1.2.3.4.1", "1.2.3.4.2"]


def test_curl_with_expect(ingest: Ingest, tmp_path: Path) -> None:
    file = tmp_path / "body"
    file.write_bytes(multipart([instance(pixels=bytes(3 << 20))]))

    def curl(bearer: str) -> str:
        command = ["curl", "-sS", "-v", "-X", "POST", "--data-binary", f"@{file}", "-H", "Expect: 100-continue"]
        command += ["-H", f"Content-Type: {related()}", "-H", f"Authorization: Bearer {bearer}", url(ingest)]
        return subprocess.run(command, capture_output=True, timeout=60).stderr.decode()

    refused = curl("none")
    assert "401 Unauthorized" in refused
    assert "100 Continue" not in refused
    accepted = curl(token())
    assert accepted.index("100 Continue") < accepted.index("200 OK")


def test_partial_failure(ingest: Ingest) -> None:
    whole = instance("1.2.3.4.1")
    truncated = instance("1.2.3.4.2")[:-10]
    other_study = instance("1.2.3.4.3", study="1.2.9")
    answer = post(ingest, multipart([b"no instance", whole, truncated, other_study, b""]), study="1.2.3")
    assert answer.status_code == 202
    assert sop_instance_uids(answer, REFERENCED) == ["1.2.3.4.1"]
    assert sop_instance_uids(answer, FAILED) == ["1.2.3.4.2", "1.2.3.4.3"]
    assert reasons(answer, FAILED) == [0xC003, 0xA900]
    assert reasons(answer, OTHER) == [0xC001, 0xC002]
    assert len(ingest.objects("archive/")) == 1
    assert set(ingest.objects("rejected/nord/").values()) == {b"no instance", b"", truncated, other_study}


def test_nothing_stored_is_a_conflict(ingest: Ingest) -> None:
    answer = post(ingest, multipart([instance(study="1.2.9")]), study="1.2.3")
    assert (answer.status_code, reasons(answer, FAILED)) == (409, [0xA900])
    assert not ingest.objects("archive/")


def test_another_instance_in_the_file_meta_information_is_a_warning(ingest: Ingest) -> None:
    sent = pydicom.dcmread(io.BytesIO(instance()))
    sent.SOPInstanceUID = "1.2.3.4.77"
    out = io.BytesIO()
    sent.save_as(out)
    body = out.getvalue()
    assert pydicom.dcmread(io.BytesIO(body)).file_meta.MediaStorageSOPInstanceUID == "1.2.3.4.5"
    answer = post(ingest, multipart([body]))
    assert answer.status_code == 202
    (item,) = answer.json()[REFERENCED]["Value"]
    assert item["00081196"]["Value"] == [0xB007]
    assert list(ingest.objects("archive/").values()) == [body]


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("text/plain", 415),
        ("multipart/form-data; boundary=x", 415),
        ('multipart/related; type="application/dicom+xml"; boundary=x', 415),
        ('multipart/related; type="application/dicom"', 400),
        ("nonsense", 415),
    ],
)
def test_other_media_types_are_refused(ingest: Ingest, content_type: str, status: int) -> None:
    answer = post(ingest, multipart([instance()]), content_type)
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert not ingest.objects("archive/")


def test_what_else_is_refused(ingest: Ingest) -> None:
    body = multipart([instance()])
    assert post(ingest, body, Accept="application/dicom+xml").status_code == 406
    assert post(ingest, body, **{"Content-Encoding": "gzip"}).status_code == 415
    assert post(ingest, body, study="1..2").status_code == 400
    assert requests.put(url(ingest), data=body, timeout=10).status_code == 405
    assert not ingest.objects("archive/")


def test_only_those_who_may_store_do_and_in_their_own_hospital(ingest: Ingest) -> None:
    body = multipart([instance()])
    no_one = post(ingest, body, Authorization="")
    assert (no_one.status_code, no_one.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert post(ingest, body, Authorization="Bearer a.b.c").status_code == 401
    assert post(ingest, body, Authorization=f"Basic {token()}").status_code == 401
    for role in (Role.RADIOLOGIST, Role.GP, Role.OPERATOR, Role.FINANCE):
        assert post(ingest, body, Authorization=f"Bearer {token(role)}").status_code == 403
    reads = token(services=("query", "retrieve"))
    assert post(ingest, body, Authorization=f"Bearer {reads}").status_code == 403
    assert not ingest.objects("archive/")
    stores = token(hospital="sud", services=("store",))
    assert post(ingest, body, Authorization=f"Bearer {stores}").status_code == 200
    assert [key.split("/")[1] for key in ingest.objects("archive/")] == ["sud"]


def test_an_ended_session_is_refused_at_once(ingest: Ingest) -> None:
    identity = Identity("gateway", "Gateway", Role.GATEWAY, "nord", Scope(hospitals=("nord",)))
    issuer = wiring.settings().public_url
    bearer, session = issue_session(wiring.registry(), wiring.session_signer(), identity, issuer=issuer, lifetime_s=600)
    assert verify_session(wiring.registry(), wiring.session_signer(), bearer, issuer=issuer) == session
    end_session(wiring.registry(), session)
    assert post(ingest, multipart([instance()]), Authorization=f"Bearer {bearer}").status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nothing like multipart",
        multipart([instance()])[:-6],
        f"--{BOUNDARY}--\r\n".encode(),
        f"--{BOUNDARY}\r\nno colon\r\n\r\nx\r\n--{BOUNDARY}--".encode(),
        f"--{BOUNDARY}\r\nA: {'x' * 20000}\r\n\r\nx\r\n--{BOUNDARY}--".encode(),
    ],
)
def test_malformed_bodies(ingest: Ingest, body: bytes) -> None:
    assert post(ingest, body).status_code == 400
    assert ingest.health()["status"] == "ok"


def test_a_killed_connection_leaves_nothing_half_stored(ingest: Ingest) -> None:
    body = multipart([instance("1.2.3.4.1"), instance("1.2.3.4.2", pixels=bytes(8 << 20))])
    head = (
        f"POST /dicomweb/studies HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token()}\r\n"
        f"Content-Type: {related()}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", ingest.http_port)) as connection:
        connection.sendall(head.encode() + body[:-1000])
        time.sleep(1)
    time.sleep(1)
    # The first was whole and is an instance like any other; of the second there is no trace.
    assert [key.split("/")[4] for key in ingest.objects("archive/")] == ["1.2.3.4.1"]
    assert not ingest.objects("rejected/")
    uploads = ingest.cloud.client("s3").list_multipart_uploads(Bucket=ingest.cloud.settings["archive_bucket"])
    assert not uploads.get("Uploads")
    assert post(ingest, body).status_code == 200


def test_metadata_and_bulk_data(ingest: Ingest) -> None:
    pixels = b"\x01\x00\x02\x00\x03\x00\x04\x00"
    body = metadata_and_bulk([dicom_json()], ("pixels/1", "application/octet-stream", pixels))
    answer = post(ingest, body, related(JSON))
    assert answer.status_code == 200, answer.text
    (stored,) = ingest.objects("archive/nord/1.2.3.1/1.2.3.2/1.2.3.3/").values()
    found = pydicom.dcmread(io.BytesIO(stored))
    assert (found.PixelData, found.file_meta.TransferSyntaxUID) == (pixels, "1.2.840.10008.1.2.1")
    assert str(found.PatientName) == "LEFÈVRE-DUBOIS^Hélène"
    assert post(ingest, body, related(JSON)).status_code == 200
    assert ingest.health()["duplicates"] == 1


def test_frames_in_their_own_transfer_syntax(ingest: Ingest) -> None:
    frames = [b"\xff\xd8" + bytes([number]) * 9 + b"\xff\xd9" for number in range(3)]
    media_type = "image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50"
    answer = post(
        ingest,
        metadata_and_bulk([dicom_json()], *(("pixels/1", media_type, frame) for frame in frames)),
        related(JSON),
    )
    assert answer.status_code == 200, answer.text
    (stored,) = ingest.objects("archive/").values()
    found = pydicom.dcmread(io.BytesIO(stored))
    assert found.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.50"
    fragments = list(pydicom.encaps.generate_fragments(found.PixelData))
    assert [fragment[:13] for fragment in fragments[-3:]] == frames


def test_metadata_with_nested_and_missing_bulk_data(ingest: Ingest) -> None:
    item = {"00420011": {"vr": "OB", "BulkDataURI": "document"}}
    with_item = dicom_json(**{"00400555": {"vr": "SQ", "Value": [item]}})
    missing = dicom_json(
        **{"00080018": {"vr": "UI", "Value": ["1.2.3.9"]}, "7FE00010": {"vr": "OW", "BulkDataURI": "no"}}
    )
    broken = dicom_json(**{"00280010": {"vr": "US", "Value": ["many"]}})
    body = metadata_and_bulk(
        [with_item, missing, broken],
        ("pixels/1", "application/octet-stream", bytes(8)),
        ("document", "application/pdf", b"%PDF-1"),
    )
    answer = post(ingest, body, related(JSON))
    assert answer.status_code == 202
    assert reasons(answer, FAILED) == [0xC007, 0xC000]
    (stored,) = ingest.objects("archive/").values()
    found = pydicom.dcmread(io.BytesIO(stored))
    assert found[0x00400555].value[0].EncapsulatedDocument == b"%PDF-1"


@pytest.mark.parametrize(
    "metadata", [[], [1], "text", {"a": 1}, [{"0020000D": 1}], [{"xx": {"vr": "OB", "BulkDataURI": "x"}}]]
)
def test_malformed_metadata(ingest: Ingest, metadata: object) -> None:
    answer = post(ingest, metadata_and_bulk(metadata, ("x", "application/octet-stream", b"")), related(JSON))
    assert answer.status_code in (400, 409), answer.text
    deep = f"--{BOUNDARY}\r\nContent-Type: {JSON}\r\n\r\n{'[' * 100_000}\r\n--{BOUNDARY}--".encode()
    assert post(ingest, deep, related(JSON)).status_code == 400
    assert not ingest.objects("archive/")


def test_an_instance_larger_than_the_room_left(start_ingest: Callable[..., Ingest]) -> None:
    ingest = start_ingest(SANSFILM_SPOOL_LIMIT_BYTES=str(4 << 20))
    answer = post(ingest, multipart([instance("1.2.3.4.1"), instance("1.2.3.4.2", pixels=bytes(6 << 20))]))
    assert (answer.status_code, reasons(answer, OTHER)) == (202, [0xA700])
    alone = post(ingest, multipart([instance("1.2.3.4.2", pixels=bytes(6 << 20))]))
    assert (alone.status_code, reasons(alone, OTHER)) == (413, [0xA700])
    bulk = ("pixels/1", "application/octet-stream", bytes(6 << 20))
    assert post(ingest, metadata_and_bulk([dicom_json()], bulk), related(JSON)).status_code == 413
    # All room was given back.
    assert post(ingest, multipart([instance("1.2.3.4.3", pixels=bytes(3 << 20))])).status_code == 200


def test_an_archive_that_cannot_be_reached_is_told_as_such(ingest: Ingest, start_ingest: Callable[..., Ingest]) -> None:
    broken = start_ingest(SANSFILM_ARCHIVE_BUCKET="no-such-bucket")
    answer = post(broken, multipart([instance()]))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert reasons(answer, FAILED) == [0xA700]


def test_a_private_transfer_syntax_and_no_file_meta_information(ingest: Ingest) -> None:
    answer = post(ingest, multipart([scu_data_set()]))
    assert (answer.status_code, sop_instance_uids(answer, REFERENCED)) == (200, ["1.2.3.3"])


def test_logs_name_no_patient(ingest: Ingest) -> None:
    post(ingest, multipart([scu_data_set(), scu_data_set()[:-3]]))
    assert "LEF" not in ingest.log()
    assert "Traceback" not in ingest.log()


def test_requests_under_way_finish_when_the_service_is_told_to_stop(ingest: Ingest) -> None:
    body = multipart([instance()])

    def slowly() -> Iterator[bytes]:
        yield body[:100]
        time.sleep(0.5)
        ingest.signal(signal.SIGTERM)
        time.sleep(0.5)
        yield body[100:]

    assert post(ingest, slowly()).status_code == 200
    assert ingest.wait() == 0
    assert len(ingest.objects("archive/")) == 1


def test_many_instances_in_one_request(ingest: Ingest) -> None:
    count = 500

    def body() -> Iterator[bytes]:
        for number in range(count):
            yield multipart([instance(f"1.2.3.4.{number}")])[: -len(f"--{BOUNDARY}--\r\n")]
        yield f"--{BOUNDARY}--\r\n".encode()

    answer = post(ingest, body())
    assert answer.status_code == 200
    assert sop_instance_uids(answer, REFERENCED) == [f"1.2.3.4.{number}" for number in range(count)]
    assert json.loads(answer.text)[REFERENCED]["vr"] == "SQ"


def test_real_files_are_stored_as_they_are_or_refused_with_a_reason(ingest: Ingest) -> None:
    bodies = [body for path in real_files() if 0 < len(body := path.read_bytes()) < 4 << 20]
    answer = post(ingest, multipart(bodies))
    assert answer.status_code == 202
    # Some files are there twice, and some are of one SOP Instance UID.
    stored = set(ingest.objects("archive/").values())
    assert stored <= set(bodies)
    assert len(stored) > 100
    refused = reasons(answer, FAILED) + reasons(answer, OTHER)
    assert len(refused) + len(answer.json()[REFERENCED]["Value"]) == len(bodies)
    assert all(reason == 0xA900 or reason >> 12 == 0xC for reason in refused)
