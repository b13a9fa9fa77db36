"""Packs: a series as one object that is its own answer; whatever fails, every instance is still there."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib import errors, wiring
from chalicelib.archive import pack
from chalicelib.archive.index_instance import Index, index_objects
from chalicelib.archive.model import ByteRange
from chalicelib.archive.pack import build_pack, find_pack, series_etag, study_boundary
from chalicelib.archive.scope import Scope
from chalicelib.archive.store import ReceivedInstance, store_instance
from chalicelib.archive.visible import representative_instance
from chalicelib.aws.s3_assembly import SMALLEST_PART_BYTES, length_of, plan
from chalicelib.functions import pack_series
from tests.dicom_files import data_set, part10
from tests.emulator import Cloud
from tests.http.dicomweb import parts_of

BASE = "http://127.0.0.1:8080/dicomweb"
SERIES = ("nord", "1.2.3", "1.2.3.4")
MIB = 1 << 20


def archive(*bodies: bytes) -> list[str]:
    received = [ReceivedInstance("nord", body, "c0ffee") for body in bodies]
    keys = [store_instance(wiring.object_store(), one).object_key for one in received]
    index = Index(
        wiring.object_store(), wiring.index_writer(), wiring.index_reader(), wiring.study_ready_queue(), study_quiet_s=0
    )
    assert not [result.error for result in index_objects(index, keys) if result.error]
    return keys


def instance(number: int, size_bytes: int = 1000, content: bytes = b"", series: str = "1.2.3.4") -> bytes:
    pixels = content.ljust(size_bytes, b"\1") if content else os.urandom(size_bytes)
    return part10(data_set(series=series, sop=f"{series}.{number}", Rows=1, Columns=1, PixelData=pixels))


def build() -> str:
    return build_pack(wiring.index_reader(), wiring.object_store(), SERIES, BASE)[0]


def packed() -> pack.Pack | None:
    series = wiring.index_reader().series(*SERIES)
    assert series
    return find_pack(wiring.object_store(), series, BASE)


def contents(found: pack.Pack) -> list[bytes]:
    body = wiring.object_store().read(found.key)
    assert len(body) == found.size_bytes
    return [content for _, content in parts_of(body, found.body().content_type)]


def test_a_pack_is_the_answer_itself(cloud: Cloud) -> None:
    """Of instances of all sizes: headers beside long instances, long ones in several parts, short ones joined."""
    bodies = [instance(n, size) for n, size in enumerate((1000, 9 * MIB, 70_000, 5 * MIB, 21 * MIB, 2000), start=1)]
    archive(*bodies)
    assert packed() is None
    assert build() == "packed"
    found = packed()
    assert found
    assert contents(found) == bodies
    head = cloud.client("s3").head_object(Bucket=wiring.settings().archive_bucket, Key=found.key)
    assert head["ContentType"] == found.body().content_type
    assert found.transfer_syntax_uids == ("1.2.840.10008.1.2.1",)
    assert found.boundary == study_boundary("nord", "1.2.3", BASE)
    assert build() == "packed-before"


def test_a_late_instance_and_one_that_is_gone_make_another_pack(cloud: Cloud) -> None:
    keys = archive(instance(1), instance(2))
    build()
    first = packed()
    archive(instance(3))
    assert packed() is None
    build()
    second = packed()
    assert first
    assert second
    assert first.key != second.key
    assert len(contents(second)) == 3
    # One goes and another comes: the count is the same, the pack is not.
    wiring.index_writer().forget_objects("nord", "1.2.3", {keys[0]})
    archive(instance(4))
    assert packed() is None
    build()
    third = packed()
    assert third
    assert len(contents(third)) == 3


def test_a_stored_object_that_is_not_what_was_received_is_never_packed(cloud: Cloud) -> None:
    keys = archive(instance(1, 50_000), instance(2, 50_000))
    damaged = bytearray(wiring.object_store().read(keys[1]))
    damaged[-1] ^= 1
    wiring.object_store().put(keys[1], bytes(damaged), "application/dicom")
    with pytest.raises(errors.Conflict):
        build()
    assert packed() is None
    wiring.object_store().put(keys[1], bytes(damaged[:-1]), "application/dicom")
    with pytest.raises(errors.NotFound):
        build()
    uploads = cloud.client("s3").list_multipart_uploads(Bucket=wiring.settings().archive_bucket)
    assert not uploads.get("Uploads")


@pytest.mark.parametrize("at", [0, 400, 8 * MIB - 30])
def test_an_instance_that_holds_the_boundary_gets_another_one(cloud: Cloud, at: int) -> None:
    """Also where it straddles two reads."""
    boundary = study_boundary("nord", "1.2.3", BASE)
    hidden = instance(1, 9 * MIB, b"\0" * at + f"--{boundary}--\r\n".encode())
    archive(hidden, instance(2))
    assert build() == "packed"
    found = packed()
    assert found
    assert found.boundary != boundary
    assert contents(found)[0] == hidden


class Killed(BaseException):
    """The process died."""


class Dying:
    """A client that dies just before or just after one of the calls of the process."""

    def __init__(self, client: Any, calls: Iterator[int], fatal: int, *, after: bool) -> None:
        self._client, self._calls, self._fatal, self._after = client, calls, fatal, after
        self.meta = getattr(client, "meta", None)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            is_fatal = next(self._calls) == self._fatal
            if is_fatal and not self._after:
                raise Killed
            answer = method(*args, **kwargs)
            if is_fatal:
                raise Killed
            return answer

        return call


def test_a_crash_at_any_call_of_s3_or_dynamodb(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = [instance(n, 6 * MIB) for n in (1, 2)]
    keys = archive(*bodies)
    objects, reader = wiring.object_store(), wiring.index_reader()
    s3, gets, dynamodb = objects._client, objects._get, reader._client

    def build_dying(fatal: int, after: bool) -> int:
        calls = itertools.count(1)
        monkeypatch.setattr(objects, "_client", Dying(s3, calls, fatal, after=after))
        monkeypatch.setattr(objects, "_get", Dying(gets, calls, fatal, after=after))
        monkeypatch.setattr(reader, "_client", Dying(dynamodb, calls, fatal, after=after))
        try:
            build()
        except Killed:
            pass
        finally:
            monkeypatch.undo()
            for name, value in cloud.environment().items():
                monkeypatch.setenv(name, value)
        return next(calls) - 1

    def delete_pack() -> None:
        if found := packed():
            objects._client.delete_object(Bucket=wiring.settings().archive_bucket, Key=found.key)

    call_count = build_dying(10_000, False)
    assert call_count > 10
    for fatal, after in itertools.product(range(1, call_count + 1), (False, True)):
        delete_pack()
        build_dying(fatal, after)
        assert [objects.read(key) for key in keys] == bodies
        if found := packed():
            assert contents(found) == bodies
        assert build() in ("packed", "packed-before")
        found = packed()
        assert found
        assert contents(found) == bodies


def test_the_queue_leads_to_the_handler_and_equal_requests_are_one(cloud: Cloud) -> None:
    archive(instance(1))
    series = wiring.index_reader().series(*SERIES)
    assert series
    for _ in range(3):
        wiring.pack_queue().request(series, series_etag(series, BASE))
    sqs, url = cloud.client("sqs"), wiring.settings().pack_queue_url
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert len(messages) == 1
    event = {
        "Records": [
            {"messageId": "a", "body": messages[0]["Body"]},
            {"messageId": "b", "body": "not json"},
            {"messageId": "c", "body": '{"hospital": "nord", "study_instance_uid": "9", "series_instance_uid": "9"}'},
        ]
    }
    assert pack_series.handler(event, None) == {"batchItemFailures": [{"itemIdentifier": "b"}]}  # type: ignore[arg-type]
    assert packed()


@pytest.mark.parametrize("may_copy", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_a_plan_keeps_to_the_limits_of_s3(seed: int, may_copy: bool) -> None:
    import random

    random.seed(seed)
    pieces: list[bytes | ByteRange] = []
    for number in range(random.randint(1, 60)):
        pieces.append(b"h" * random.randint(1, 300))
        size = random.choice((100, 525_000, 5 * MIB - 1, 5 * MIB, 5 * MIB + 300, 30 * MIB, 700 * MIB))
        pieces.append(ByteRange(f"k{number}", random.randint(0, 9), size))
    steps = plan(pieces, may_copy)
    sizes = [size for step in steps for size in step.part_bytes]
    assert all(size >= SMALLEST_PART_BYTES for size in sizes[:-1])
    assert len(sizes) < 10_000
    assert all(sum(step.part_bytes) == sum(map(length_of, step.pieces)) for step in steps)
    assert all(max(step.part_bytes) <= 17 * MIB for step in steps if not step.is_copy)
    # Nothing is left out, doubled or moved.
    expected = [(p, 0, len(p)) if isinstance(p, bytes) else (p.key, p.start, p.length) for p in pieces]
    joined: list[tuple[Any, int, int]] = []
    for piece in (piece for step in steps for piece in step.pieces):
        last = joined[-1] if joined else None
        if isinstance(piece, bytes):
            joined.append((piece, 0, len(piece)))
        elif last and last[0] == piece.key:
            assert last[1] + last[2] == piece.start
            joined[-1] = (piece.key, last[1], last[2] + piece.length)
        else:
            joined.append((piece.key, piece.start, piece.length))
    assert joined == expected


def test_a_thumbnail_reads_one_instance_once_the_study_was_quiet(cloud: Cloud) -> None:
    from chalicelib.archive import series_metadata

    archive(*(instance(number) for number in range(1, 6)), instance(9, series="1.2.3.5"))
    study = wiring.index_reader().study("nord", "1.2.3")
    assert study
    scope = Scope(hospitals=("nord",))
    before = representative_instance(wiring.index_reader(), scope, "1.2.3", "1.2.3.4")
    series_metadata.build(wiring.index_reader(), wiring.index_writer(), wiring.object_store(), study, BASE)
    reader = wiring.index_reader()
    calls: list[str] = []

    class Counting:
        def __getattr__(self, name: str) -> Any:
            calls.append(name)
            return getattr(client, name)

    client, reader._client = reader._client, Counting()
    assert representative_instance(reader, scope, "1.2.3", "1.2.3.4") == before
    assert calls == ["get_item", "get_item"]
    wiring.index_writer().forget_objects("nord", "1.2.3", {before.object_key})
    assert representative_instance(reader, scope, "1.2.3").keys != before.keys
