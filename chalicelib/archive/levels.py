"""Which attributes describe a patient and study, which a series (PS3.3 A.1.2; PS3.4 C.6.2.1)."""

from __future__ import annotations

import json
import re

from chalicelib.archive.model import DicomJson

LARGEST_ATTRIBUTE_BYTES = 6_000
"""Longer ones are kept with the instance alone: rows stay small, and all of one fit an item of 400 KB."""
PATIENT_ID = "00100020"
"""Always kept, because it decides whose study it is."""
STUDY_TAGS = frozenset(
    {
        "00100010", "00100020", "00100021", "00100022", "00100024", "00100030", "00100032", "00100040", "00101001",
        "00101002", "00101010", "00101020", "00101030", "00102160", "00102180", "00104000", "00120062",
        "0020000D", "00080020", "00080030", "00080050", "00080051", "00080080", "00080090", "00080096", "00080201",
        "00081030", "00081032", "00081048", "00081060", "00081110", "00200010", "00321032", "00321060",
    }
)  # fmt: skip
SERIES_TAGS = frozenset(
    {
        "0020000E", "00080021", "00080031", "00080060", "00080070", "00080201", "0008103E", "0008103F", "00081010",
        "00081040", "00081050", "00081070", "00081090", "00180015", "00181000", "00181030", "00185100", "00200011",
        "00200052", "00200060", "00400244", "00400245", "00400253", "00400254", "00400275", "00540081",
    }
)  # fmt: skip


def select(dicom_json: DicomJson, tags: frozenset[str]) -> DicomJson:
    """Attributes of one level."""
    return {tag: dicom_json[tag] for tag in dicom_json.keys() & tags}


def fill(attributes: DicomJson, more: DicomJson) -> DicomJson:
    """`attributes` with what they lack taken from `more`: the first value that came stays.

    >>> fill({"00100020": {"vr": "LO"}}, {"00100020": {"vr": "LO", "Value": ["1"]}})
    {'00100020': {'vr': 'LO', 'Value': ['1']}}
    """
    missing = {
        tag: value
        for tag, value in more.items()
        if len(value) > len(attributes.get(tag, ())) and (tag == PATIENT_ID or _is_small(value))
    }
    kept = {tag: value for tag, value in attributes.items() if tag not in missing or len(value) > 1}
    return {**missing, **kept} if missing else attributes


def _is_small(value: DicomJson) -> bool:
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")) <= LARGEST_ATTRIBUTE_BYTES


def text(dicom_json: DicomJson, tag: str) -> str:
    """First value of an attribute as text, `""` if absent."""
    values = dicom_json.get(tag, {}).get("Value") or [""]
    return str(values[0]) if values[0] is not None else ""


def date_key(attributes: DicomJson, study_instance_uid: str) -> str:
    """Order of studies by Study Date and Time, undated ones first; two studies never have the same.

    >>> date_key({"00080020": {"vr": "DA", "Value": ["2024.03.01"]}}, "1.2")
    '20240301#000000#1.2'
    """
    date = re.sub(r"[.\-/]", "", text(attributes, "00080020"))
    time = re.sub(r"\D", "", text(attributes, "00080030").partition(".")[0])
    if not re.fullmatch(r"[0-9]{8}", date):
        date = "00000000"
    return f"{date}#{time[:6].ljust(6, '0')}#{study_instance_uid}"
