"""Rendered presentation states and reports (PS3.18 10.4.1.1.5): what they refer to, what they are given as."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from chalicelib.archive.delivery import Body, etag_of
from chalicelib.archive.model import InstanceRecord
from chalicelib.archive.ports import IndexReader
from chalicelib.archive.rendered import MAXIMUM_PICTURES, Pictures
from chalicelib.archive.scope import Scope
from chalicelib.archive.visible import visible_instance
from chalicelib.dicom.media_types import MediaRange, Representation, best_offer
from chalicelib.dicom.structured_report import html, plain_text
from chalicelib.errors import BadRequest, NotFound

PRESENTATION_STATES = frozenset(f"1.2.840.10008.5.1.4.1.1.11.{number}" for number in (1, 2, 3))
"""Grayscale, color and pseudo-color softcopy presentation states."""
_REFERENCED_SERIES, _REFERENCED_IMAGES, _CONTENT = "00081115", "00081140", "0040A730"
HTML, TEXT = "text/html; charset=utf-8", "text/plain; charset=utf-8"


def is_report(record: InstanceRecord) -> bool:
    """Whether the instance is a content tree: a structured report, a key object selection, a dose report."""
    return _CONTENT in record.dicom_json and record.number_of_frames == 0


def report_body(record: InstanceRecord, accept: Sequence[MediaRange]) -> Body:
    """The report as HTML, or as plain text.

    Raises
    ------
    NotAcceptable
        If neither is accepted.
    """
    chosen = best_offer(accept, [Representation("text/html"), Representation("text/plain")])
    is_html = chosen.media_type == "text/html"
    content = html(record.dicom_json) if is_html else plain_text(record.dicom_json)
    etag = etag_of(record.object_key, "report", chosen.media_type)
    return Body(HTML if is_html else TEXT, (content.encode(),), etag)


def referenced_pictures(reader: IndexReader, scope: Scope, state: InstanceRecord) -> list[Pictures]:
    """Frames that a presentation state is about, as far as the archive has them and the scope permits.

    Raises
    ------
    NotFound
        If none is there.
    """
    scope = scope.within(state.keys.hospital)
    found: list[Pictures] = []
    for series_uid, reference in _references(state):
        sop_uid = _uid(reference, "00081155")
        try:
            record = visible_instance(reader, scope, state.keys.study_instance_uid, series_uid, sop_uid)
        except (NotFound, BadRequest):
            continue
        total = record.number_of_frames
        numbers = [n - 1 for n in reference.get("00081160", {}).get("Value") or [] if isinstance(n, int)]
        frames = tuple(n for n in numbers if 0 <= n < total) or tuple(range(total))
        if total:
            found.append(Pictures(record, frames))
        if len(found) > MAXIMUM_PICTURES:
            break
    if not found:
        raise NotFound("The images of the presentation state are not there.")
    return found


def _references(state: InstanceRecord) -> Iterator[tuple[str, dict[str, Any]]]:
    for series in state.dicom_json.get(_REFERENCED_SERIES, {}).get("Value") or []:
        for image in series.get(_REFERENCED_IMAGES, {}).get("Value") or []:
            yield _uid(series, "0020000E"), image


def _uid(item: dict[str, Any], tag: str) -> str:
    return str((item.get(tag, {}).get("Value") or [""])[0])
