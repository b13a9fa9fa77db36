"""One object out of bytes and ranges of others: a multipart upload of parts going up side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from chalicelib import errors
from chalicelib.archive.model import ByteRange
from chalicelib.archive.ports import RangeCheck

SMALLEST_PART_BYTES = 5 << 20
"""S3 refuses smaller parts but for the last one (EntityTooSmall)."""
PART_BYTES = 8 << 20
LARGEST_COPY_BYTES = 128 << 20
"""S3 copies up to 5 GiB a part, but each at some 100 MB/s: smaller ones side by side are faster."""
MOST_PARTS = 9_000
"""S3 takes 10,000."""
PARTS_AT_ONCE = 8
CHECKSUM = "CRC32"
"""Of parts: what travels is checked by S3; whether it is what was archived, by `check`."""

Piece = bytes | ByteRange
Read = Callable[[str, int, int], bytes]


@dataclass(frozen=True)
class Step:
    """Work for one thread: consecutive pieces that become consecutive parts of the upload."""

    pieces: tuple[Piece, ...]
    part_bytes: tuple[int, ...]
    """Size of each part."""
    is_copy: bool = False
    """The service copies them from the one range."""


def length_of(piece: Piece) -> int:
    """Bytes of a piece."""
    return len(piece) if isinstance(piece, bytes) else piece.length


def plan(pieces: Sequence[Piece], may_copy: bool) -> list[Step]:
    """Steps that make the pieces one object; every part but the last has 5 MiB at least.

    With `may_copy` ranges of 5 MiB and more are copied by the service, less what a small part before them borrows.

    >>> [step.part_bytes for step in plan([b"x", ByteRange("k", 0, 300 << 20)], may_copy=True)]
    [(5242880,), (103109974, 103109973, 103109974)]
    >>> [step.part_bytes for step in plan([b"x", ByteRange("k", 0, 16 << 20), b"y"], may_copy=False)]
    [(8388608, 8388609), (1,)]
    """
    part_bytes = max(PART_BYTES, sum(map(length_of, pieces)) // MOST_PARTS)
    steps: list[Step] = []
    pending: list[Piece] = []
    size = 0

    def close() -> None:
        nonlocal size
        if pending:
            steps.append(Step(tuple(pending), _even(size, max(1, size // part_bytes))))
        pending.clear()
        size = 0

    for piece in pieces:
        if may_copy and isinstance(piece, ByteRange):
            borrowed = min(max(0, SMALLEST_PART_BYTES - size), piece.length) if pending else 0
            if piece.length - borrowed >= SMALLEST_PART_BYTES:
                if borrowed:
                    pending.append(ByteRange(piece.key, piece.start, borrowed))
                    size += borrowed
                close()
                copied = ByteRange(piece.key, piece.start + borrowed, piece.length - borrowed)
                sizes = _even(copied.length, -(-copied.length // max(LARGEST_COPY_BYTES, part_bytes)))
                steps.append(Step((copied,), sizes, is_copy=True))
                continue
        pending.append(piece)
        size += length_of(piece)
        if size >= part_bytes:
            close()
    close()
    return steps


def _even(size: int, count: int) -> tuple[int, ...]:
    return tuple(size * (n + 1) // count - size * n // count for n in range(count))


class Assembly:
    """A multipart upload of planned steps. `call` runs an operation of S3 with its errors translated."""

    def __init__(self, client: Any, call: Callable[..., Any], read: Read, target: Mapping[str, str]) -> None:
        """`target` is Bucket, Key and UploadId."""
        self._client, self._call, self._read, self._target = client, call, read, target

    def upload(self, steps: Sequence[Step], check: RangeCheck | None) -> list[dict[str, Any]]:
        """Upload every step; return the parts that complete the upload. What a check raises ends it."""
        first_parts, number = [], 1
        for step in steps:
            first_parts.append(number)
            number += len(step.part_bytes)
        with ThreadPoolExecutor(PARTS_AT_ONCE) as threads:
            futures = [
                threads.submit(partial(self._run, step, first, check))
                for step, first in zip(steps, first_parts, strict=True)
            ]
            try:
                return [part for future in futures for part in future.result()]
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                raise

    def _run(self, step: Step, first_part: int, check: RangeCheck | None) -> list[dict[str, Any]]:
        numbers = range(first_part, first_part + len(step.part_bytes))
        if step.is_copy:
            return list(map(self._copy, numbers, _cut(step)))
        chunks = self._chunks(step.pieces, check)
        parts = _parts(chunks, step.part_bytes)
        return [self._put(number, part) for number, part in zip(numbers, parts, strict=True)]

    def _chunks(self, pieces: Sequence[Piece], check: RangeCheck | None) -> Iterator[memoryview]:
        """Contents of pieces, long ranges in several reads."""
        for piece in pieces:
            if isinstance(piece, bytes):
                yield memoryview(piece)
                continue
            checked = check(piece) if check else None
            for start in range(0, piece.length, PART_BYTES):
                length = min(PART_BYTES, piece.length - start)
                content = self._read(piece.key, piece.start + start, length)
                if len(content) != length:
                    raise errors.NotFound("An object is shorter than the index says.")
                if checked:
                    checked.update(content)
                yield memoryview(content)
            if checked:
                checked.finish()

    def _put(self, number: int, body: bytes) -> dict[str, Any]:
        answer = self._call(
            self._client.upload_part, **self._target, PartNumber=number, Body=body, ChecksumAlgorithm=CHECKSUM
        )
        return _completed(number, answer)

    def _copy(self, number: int, source: ByteRange) -> dict[str, Any]:
        answer = self._call(
            self._client.upload_part_copy,
            **self._target,
            PartNumber=number,
            CopySource={"Bucket": self._target["Bucket"], "Key": source.key},
            CopySourceRange=f"bytes={source.start}-{source.start + source.length - 1}",
        )
        return _completed(number, answer["CopyPartResult"])


def _completed(number: int, answer: Mapping[str, Any]) -> dict[str, Any]:
    name = f"Checksum{CHECKSUM}"
    return {"PartNumber": number, "ETag": answer["ETag"], **({name: answer[name]} if name in answer else {})}


def _cut(step: Step) -> Iterator[ByteRange]:
    (source,) = step.pieces
    assert isinstance(source, ByteRange)  # noqa: S101 - narrows a type
    start = source.start
    for size in step.part_bytes:
        yield ByteRange(source.key, start, size)
        start += size


def _parts(chunks: Iterator[memoryview], sizes: Sequence[int]) -> Iterator[bytes]:
    """A stream cut into parts; the last one comes once the stream has ended, and with it every check."""
    rest = memoryview(b"")
    for number, size in enumerate(sizes, start=1):
        filled: list[memoryview] = []
        missing = size
        while missing:
            rest = rest or next(chunks)
            filled.append(rest[:missing])
            rest = rest[missing:]
            missing -= len(filled[-1])
        if number == len(sizes):
            for _ in chunks:
                raise AssertionError("the plan does not hold every piece")
        yield b"".join(filled)
