"""Instances above the part size go to S3 while they arrive: memory is constant, nothing is left behind (D2)."""

from __future__ import annotations

import hashlib
import os
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scp_fargate.command_set import command_pdus
from tests.scp.conftest import Ingest
from tests.scp.scu import CT, associate, associated, build_context, c_store, data_set, element
from tests.scp.test_pdu import encode_pdu, their_request

MIB = 1 << 20
PIECE = os.urandom(MIB)


def uploads(ingest: Ingest) -> list[Any]:
    """Multipart uploads that nobody finished."""
    bucket = ingest.cloud.settings["archive_bucket"]
    found: list[Any] = ingest.cloud.client("s3").list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    return found


def peak_mib(process_id: int) -> int:
    """Largest resident set of a process so far."""
    return int(Path(f"/proc/{process_id}/status").read_text().split("VmHWM:")[1].split()[0]) // 1024


@pytest.mark.parametrize("size", [8 * MIB - 400, 9 * MIB, 25 * MIB + 6])
def test_long_instances_are_stored_as_sent(ingest: Ingest, size: int) -> None:
    data = data_set(pixels=(PIECE * (size // MIB + 1))[:size])
    with associated(ingest.port) as association:
        assert c_store(association, data).Status == 0
        assert c_store(association, data).Status == 0
        assert c_store(association, data_set(sop="1.2.3.4"), sop="1.2.3.4").Status == 0
    first, second = ingest.objects("archive/").items()
    assert first[0] == f"archive/nord/1.2.3.1/1.2.3.2/1.2.3.3/{hashlib.sha256(data).hexdigest()}.dcm"
    assert first[1].endswith(data)
    assert second[0].startswith("archive/nord/1.2.3.1/1.2.3.2/1.2.3.4/")
    metadata = ingest.metadata(first[0])
    assert (metadata["hospital"], metadata["transfer-syntax-uid"]) == ("nord", "1.2.840.10008.1.2.1")
    assert not ingest.objects("staging/")
    assert not uploads(ingest)
    health = ingest.health()
    assert (health["stored"], health["duplicates"]) == (2, 1)


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (data_set(pixels=PIECE * 12)[:-17], 0xC003, "truncated"),
        (data_set(study="", pixels=PIECE * 12), 0xC004, "missing-uid"),
        (b"GIF89a" + PIECE * 12, 0xC001, "not-dicom"),
        (data_set(sop="1.2.3.9", pixels=PIECE * 12), 0xA900, "uid-mismatch"),
    ],
)
def test_long_bad_input_is_refused_and_kept(ingest: Ingest, data: bytes, status: int, reason: str) -> None:
    with associated(ingest.port) as association:
        assert c_store(association, data).Status == status
        assert c_store(association, data_set()).Status == 0
    ((key, body),) = ingest.objects("rejected/").items()
    assert body.endswith(data)
    assert ingest.metadata(key)["reason"] == reason
    assert len(ingest.objects("archive/")) == 1
    assert not uploads(ingest)


def test_header_longer_than_a_part(ingest: Ingest) -> None:
    private = element(0x0009, 0x0010, "LO", "SANSFILM TEST") + element(0x0009, 0x1001, "OB", PIECE * 20)
    data = data_set(extra=private)
    with associated(ingest.port) as association:
        assert c_store(association, data).Status == 0
    ((_, body),) = ingest.objects("archive/").items()
    assert body.endswith(data)


def test_memory_does_not_grow_with_the_instance(ingest: Ingest) -> None:
    assert ingest.process is not None
    with associated(ingest.port) as association:
        assert c_store(association, data_set(pixels=PIECE * 20)).Status == 0
    before = peak_mib(ingest.process.pid)
    with Sender(ingest.port) as sender:
        sender.store(300 * MIB)
    assert peak_mib(ingest.process.pid) - before < 40
    (key,) = [key for key in keys(ingest) if "/1.2.3.30/" in key]
    head = ingest.cloud.client("s3").head_object(Bucket=ingest.cloud.settings["archive_bucket"], Key=key)
    assert head["ContentLength"] > 300 * MIB


def test_an_association_that_breaks_leaves_no_part(ingest: Ingest) -> None:
    with Sender(ingest.port) as sender:
        sender.begin()
        sender.send_pixels(20 * MIB, last=False)
        deadline = time.monotonic() + 10
        while not uploads(ingest):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    deadline = time.monotonic() + 10
    while uploads(ingest):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not ingest.objects("")


def test_what_is_wrong_within_a_data_set_aborts(ingest: Ingest) -> None:
    for wrong in (
        encode_pdu([(1, 3, bytes(20))]),
        encode_pdu([(3, 0, bytes(20))]),
        struct.pack(">BBL", 4, 0, 200_000),
        struct.pack(">BBLLBB", 4, 0, 7, 90, 1, 0) + bytes(10),
    ):
        with Sender(ingest.port) as sender:
            sender.begin()
            sender.connection.sendall(wrong)
            answer = sender.connection.recv(100)
            assert (answer[0], answer[8]) == (7, 2), wrong  # A-ABORT by the service provider
    with associated(ingest.port) as association:
        assert c_store(association, data_set()).Status == 0
    assert len(ingest.objects("archive/")) == 1


def test_release_right_after_the_last_response(ingest: Ingest) -> None:
    with Sender(ingest.port) as sender:
        sender.store(1000)
        sender.connection.sendall(struct.pack(">BBLL", 5, 0, 4, 0))
        assert sender.connection.recv(100)[0] == 6


def test_requests_sent_ahead_are_answered_in_order(ingest: Ingest) -> None:
    with Sender(ingest.port) as sender:
        stream = b""
        for number in range(5):
            sop = f"1.2.3.{number}"
            stream += command_pdus(1, their_request(CT, sop, number, False), 0)
            stream += encode_pdu([(1, 2, data_set(sop=sop))])
        sender.connection.sendall(stream)
        statuses = [sender.response() for _ in range(5)]
    assert statuses == [(number, 0) for number in range(5)]
    assert len(ingest.objects("archive/")) == 5


def test_command_and_data_in_one_pdu_and_in_many(ingest: Ingest) -> None:
    command, data = their_request(CT, "1.2.3.3", 1, False), data_set()
    with Sender(ingest.port) as sender:
        sender.connection.sendall(encode_pdu([(1, 3, command), (1, 0, data[:100]), (1, 0, b""), (1, 2, data[100:])]))
        assert sender.response() == (1, 0)
        for byte in (
            encode_pdu([(1, 1, command[:30])]) + encode_pdu([(1, 3, command[30:])]) + encode_pdu([(1, 2, data)])
        ):
            sender.connection.sendall(bytes([byte]))
        assert sender.response() == (1, 0)
    assert len(ingest.objects("archive/")) == 1


def test_the_plain_path_does_the_same(start_ingest: Callable[..., Ingest]) -> None:
    ingest = start_ingest(SANSFILM_C_STORE_PATH="pynetdicom")
    data = data_set(pixels=PIECE * 9)
    with associated(ingest.port) as association:
        assert c_store(association, data).Status == 0
    ((_, body),) = ingest.objects("archive/").items()
    assert body.endswith(data)


def keys(ingest: Ingest) -> list[str]:
    """Keys of the archive bucket."""
    bucket = ingest.cloud.settings["archive_bucket"]
    return [item["Key"] for item in ingest.cloud.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])]


class Sender:
    """An association whose P-DATA is written by hand: contexts are those of pynetdicom's request."""

    def __init__(self, port: int) -> None:
        self._association = associate(port, "NORD_CT1", [build_context(CT, "1.2.840.10008.1.2.1")])
        assert self._association.is_established
        # Its reactors stand still; the connection is ours.
        self._association._reactor_checkpoint.clear()
        self._association.dul._kill_thread = True
        self._association.dul.join()
        wrapped = self._association.dul.socket
        assert wrapped is not None
        self.connection: socket.socket = wrapped.socket
        self.connection.settimeout(60)

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        self._association._kill = True
        self._association._reactor_checkpoint.set()

    def begin(self, sop: str = "1.2.3.30", pixels: int = 500 * MIB) -> None:
        """Send a request, and its data set up to the pixels."""
        header = data_set(sop=sop, pixels=b"")[:-4] + struct.pack("<L", pixels)
        self.connection.sendall(command_pdus(1, their_request(CT, sop, 1, False), 0) + encode_pdu([(1, 0, header)]))

    def send_pixels(self, size: int, last: bool) -> None:
        """Send pixels in PDUs of 100,000 bytes."""
        while size:
            count = min(size, 100_000)
            size -= count
            self.connection.sendall(encode_pdu([(1, 2 if last and not size else 0, PIECE[:count])]))

    def store(self, pixels: int) -> None:
        """Send an instance and read the response."""
        self.begin(pixels=pixels)
        self.send_pixels(pixels, last=True)
        assert self.response() == (1, 0)

    def response(self) -> tuple[int, int]:
        """Message ID and status of the next response."""
        from scp_fargate.command_set import decode_command_set

        header = self._exactly(6)
        command = self._exactly(int.from_bytes(header[2:], "big"))[6:]
        values = decode_command_set(command)
        return int.from_bytes(values[0x0120], "little"), int.from_bytes(values[0x0900], "little")

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.connection.recv(count - len(data))
            assert piece
            data += piece
        return data
