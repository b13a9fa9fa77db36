"""Retrieve over HTTP (PS3.18 10.4), as OHIF and dicomweb-client ask."""

from __future__ import annotations

import base64
import gzip
import json
import warnings
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames
from pydicom.uid import ExplicitVRLittleEndian

from chalicelib import wiring
from chalicelib.access.model import Role
from chalicelib.archive import retrieve_transcoded, series_metadata
from chalicelib.archive.scope import Scope
from chalicelib.aws.clients import client
from chalicelib.aws.cloudfront_url_signer import canned_policy
from chalicelib.aws.dynamodb_reads import DynamoDBReads
from chalicelib.aws.lambda_renderer import LambdaRenderer
from chalicelib.web import retrieving, wado_rs_metadata
from tests.dicom_files import data_set, part10
from tests.http.conftest import HttpClient, Issue
from tests.http.dicomweb import RenderedFunction, archive, dicomweb_client, parts_of

OHIF_FRAME = "multipart/related; type=application/octet-stream; transfer-syntax=*"
OCTETS = 'multipart/related; type="application/octet-stream"'
Get = Callable[..., Any]


@pytest.fixture
def get(http: HttpClient, bearer: Issue) -> Get:
    headers = bearer(Role.RADIOLOGIST, "nord")

    def send(path: str, accept: str = "*/*", **more: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        return http.get(f"/dicomweb{path}", headers={**headers, "Accept": accept, **named})

    return send


@pytest.fixture
def rendered_function(monkeypatch: pytest.MonkeyPatch) -> RenderedFunction:
    function = RenderedFunction()
    monkeypatch.setattr(wiring, "renderer", lambda: LambdaRenderer(function, "rendered"))  # type: ignore[arg-type]
    return function


@pytest.fixture
def signing_key(cloud: Any, set_setting: Any) -> rsa.RSAPrivateKey:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    secret = cloud.client("secretsmanager").create_secret(
        Name=f"objects-{cloud.settings['archive_bucket']}",
        SecretString=json.dumps({"key_pair_id": "K1", "private_key": pem}),
    )
    set_setting("object_signing_secret", secret["Name"])
    return key


def real(name: str, hospital: str = "nord") -> tuple[Any, bytes, str]:
    """A real file, archived: its data set, its bytes, its path below /dicomweb."""
    path = get_testdata_file(name)
    assert isinstance(path, str)
    body = open(path, "rb").read()  # noqa: PTH123, SIM115
    archive(body, hospital)
    dataset = dcmread(BytesIO(body))
    url = f"/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}/instances/{dataset.SOPInstanceUID}"
    return dataset, body, url


def test_an_instance_comes_back_byte_for_byte(get: Get, rendered_function: RenderedFunction) -> None:
    dataset, body, url = real("MR_small_jpeg_ls_lossless.dcm")
    answer = get(url, 'multipart/related; type="application/dicom"; transfer-syntax=*')
    ((headers, content),) = parts_of(answer.body, answer.headers["Content-Type"])
    assert content == body
    assert headers["Content-Type"] == f"application/dicom; transfer-syntax={dataset.file_meta.TransferSyntaxUID}"
    single = get(url, "application/dicom; transfer-syntax=*")
    assert (single.body, single.headers["Content-Type"].split(";")[0]) == (body, "application/dicom")
    assert get(url).headers["Content-Type"].startswith('multipart/related; type="application/dicom"; boundary=')


def test_an_instance_is_transcoded_on_demand(get: Get, rendered_function: RenderedFunction) -> None:
    dataset, _, url = real("MR_small_jpeg_ls_lossless.dcm")
    answer = get(url, f"application/dicom; transfer-syntax={ExplicitVRLittleEndian}")
    transcoded = dcmread(BytesIO(answer.body))
    assert transcoded.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert transcoded.SOPInstanceUID == dataset.SOPInstanceUID
    assert np.array_equal(transcoded.pixel_array, dataset.pixel_array)
    refused = get(url, "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.50")
    assert refused.status_code == 406
    assert str(dataset.file_meta.TransferSyntaxUID) in refused.json_body["detail"]


def test_if_match_of_another_representation_is_refused(get: Get) -> None:
    """RFC 9110 13.1.1."""
    _, _, url = real("MR_small.dcm")
    first = get(f"{url}/frames/1")
    etag = first.headers["ETag"]
    for value, status in ((etag, 200), (f'"x", {etag}', 200), ("*", 200), ('"x"', 412), (f"W/{etag}", 412)):
        assert get(f"{url}/frames/1", if_match=value).status_code == status, value


def test_a_series_comes_in_the_default_transfer_syntax(
    get: Get, rendered_function: RenderedFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Explicit VR Little Endian (PS3.18 8.7.3.4); as stored what has loss, cannot be decoded, or is too much."""
    dataset, body, url = real("MR_small_jpeg_ls_lossless.dcm")
    study, series = url.partition("/series/")[0], url.partition("/instances/")[0]
    uid = str(dataset.SOPInstanceUID).encode()
    other = body.replace(uid, uid[:-1] + (b"1" if uid[-1:] != b"1" else b"2"))
    codestream = other.index(b"\xff\xd8")
    archive(other[: codestream + 2] + b"\0" * 200 + other[codestream + 202 :])

    def syntaxes(path: str, accept: str) -> list[str]:
        answer = get(path, accept)
        assert answer.status_code == 200
        parts = parts_of(answer.body, answer.headers["Content-Type"])
        for headers, content in parts:
            found = dcmread(BytesIO(content)).file_meta.TransferSyntaxUID
            assert headers["Content-Type"].endswith(f"transfer-syntax={found}")
        return sorted(str(dcmread(BytesIO(content)).file_meta.TransferSyntaxUID) for _, content in parts)

    default, stored = 'multipart/related; type="application/dicom"', str(dataset.file_meta.TransferSyntaxUID)
    for path in (series, study):
        assert syntaxes(path, default) == [str(ExplicitVRLittleEndian), stored]
        assert syntaxes(path, f"{default}; transfer-syntax=*") == [stored, stored]
    monkeypatch.setattr(retrieve_transcoded, "MAXIMUM_TRANSCODED_INSTANCES", 1)
    assert syntaxes(series, default) == [stored, stored]


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("MR_small_jp2klossless.dcm", "image/jp2"),
        ("MR_small_jpeg_ls_lossless.dcm", "image/jls"),
        ("MR_small_RLE.dcm", "image/dicom-rle"),
        ("SC_rgb_jpeg_dcmtk.dcm", "image/jpeg"),
        ("MR_small.dcm", "application/octet-stream"),
    ],
)
def test_ohif_gets_frames_as_stored_by_one_ranged_read(
    get: Get, name: str, media_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, body, url = real(name)
    reads: list[Any] = []
    store = wiring.object_store()
    read = store.read
    monkeypatch.setattr(store, "read", lambda *args: reads.append(args) or read(*args))
    answer = get(f"{url}/frames/1", OHIF_FRAME)
    ((headers, content),) = parts_of(answer.body, answer.headers["Content-Type"])
    syntax = dataset.file_meta.TransferSyntaxUID
    expected = next(generate_frames(dataset.PixelData)) if syntax.is_encapsulated else dataset.PixelData
    assert content == expected
    assert headers["Content-Type"].startswith(f"{media_type}; transfer-syntax=1.2.840.10008.1.2")
    assert f'type="{media_type}"' in answer.headers["Content-Type"]
    assert len(reads) == 1
    assert reads[0][2] < len(body)


def test_a_doctor_who_reads_on_costs_two_reads_past_botocore(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    """The instance, the session with its account and grants (docs/adr/0018); the trail has it already."""
    _, _, url = real("MR_small.dcm")
    assert get(f"{url}/frames/1", OHIF_FRAME).status_code == 200
    asked: list[str] = []
    ask = DynamoDBReads._ask
    monkeypatch.setattr(DynamoDBReads, "_ask", lambda *args: asked.append(args[1]) or ask(*args))
    events = client("dynamodb").meta.events
    count = lambda model, **_: asked.append(f"botocore {model.name}")  # noqa: E731
    events.register("before-call.dynamodb", count)
    try:
        assert get(f"{url}/frames/1", OHIF_FRAME).status_code == 200
    finally:
        events.unregister("before-call.dynamodb", count)
    of_the_authorizer = ["botocore GetItem", "botocore Query", "botocore Query"]  # API Gateway remembers its answer
    assert sorted(asked) == ["BatchGetItem", "GetItem", *of_the_authorizer]


@pytest.mark.parametrize(
    "name",
    ["MR_small_RLE.dcm", "MR_small_bigendian.dcm", "emri_small_jpeg_2k_lossless.dcm", "SC_rgb_rle_2frame.dcm",
     "emri_small_big_endian.dcm", "liver.dcm", "image_dfl.dcm"],
)  # fmt: skip
def test_frames_are_decoded_for_who_does_not_know_the_syntax(
    get: Get, rendered_function: RenderedFunction, name: str
) -> None:
    dataset, _, url = real(name)
    frames = int(dataset.get("NumberOfFrames", 1))
    numbers = sorted({1, frames})
    answer = get(f"{url}/frames/{','.join(map(str, numbers))}", OCTETS)
    contents = [content for _, content in parts_of(answer.body, answer.headers["Content-Type"])]
    pixels = dataset.pixel_array.reshape(frames, -1)
    for number, content in zip(numbers, contents, strict=True):
        values = pixels[number - 1]
        if dataset.BitsAllocated == 1:
            assert np.array_equal(np.unpackbits(np.frombuffer(content, "u1"), bitorder="little"), values)
        elif dataset.get("PlanarConfiguration") == 1:
            by_plane = np.moveaxis(values.reshape(dataset.Rows, dataset.Columns, 3), -1, 0).reshape(-1)
            assert np.array_equal(np.frombuffer(content, "u1"), by_plane)
        else:
            assert np.array_equal(np.frombuffer(content, values.dtype.newbyteorder("<")), values)


@pytest.mark.parametrize(("frames", "status"), [("0", 400), ("x", 400), ("1,", 400), ("11", 404), ("3%2C1", 200)])
def test_frame_lists(get: Get, frames: str, status: int) -> None:
    _, _, url = real("emri_small.dcm")
    assert get(f"{url}/frames/{frames}", OCTETS).status_code == status


def test_forms_of_frames_that_are_not_there(get: Get) -> None:
    _, _, url = real("MR_small_RLE.dcm")
    answer = get(f"{url}/frames/1", 'multipart/related; type="image/jpeg"')
    assert answer.status_code == 406
    assert "image/dicom-rle" in answer.json_body["detail"]
    assert "application/octet-stream" in answer.json_body["detail"]


def document() -> str:
    no_image = dict.fromkeys(("Rows", "Columns", "PixelData", "BitsAllocated"))
    encapsulated = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1",
        "Modality": "DOC",
        "MIMETypeOfEncapsulatedDocument": "application/pdf",
        "EncapsulatedDocument": b"%PDF-1.4 " + bytes(range(256)) * 8 + b"\0",
    }
    archive(part10(data_set("1.2.77", "1.2.77.1", "1.2.77.1.1", **encapsulated, **no_image)))
    return "/studies/1.2.77/series/1.2.77.1/instances/1.2.77.1.1"


def test_a_pdf_as_ohif_reads_it_and_as_a_browser_does(get: Get) -> None:
    url = document()
    metadata = get(f"{url}/metadata", "application/dicom+json").json_body[0]
    uri = metadata["00420011"]["BulkDataURI"]
    assert uri.startswith(wiring.settings().public_url)
    path = uri.removeprefix(wiring.settings().public_url + "/dicomweb")
    both = 'multipart/related; type="application/pdf", multipart/related; type="application/octet-stream"'
    answer = get(path, both)
    ((headers, content),) = parts_of(answer.body, answer.headers["Content-Type"])
    assert headers["Content-Type"] == "application/pdf"
    assert content.startswith(b"%PDF-1.4 ")
    rendered = get(f"{url}/rendered", "text/html,application/xhtml+xml,*/*;q=0.8")
    assert (rendered.headers["Content-Type"], rendered.body) == ("application/pdf", content)
    assert get(f"{url}/bulkdata/00420099").status_code == 404
    assert get(f"{url}/frames/1", OHIF_FRAME).status_code == 404


def test_metadata_is_the_same_composed_and_prebuilt_and_late_instances_show(get: Get) -> None:
    for number in (1, 2):
        archive(part10(data_set(sop=f"1.2.3.4.{number}", InstanceNumber=number)))
    url = "/studies/1.2.3/series/1.2.3.4/metadata"
    composed = get(url)
    study = wiring.index_reader().study("nord", "1.2.3")
    assert study
    ports = (wiring.index_reader(), wiring.index_writer(), wiring.object_store())
    assert series_metadata.build(*ports, study, wiring.settings().public_url) == 1
    assert series_metadata.build(*ports, study, wiring.settings().public_url) == 0
    prebuilt = get(url, accept_encoding="gzip, deflate")
    assert prebuilt.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(prebuilt.body)) == composed.json_body
    assert composed.headers["ETag"] == prebuilt.headers["ETag"]
    assert get(url, if_none_match=composed.headers["ETag"]).status_code == 304
    archive(part10(data_set(sop="1.2.3.4.3", InstanceNumber=3)))
    late = get(url, if_none_match=composed.headers["ETag"])
    assert [i["00200013"]["Value"][0] for i in late.json_body] == [1, 2, 3]
    assert get("/studies/1.2.3/metadata").json_body == late.json_body
    pixel_data = late.json_body[0]["7FE00010"]
    assert pixel_data["BulkDataURI"].endswith("/instances/1.2.3.4.1/bulkdata/7FE00010?hospital=nord")
    assert late.json_body[0]["00083002"]["Value"] == [ExplicitVRLittleEndian]


def test_bulk_data_of_one_of_two_hospitals_with_the_same_uids(http: HttpClient, bearer: Issue) -> None:
    contents = {hospital: bytes([number]) * 5000 for number, hospital in enumerate(("nord", "sud"), start=1)}
    for hospital, content in contents.items():
        dataset = data_set(PixelData=None, Rows=None, EncapsulatedDocument=content,
                           MIMETypeOfEncapsulatedDocument="application/pdf")  # fmt: skip
        archive(part10(dataset), hospital)
    headers = bearer(Role.RADIOLOGIST, scope=Scope(hospitals=("nord", "sud")))
    instance = "/dicomweb/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5"
    assert http.get(f"{instance}/bulkdata/00420011", headers=headers).status_code == 409
    for hospital, content in contents.items():
        metadata = http.get(f"{instance}/metadata?hospital={hospital}", headers=headers).json_body[0]
        path = metadata["00420011"]["BulkDataURI"].removeprefix(wiring.settings().public_url)
        answer = http.get(path, headers={**headers, "Accept": "application/octet-stream"})
        assert (answer.status_code, answer.body) == (200, content)


def test_bulk_pixel_data(get: Get) -> None:
    dataset, _, url = real("MR_small.dcm")
    assert get(f"{url}/bulkdata/7FE00010", "application/octet-stream").body == dataset.PixelData
    compressed, _, url = real("emri_small_RLE.dcm")
    answer = get(f"{url}/bulkdata/7FE00010", 'multipart/related; type="*/*"')
    assert [content for _, content in parts_of(answer.body, answer.headers["Content-Type"])] == list(
        generate_frames(compressed.PixelData, number_of_frames=10)
    )


def test_caching_is_private_and_conditional(get: Get) -> None:
    _, _, url = real("MR_small.dcm")
    first = get(f"{url}/frames/1", OHIF_FRAME)
    assert first.headers["Cache-Control"] == retrieving.IMMUTABLE
    assert "private" in first.headers["Cache-Control"]
    assert "Accept" in first.headers["Vary"]
    assert "Cookie" in first.headers["Vary"]
    again = get(f"{url}/frames/1", OHIF_FRAME, if_none_match=f'"x", W/{first.headers["ETag"]}')
    assert (again.status_code, again.body) == (304, b"")
    assert get(f"{url}/frames/1", OCTETS).headers["ETag"] == first.headers["ETag"]
    assert get(f"{url}/frames/1", "application/octet-stream").headers["ETag"] != first.headers["ETag"]


def test_what_is_too_big_for_lambda_is_signed_for(
    get: Get, signing_key: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(1).integers(0, 65535, (3, 1000, 1000), np.uint16).tobytes()
    body = part10(data_set(Rows=1000, Columns=1000, NumberOfFrames=3, PixelData=pixels))
    key = archive(body)
    url = "/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5"

    def follow(answer: Any) -> tuple[str, bytes, str]:
        assert answer.status_code == 307
        address, _, query = answer.headers["Location"].partition("?")
        fields = dict(field.split("=", 1) for field in query.split("&"))
        signature = fields["Signature"].translate(str.maketrans("-_~", "+=/"))
        policy = canned_policy(address, int(fields["Expires"]))
        signing_key.public_key().verify(base64.b64decode(signature), policy.encode(), padding.PKCS1v15(), hashes.SHA1())
        object_key = address.removeprefix(wiring.settings().public_url + "/objects/")
        head = wiring.object_store()._client.head_object(Bucket=wiring.settings().archive_bucket, Key=object_key)
        return object_key, wiring.object_store().read(object_key), head["ContentType"]

    assert follow(get(url, "application/dicom"))[:2] == (key, body)
    object_key, content, content_type = follow(get(url, 'multipart/related; type="application/dicom"'))
    assert [part for _, part in parts_of(content, content_type)] == [body]
    assert follow(get(url, 'multipart/related; type="application/dicom"'))[0] == object_key
    _, content, content_type = follow(get(f"{url}/frames/3,1,2", OHIF_FRAME))
    frames = [pixels[start : start + 2_000_000] for start in (4_000_000, 0, 2_000_000)]
    assert [part for _, part in parts_of(content, content_type)] == frames
    assert get(f"{url}/frames/2", OHIF_FRAME).status_code == 200
    _, content, content_type = follow(get("/studies/1.2.3", 'multipart/related; type="application/dicom"'))
    assert [part for _, part in parts_of(content, content_type)] == [body]
    monkeypatch.setattr(wado_rs_metadata, "BUFFERED_BODY_LIMIT_BYTES", 100)
    _, content, content_type = follow(get("/studies/1.2.3/series/1.2.3.4/metadata"))
    assert content_type == "application/dicom+json"
    assert json.loads(content)[0]["00280008"]["Value"] == [3]
    xml = 'multipart/related; type="application/dicom+xml"'
    _, content, content_type = follow(get("/studies/1.2.3/series/1.2.3.4/metadata", xml))
    assert [head["Content-Type"] for head, _ in parts_of(content, content_type)] == ["application/dicom+xml"]


def test_series_and_study_hold_every_instance(get: Get) -> None:
    bodies = [part10(data_set(series=f"1.2.3.{s}", sop=f"1.2.3.{s}.{n}")) for s in (1, 2) for n in (1, 2)]
    for body in bodies:
        archive(body)
    answer = get("/studies/1.2.3/series/1.2.3.2", 'multipart/related; type="application/dicom"; transfer-syntax=*')
    assert [part for _, part in parts_of(answer.body, answer.headers["Content-Type"])] == bodies[2:]
    answer = get("/studies/1.2.3")
    assert [part for _, part in parts_of(answer.body, answer.headers["Content-Type"])] == bodies
    assert get("/studies/1.2.3", "application/dicom+xml").status_code == 406


def test_unknown_parameters_and_paths(get: Get) -> None:
    _, _, url = real("MR_small.dcm")
    assert get(f"{url}/frames/1?quality=1", OHIF_FRAME).status_code == 400
    assert get("/studies/1.2.3/series/1.2.3.4/instances/1..2").status_code == 400
    assert get("/studies/1.2.999").status_code == 404


@pytest.mark.filterwarnings("ignore")
def test_dicomweb_client_retrieves(
    http: HttpClient, bearer: Issue, get: Get, rendered_function: RenderedFunction
) -> None:
    dataset, _, _ = real("MR_small_RLE.dcm")
    color, _, _ = real("SC_rgb_jpeg_dcmtk.dcm")
    client = dicomweb_client(http, bearer(Role.RADIOLOGIST, "nord"))
    uids = (dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert client.retrieve_instance(*uids) == dataset
        for (decoded,) in client.retrieve_series(*uids[:2]), client.retrieve_study(uids[0]):
            # Here it names no transfer syntax.
            assert decoded.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
            assert np.array_equal(decoded.pixel_array, dataset.pixel_array)
    assert client.retrieve_instance_metadata(*uids)["00100010"]["Value"]
    assert len(client.retrieve_series_metadata(*uids[:2])) == len(client.retrieve_study_metadata(uids[0])) == 1
    expected = dataset.pixel_array.astype("<u2").tobytes()
    # By default it asks for any type: what it cannot be expected to decode is decoded.
    assert client.retrieve_instance_frames(*uids, [1]) == [expected]
    assert client.retrieve_instance_frames(*uids, [1], (("application/octet-stream", "1.2.840.10008.1.2.1"),)) == [
        expected
    ]
    stored = (("image/dicom-rle", "1.2.840.10008.1.2.5"),)
    assert client.retrieve_instance_frames(*uids, [1], stored) == [next(generate_frames(dataset.PixelData))]
    uri = client.retrieve_instance_metadata(*uids)["7FE00010"]["BulkDataURI"].replace(
        wiring.settings().public_url, "http://archive.test"
    )
    assert client.retrieve_bulkdata(uri) == [next(generate_frames(dataset.PixelData))]
    color_uids = (color.StudyInstanceUID, color.SeriesInstanceUID, color.SOPInstanceUID)
    for media_type, magic in (("image/jpeg", b"\xff\xd8"), ("image/png", b"\x89PNG")):
        assert client.retrieve_instance_rendered(*color_uids, (media_type,)).startswith(magic)
        assert client.retrieve_instance_frames_rendered(*color_uids, [1], (media_type,)).startswith(magic)
    assert client.retrieve_instance_rendered(*color_uids).startswith(b"\xff\xd8")
