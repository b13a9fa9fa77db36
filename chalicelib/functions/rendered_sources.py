"""Reads what a rendering request names: for each frame a data set that has it, in as few requests as can be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from pydicom.dataset import Dataset

from chalicelib.archive.ports import ObjectStore
from chalicelib.dicom import pixels

_PARALLEL_READS = 8
_COALESCED_GAP_BYTES = 256 * 1024
"""What lies unasked for between header and frames may be read with them if it is no more than this."""


class Source(NamedTuple):
    """A frame, where it is."""

    dataset: Dataset
    """Has the frame, and perhaps others."""
    decoded_frame: int
    """Its number within the pixel data of `dataset` (zero-based)."""
    frame: int
    """Its number within the instance (zero-based)."""
    transfer_syntax_uid: str


def sources_of(objects: ObjectStore, requests: Sequence[dict[str, Any]]) -> Iterator[Source]:
    """Every frame of every instance, in the order asked for; a few instances are read ahead."""
    if len(requests) == 1:
        yield from _frames(requests[0], _read(objects, requests[0]))
        return
    with ThreadPoolExecutor(_PARALLEL_READS) as pool:
        for start in range(0, len(requests), 2 * _PARALLEL_READS):
            batch = requests[start : start + 2 * _PARALLEL_READS]
            for request, content in zip(batch, pool.map(lambda one: _read(objects, one), batch), strict=True):
                yield from _frames(request, content)


_Content = tuple[bytes, list[bytes]]
"""Header, or the whole object; frames in their stored form."""


def _read(objects: ObjectStore, request: dict[str, Any]) -> _Content:
    key, ranges, header_bytes = request["object_key"], request["frame_ranges"], request["first_frame_offset"]
    if not ranges:
        return objects.read(key), []
    end = max(fragments[-1][0] + fragments[-1][1] for fragments in ranges)
    asked_for = header_bytes + sum(length for fragments in ranges for _, length in fragments)
    if end - asked_for <= _COALESCED_GAP_BYTES:
        whole = objects.read(key, 0, end)
        return whole[:header_bytes], [_joined(whole, 0, fragments) for fragments in ranges]
    spans = [(fragments[0][0], fragments[-1][0] + fragments[-1][1]) for fragments in ranges]
    with ThreadPoolExecutor(_PARALLEL_READS) as pool:
        header = pool.submit(objects.read, key, 0, header_bytes)
        contents = pool.map(lambda span: objects.read(key, span[0], span[1] - span[0]), spans)
        joined = [
            _joined(content, span[0], fragments)
            for content, span, fragments in zip(contents, spans, ranges, strict=True)
        ]
        return header.result(), joined


def _joined(content: bytes, start: int, fragments: list[list[int]]) -> bytes:
    """The fragments of a frame from bytes that begin at an offset of the object."""
    if len(fragments) == 1:
        offset, length = fragments[0]
        return content[offset - start : offset - start + length]
    return b"".join(content[offset - start : offset - start + length] for offset, length in fragments)


def _frames(request: dict[str, Any], content: _Content) -> Iterator[Source]:
    header, frames = content
    syntax = request["transfer_syntax_uid"]
    dataset = pixels.read_header(header) if frames else pixels.read_data_set(header)
    for number, frame in enumerate(request["frames"]):
        if frames:
            pixels.with_frame(dataset, frames[number], syntax, request["pixel_data_tag"])
        yield Source(dataset, 0 if frames else frame, frame, syntax)
