"""What a search matches against and returns at each level (PS3.18 tables 10.6.1-5 and 10.6.3-3 to 10.6.3-5)."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from chalicelib.archive.levels import SERIES_TAGS, STUDY_TAGS
from chalicelib.archive.model import DicomJson, InstanceRecord, SeriesRecord, StudyRecord
from chalicelib.dicom.attributes import resolve

if TYPE_CHECKING:
    from chalicelib.archive.search import SearchRequest


class Level(Enum):
    """What is searched for (PS3.18 table 10.6.1-1); the patient is part of the study's rows."""

    STUDY = "study"
    SERIES = "series"
    INSTANCE = "instance"


MODALITIES_IN_STUDY = "00080061"
SOP_CLASSES_IN_STUDY = "00080062"
INSTANCE_AVAILABILITY = "00080056"
RETRIEVE_URL = "00081190"
_STUDY_COUNTS = ("00201206", "00201208")
_SERIES_COUNT = "00201209"

STUDY_DEFAULTS = (
    "00080005", "00080020", "00080030", "00080050", INSTANCE_AVAILABILITY, MODALITIES_IN_STUDY, "00080090", "00080201",
    RETRIEVE_URL, "00100010", "00100020", "00100030", "00100040", "0020000D", "00200010", *_STUDY_COUNTS,
)  # fmt: skip
SERIES_DEFAULTS = (
    "00080005", "00080060", "00080201", "0008103E", RETRIEVE_URL, "0020000D", "0020000E", "00200011", _SERIES_COUNT,
    "00400244", "00400245", "00400275",
)  # fmt: skip
INSTANCE_DEFAULTS = (
    "00080005", "00080016", "00080018", INSTANCE_AVAILABILITY, "00080201", RETRIEVE_URL, "0020000D", "0020000E",
    "00200013", "00280008", "00280010", "00280011", "00280100",
)  # fmt: skip
OPTIONAL_DEFAULTS = frozenset({"00080201", "00280008", "00280010", "00280011", "00280100", "00400244", "00400245",
                               "00400275", "0008103E"})  # fmt: skip
"""Returned by default only where they have a value; the others are there even if empty."""


def element(vr: str, *values: Any) -> dict[str, Any]:
    """An attribute of the DICOM JSON Model; without `Value` when empty."""
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


_OF_EVERY_RESULT = {"00080005": element("CS", "ISO_IR 192"), INSTANCE_AVAILABILITY: element("CS", "ONLINE")}


def level_of(tag: str) -> Level:
    """Highest level whose rows hold an attribute, those that the archive computes included."""
    if tag in STUDY_TAGS or tag in (MODALITIES_IN_STUDY, SOP_CLASSES_IN_STUDY, *_STUDY_COUNTS):
        return Level.STUDY
    return Level.SERIES if tag in SERIES_TAGS or tag == _SERIES_COUNT else Level.INSTANCE


def study_url(base_url: str, study_instance_uid: str) -> str:
    """Retrieve URL of a study."""
    return f"{base_url}/studies/{study_instance_uid}"


def series_url(base_url: str, study_instance_uid: str, series_instance_uid: str) -> str:
    """Retrieve URL of a series."""
    return f"{study_url(base_url, study_instance_uid)}/series/{series_instance_uid}"


def _retrieve_url(study: StudyRecord, request: SearchRequest, url: str) -> DicomJson:
    return element("UR", f"{url}?hospital={quote(study.hospital)}" if request.names_hospital else url)


def study_attributes(study: StudyRecord) -> DicomJson:
    """Everything that a study can be matched against."""
    return {
        **study.attributes,
        **_OF_EVERY_RESULT,
        MODALITIES_IN_STUDY: element("CS", *study.modalities),
        SOP_CLASSES_IN_STUDY: element("UI", *study.sop_classes),
        "0020000D": {"vr": "UI", "Value": [study.study_instance_uid]},
        "00201206": {"vr": "IS", "Value": [study.series_count]},
        "00201208": {"vr": "IS", "Value": [study.instance_count]},
    }


def series_attributes(series: SeriesRecord) -> DicomJson:
    """Everything that a series can be matched against, apart from its study's attributes."""
    return {
        **series.attributes,
        **_OF_EVERY_RESULT,
        "0020000D": element("UI", series.study_instance_uid),
        "0020000E": element("UI", series.series_instance_uid),
        _SERIES_COUNT: element("IS", series.instance_count),
    }


def _returned(dataset: DicomJson, defaults: tuple[str, ...], request: SearchRequest) -> DicomJson:
    """The attributes asked for, in tag order; defaults without a value are given empty unless optional."""
    result: DicomJson = {}
    others = frozenset(dataset) if request.include_all else request.include_tags
    for tag, empty in _tags_of(defaults, others):
        value = dataset.get(tag, empty)
        if value is not None and "BulkDataURI" not in value:
            result[tag] = value
    return result


@lru_cache(maxsize=64)
def _tags_of(defaults: tuple[str, ...], others: frozenset[str]) -> list[tuple[str, dict[str, Any] | None]]:
    """Tags in order, each with what stands for it where it has no value; None for nothing."""
    given_empty = {*defaults} - OPTIONAL_DEFAULTS
    return [(tag, _empty(tag) if tag in given_empty else None) for tag in sorted({*defaults, *others})]


def _empty(tag: str) -> dict[str, Any]:
    return element(attribute.vr if (attribute := resolve(tag)) else "UN")


def study_result(study: StudyRecord, request: SearchRequest, base_url: str) -> DicomJson:
    """A study as a search returns it."""
    dataset = study_attributes(study)
    dataset[RETRIEVE_URL] = _retrieve_url(study, request, study_url(base_url, study.study_instance_uid))
    return _returned(dataset, STUDY_DEFAULTS, request)


def series_result(study: StudyRecord, series: SeriesRecord, request: SearchRequest, base_url: str) -> DicomJson:
    """A series as a search returns it; with its study's attributes when no study was named (10.6.3.3.2)."""
    dataset = study_attributes(study) | series_attributes(series)
    url = series_url(base_url, study.study_instance_uid, series.series_instance_uid)
    dataset[RETRIEVE_URL] = _retrieve_url(study, request, url)
    defaults = SERIES_DEFAULTS if request.study_instance_uid else (*STUDY_DEFAULTS, *SERIES_DEFAULTS)
    return _returned(dataset, defaults, request)


def instance_result(
    study: StudyRecord, series: SeriesRecord, record: InstanceRecord, request: SearchRequest, base_url: str
) -> DicomJson:
    """An instance as a search returns it; with attributes of the parents that were not named (10.6.3.3.3)."""
    keys = record.keys
    dataset = study_attributes(study) | series_attributes(series) | record.dicom_json
    dataset["00080005"] = element("CS", "ISO_IR 192")
    parent = series_url(base_url, keys.study_instance_uid, keys.series_instance_uid)
    dataset[RETRIEVE_URL] = _retrieve_url(study, request, f"{parent}/instances/{keys.sop_instance_uid}")
    defaults: tuple[str, ...] = INSTANCE_DEFAULTS
    if not request.series_instance_uid:
        defaults = (*SERIES_DEFAULTS, *defaults)
    if not request.study_instance_uid:
        defaults = (*STUDY_DEFAULTS, *defaults)
    return _returned(dataset, defaults, request)
