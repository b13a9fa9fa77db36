"""Identifiers of C-FIND, C-MOVE and C-GET (PS3.4 C.2, C.6): read, checked against their information model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.archive.retrieve_instances import RetrieveKeys
from chalicelib.dicom.elements import BytesSource, Encoding, Malformed, walk
from chalicelib.dicom.json_model import convert
from chalicelib.dicom.uid import is_valid
from scp_fargate.dimse_status import IDENTIFIER_DOES_NOT_MATCH, UNABLE_TO_PROCESS, Status

DicomJson = dict[str, Any]

CHARACTER_SET, QUERY_RETRIEVE_LEVEL, RETRIEVE_AE_TITLE = "00080005", "00080052", "00080054"
LEVELS = ("PATIENT", "STUDY", "SERIES", "IMAGE")
UNIQUE_KEYS = {"PATIENT": "00100020", "STUDY": "0020000D", "SERIES": "0020000E", "IMAGE": "00080018"}
_KEYWORDS = {"PATIENT": "PatientID", "STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID",
             "IMAGE": "SOPInstanceUID"}  # fmt: skip
LARGEST_UID_LIST = 10_000


class Refused(Exception):
    """A request that cannot be served; `status` says why, without a patient's data."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.error_comment)
        self.status = status


@dataclass(frozen=True)
class Model:
    """An information model of Query/Retrieve: its SOP classes and levels (PS3.4 C.6)."""

    name: str
    root: str
    levels: tuple[str, ...]

    @property
    def find(self) -> str:
        """SOP class of C-FIND."""
        return f"{self.root}.1"

    @property
    def move(self) -> str:
        """SOP class of C-MOVE."""
        return f"{self.root}.2"

    @property
    def get(self) -> str:
        """SOP class of C-GET."""
        return f"{self.root}.3"


MODELS = (
    Model("Patient Root", "1.2.840.10008.5.1.4.1.2.1", LEVELS),
    Model("Study Root", "1.2.840.10008.5.1.4.1.2.2", LEVELS[1:]),
    Model("Patient/Study Only", "1.2.840.10008.5.1.4.1.2.3", LEVELS[:2]),
)
FIND_MODELS = {model.find: model for model in MODELS}
RETRIEVE_MODELS = {uid: model for model in MODELS for uid in (model.move, model.get)}


def read_identifier(encoded: bytes, implicit_vr: bool) -> DicomJson:
    """An identifier in the DICOM JSON Model.

    Raises
    ------
    Refused
        If it cannot be read (Cxxx) or is empty (A900).
    """
    source = BytesSource(encoded)
    encoding = Encoding(implicit_vr)
    try:
        found = convert(source, walk(source, 0, source.size, encoding), encoding).dicom_json
    except Malformed:
        raise Refused(Status(UNABLE_TO_PROCESS, "Identifier cannot be read")) from None
    if not found:
        raise _mismatch("Identifier is empty")
    return found


def level_of_query(identifier: DicomJson, model: Model) -> str:
    """Query/Retrieve Level, one that the model has.

    Raises
    ------
    Refused
        If it is missing or the model lacks it (A900).
    """
    level = first_text(identifier, QUERY_RETRIEVE_LEVEL)
    if not level:
        raise _mismatch("Query/Retrieve Level is missing")
    if level not in model.levels:
        raise _mismatch(f"{model.name} has no such Query/Retrieve Level")
    return level


def retrieve_keys(identifier: DicomJson, model: Model, relational: bool = False) -> RetrieveKeys:
    """Unique keys of a retrieval (PS3.4 C.4.2.1.4.1): single values above the level, a list of UIDs at the level.

    With `relational` those above may be missing (C.4.2.3.2).

    Raises
    ------
    Refused
        If one is missing, has a wildcard, is several where one is due, or is no UID (A900).
    """
    level = level_of_query(identifier, model)
    wanted = model.levels[: model.levels.index(level) + 1]
    values: dict[str, tuple[str, ...]] = {}
    for name in wanted:
        found = texts(identifier, UNIQUE_KEYS[name])
        if not found and name != level and (relational or name == "PATIENT"):
            # Study Instance UIDs are unique without Patient ID, and many requestors leave it out.
            continue
        if not found:
            raise _mismatch(f"{_KEYWORDS[name]} is missing")
        if len(found) > (1 if name != level or name == "PATIENT" else LARGEST_UID_LIST):
            raise _mismatch(f"{_KEYWORDS[name]} has too many values")
        if not all(map(is_valid, found)) if name != "PATIENT" else any(set(text) & set("*?") for text in found):
            raise _mismatch(f"{_KEYWORDS[name]} is not a single value or list of UIDs")
        values[name] = tuple(found)
    return RetrieveKeys(
        (values.get("PATIENT") or ("",))[0], values.get("STUDY", ()), values.get("SERIES", ()), values.get("IMAGE", ())
    )


def texts(identifier: DicomJson, tag: str) -> Sequence[str]:
    """Values of an attribute as texts, empty ones left out."""
    values = identifier.get(tag, {}).get("Value") or ()
    return [text for value in values if value is not None and (text := str(value).strip("\0 "))]


def first_text(identifier: DicomJson, tag: str) -> str:
    """First value of an attribute as text, "" if there is none."""
    return next(iter(texts(identifier, tag)), "")


def _mismatch(comment: str) -> Refused:
    return Refused(Status(IDENTIFIER_DOES_NOT_MATCH, comment))
