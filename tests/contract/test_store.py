"""Store transaction against S3: durable, never overwritten, refused bytes kept."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib import errors, wiring
from chalicelib.archive.model import ByteRange
from chalicelib.archive.store import ReceivedInstance, store_instance
from tests.dicom_files import data_set, part10, real_files
from tests.emulator import Cloud

pytestmark = pytest.mark.usefixtures("cloud")


def _store(body: bytes, **fields: str) -> object:
    return store_instance(wiring.object_store(), ReceivedInstance("nord", body, "c0ffee", "NORD_CT1", **fields))


def test_bytes_are_kept_as_received_with_checksum_and_metadata(cloud: Cloud) -> None:
    body = part10(data_set())
    stored = store_instance(wiring.object_store(), ReceivedInstance("nord", body, "c0ffee", "NORD_CT1"))
    assert stored.object_key == f"archive/nord/1.2.3/1.2.3.4/1.2.3.4.5/{stored.digest}.dcm"
    answer = cloud.client("s3").get_object(
        Bucket=cloud.settings["archive_bucket"], Key=stored.object_key, ChecksumMode="ENABLED"
    )
    assert answer["Body"].read() == body
    assert answer["ContentType"] == "application/dicom"
    assert answer["ChecksumSHA256"]
    assert answer["Metadata"]["hospital"] == "nord"
    assert answer["Metadata"]["calling-ae-title"] == "NORD_CT1"
    assert answer["Metadata"]["correlation-id"] == "c0ffee"
    assert answer["Metadata"]["transfer-syntax-uid"] == "1.2.840.10008.1.2.1"
    assert int(answer["Metadata"]["received-at-ms"]) > 1_700_000_000_000


def test_digest_ignores_file_meta_information() -> None:
    first = part10(data_set())
    second = bytearray(first)
    second[0:5] = b"other"  # the preamble is File Meta's
    stored = store_instance(wiring.object_store(), ReceivedInstance("nord", first, "a"))
    again = store_instance(wiring.object_store(), ReceivedInstance("nord", bytes(second), "b"))
    assert stored.newly_stored
    assert not again.newly_stored
    assert stored.object_key == again.object_key
    assert wiring.object_store().read(stored.object_key) == first


def test_same_bytes_from_many_threads_are_one_object_and_all_successes() -> None:
    body = part10(data_set())
    with ThreadPoolExecutor(8) as threads:
        stored = list(
            threads.map(lambda _: store_instance(wiring.object_store(), ReceivedInstance("nord", body, "a")), range(16))
        )
    assert sum(item.newly_stored for item in stored) == 1
    assert len({item.object_key for item in stored}) == 1


def test_hospitals_are_separate_name_spaces() -> None:
    body = part10(data_set())
    keys = {
        store_instance(wiring.object_store(), ReceivedInstance(hospital, body, "a")).object_key
        for hospital in ("nord", "sud")
    }
    assert len(keys) == 2


_WHOLE = part10(data_set())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b"not DICOM at all" * 100, "not-dicom"),
        (bytes(1000), "not-dicom"),
        (_WHOLE[:-1], "truncated"),
        (_WHOLE[: len(_WHOLE) - 40], "truncated"),
        (part10(data_set(StudyInstanceUID=None)), "missing-uid"),
        (part10(data_set(SOPClassUID=None)), "missing-uid"),
        (_WHOLE.replace(b"1.2.3.4.5\0", b"../../etc/", 2), "invalid-uid"),
        (_WHOLE.replace(b"1.2.3.4.5\0", b"1..2.3.4.5"), "invalid-uid"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)}b",
)
def test_refused_bytes_are_kept_for_operators(cloud: Cloud, body: bytes, reason: str) -> None:
    with pytest.raises(errors.InvalidInstance) as refused:
        _store(body)
    assert refused.value.reason == reason
    (head,) = wiring.object_store().list("rejected/nord/")
    assert head.key.endswith(hashlib.sha256(body).hexdigest())
    assert wiring.object_store().read(head.key) == body
    kept = wiring.object_store().head(head.key)
    assert kept
    assert kept.metadata["reason"] == reason
    assert not list(wiring.object_store().list("archive/"))


def test_over_long_uid_is_refused() -> None:
    with pytest.raises(errors.InvalidInstance) as refused:
        _store(_WHOLE.replace(b"\x08\x00\x18\x00UI\x0a\x001.2.3.4.5\0", b"\x08\x00\x18\x00UI\x46\x00" + b"1" * 70))
    assert refused.value.reason == "invalid-uid"


def test_uids_of_request_must_match() -> None:
    with pytest.raises(errors.InvalidInstance) as refused:
        _store(_WHOLE, sop_instance_uid="1.2.3.4.6")
    assert refused.value.reason == "uid-mismatch"


def test_unreachable_bucket_is_unavailable(cloud: Cloud) -> None:
    from chalicelib.aws.s3_object_store import S3ObjectStore

    missing = S3ObjectStore(cloud.client("s3"), "no-such-bucket-here")
    with pytest.raises(errors.Unavailable):
        store_instance(missing, ReceivedInstance("nord", _WHOLE, "a"))


def test_every_real_file_is_stored_or_refused_for_a_reason() -> None:
    refused: dict[str, str] = {}
    for path in real_files():
        try:
            _store(path.read_bytes())
        except errors.InvalidInstance as error:
            refused[path.name] = error.reason
    assert {name for name, reason in refused.items() if reason == "truncated"} == {
        "MR_truncated.dcm",
        "emri_small_jpeg_2k_lossless_too_short.dcm",
        "rtplan_truncated.dcm",
    }
    assert {name for name, reason in refused.items() if reason == "not-dicom"} <= {
        "no_meta.dcm",
        "UN_sequence.dcm",
        "priv_SQ.dcm",
    }
    assert len(refused) < 40


def test_large_instance_goes_up_in_parts() -> None:
    body = part10(data_set(PixelData=bytes(70 << 20)))
    stored = store_instance(wiring.object_store(), ReceivedInstance("nord", body, "a"))
    assert stored.newly_stored
    head = wiring.object_store().head(stored.object_key)
    assert head
    assert head.size_bytes == len(body)
    assert head.metadata["hospital"] == "nord"
    assert not store_instance(wiring.object_store(), ReceivedInstance("nord", body, "a")).newly_stored


def test_assemble_concatenates_bytes_and_ranges(cloud: Cloud) -> None:
    objects = wiring.object_store()
    big = bytes(range(256)) * (12 << 12)
    objects.put("assembled/big", big, "application/octet-stream")
    objects.put("assembled/small", b"small", "application/octet-stream")
    parts: list[bytes | ByteRange] = [
        b"head",
        ByteRange("assembled/big", 3, len(big) - 3),
        b"middle",
        ByteRange("assembled/small", 1, 3),
        ByteRange("assembled/big", 0, 6 << 20),
        b"tail",
    ]
    size = objects.assemble("assembled/all", parts, "text/plain")
    expected = b"head" + big[3:] + b"middle" + b"mal" + big[: 6 << 20] + b"tail"
    assert size == len(expected)
    assert objects.read("assembled/all") == expected
    assert objects.assemble("assembled/tiny", [b"a", ByteRange("assembled/small", 0, 2)], "text/plain") == 3
    assert objects.read("assembled/tiny") == b"asm"
    with pytest.raises(errors.NotFound):
        objects.assemble("assembled/x", [bytes(6 << 20), ByteRange("assembled/gone", 0, 6 << 20)], "text/plain")
    uploads = cloud.client("s3").list_multipart_uploads(Bucket=cloud.settings["archive_bucket"])
    assert not uploads.get("Uploads")


def test_ranges() -> None:
    objects = wiring.object_store()
    objects.put("assembled/x", b"0123456789", "text/plain")
    assert objects.read("assembled/x", 2, 3) == b"234"
    assert objects.read("assembled/x", 8, 10) == b"89"
    assert objects.read("assembled/x", 20, 1) == b""
    assert objects.read("assembled/x", 4) == b"456789"
    head, first = objects.read_with_head("assembled/x", 0, 4)
    assert head
    assert (head.size_bytes, first) == (10, b"0123")
    assert objects.head("assembled/gone") is None
    with pytest.raises(errors.NotFound):
        objects.read("assembled/gone")
