"""Tables of the DICOM conformance statement (PS3.2), from the code: `python -m scp_fargate.conformance` rewrites them.

The statement is docs/dicom-conformance.md; a table stands between `<!-- table: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path

from pydicom._uid_dict import UID_dictionary
from pydicom.uid import UID
from pynetdicom import PYNETDICOM_IMPLEMENTATION_UID, PYNETDICOM_IMPLEMENTATION_VERSION

from chalicelib.archive.levels import SERIES_TAGS, STUDY_TAGS
from chalicelib.archive.search_patients import PATIENT_COUNTS, PATIENT_TAGS
from chalicelib.archive.search_results import MODALITIES_IN_STUDY, SOP_CLASSES_IN_STUDY
from chalicelib.dicom.attributes import resolve
from chalicelib.dicom.character_sets import CODECS
from chalicelib.settings import Settings
from scp_fargate import application_entity, association, dimse_status, move_destination, operation, storage_scu
from scp_fargate.identifier import MODELS, UNIQUE_KEYS
from scp_fargate.presentation_contexts import IDENTIFIER_SYNTAXES, is_storage, service_of
from scp_fargate.sub_operations import WARNINGS

STATEMENT = Path(__file__).parent.parent / "docs/dicom-conformance.md"
_MARKED = re.compile(r"(<!-- table: ([a-z-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table in Markdown."""
    head = list(head)
    lines = [head, ["---"] * len(head), *(list(map(str, row)) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _classes() -> list[UID]:
    return [UID(uid) for uid, (_, kind, *_) in UID_dictionary.items() if kind in ("SOP Class", "Meta SOP Class")]


def services() -> str:
    """Services other than storage."""
    rows = [
        (uid.name, f"`{uid}`", "SCP", service_of(uid) or "(always)")
        for uid in _classes()
        if service_of(uid) not in (None, "store")
    ]
    return table(("SOP class", "UID", "Role", "Service of the registry"), rows)


def storage() -> str:
    """Storage SOP classes of the standard."""
    rows = [(uid.name, f"`{uid}`", "yes" if uid.is_retired else "") for uid in _classes() if is_storage(uid)]
    return table(("SOP class", "UID", "Retired"), rows)


def transfer_syntaxes() -> str:
    """Transfer syntaxes of identifiers."""
    return table(("Transfer syntax", "UID"), ((uid.name, f"`{uid}`") for uid in IDENTIFIER_SYNTAXES))


_MATCHING = {
    "UI": "single value, list of UIDs", "DA": "single value, range", "TM": "single value, range",
    "DT": "single value, range", "PN": "single value, wildcard; neither case nor accents matter",
    "SQ": "sequence", "IS": "single value, list", "DS": "single value, list", "US": "single value, list",
    "AS": "single value",
    **dict.fromkeys(("AE", "CS", "LO", "SH"), "single value, wildcard, list"),
    **dict.fromkeys(("LT", "ST", "UT", "UC", "UR"), "single value, wildcard"),
}  # fmt: skip


def keys() -> str:
    """Attributes that C-FIND matches and returns at each level."""
    study = STUDY_TAGS - PATIENT_TAGS | {MODALITIES_IN_STUDY, SOP_CLASSES_IN_STUDY, "00201206", "00201208"}
    levels = {
        "PATIENT": PATIENT_TAGS | set(PATIENT_COUNTS),
        "STUDY": study,
        "SERIES": SERIES_TAGS - STUDY_TAGS | {"00201209"},
        "IMAGE": {UNIQUE_KEYS["IMAGE"], "00080016", "00200013", "00280008", "00280010", "00280011"},
    }
    rows = []
    for level, tags in levels.items():
        for tag in sorted(tags):
            attribute = resolve(tag)
            assert attribute  # noqa: S101 - narrows a type
            kind = "unique" if tag == UNIQUE_KEYS[level] else "optional"
            matching = "returned only" if tag in PATIENT_COUNTS else _MATCHING[attribute.vr]
            rows.append((level, attribute.keyword, f"({tag[:4]},{tag[4:]})", attribute.vr, kind, matching))
    return table(("Level", "Attribute", "Tag", "VR", "Key", "Matching"), rows)


def models() -> str:
    """Information models."""
    return table(("Information model", "Levels"), ((model.name, ", ".join(model.levels)) for model in MODELS))


def query_statuses() -> str:
    """Statuses of C-FIND, C-MOVE and C-GET."""
    find, retrieve, every = "C-FIND", "C-MOVE, C-GET", "C-FIND, C-MOVE, C-GET"
    rows: list[tuple[int, str, str]] = [
        (dimse_status.SUCCESS, every, "Finished"),
        (dimse_status.PENDING, every, "A match; sub-operations continue"),
        (dimse_status.PENDING_WITH_WARNING, find,
         "A match; a key is not supported, or a text did not fit the character set of the request"),
        (dimse_status.CANCEL, every, "Ended by C-CANCEL"),
        (dimse_status.OUT_OF_RESOURCES, every,
         "More matches than configured, or than can be looked through; or the archive is unavailable"),
        (dimse_status.UNABLE_TO_PERFORM_SUB_OPERATIONS, retrieve, "No sub-operation succeeded"),
        (dimse_status.MOVE_DESTINATION_UNKNOWN, "C-MOVE", "Not a registered destination of the caller's hospital"),
        (dimse_status.IDENTIFIER_DOES_NOT_MATCH, every, "Level or unique key missing or not of the model"),
        (dimse_status.SUB_OPERATIONS_WITH_FAILURES, retrieve,
         "Some sub-operations failed (their UIDs are in the identifier) or ended with a warning"),
        (dimse_status.UNABLE_TO_PROCESS, every, "The identifier cannot be read"),
        (dimse_status.ILLEGAL_KEY, find, "A matching key has a value that is not legal; the comment names it"),
        (dimse_status.UNFORESEEN, every, "The archive failed"),
    ]  # fmt: skip
    return table(("Status", "Services", "Meaning"), ((f"{code:04X}", where, what) for code, where, what in rows))


def store_statuses() -> str:
    """Statuses of C-STORE."""
    rows = [(status.code, status.error_comment) for status in dimse_status.STORE_STATUSES]
    return table(("Status", "Error Comment"), ((f"{code:04X}", comment) for code, comment in sorted(rows)))


def sub_operation_warnings() -> str:
    """What counts as a warning of a destination."""
    return table(("Status of the destination",), ((f"{code:04X}",) for code in sorted(WARNINGS)))


def character_sets() -> str:
    """Specific character sets."""
    terms = [(term, term.replace("ISO_IR", "ISO 2022 IR") if _has_extension(term) else "") for term in CODECS]
    return table(("Defined term", "With code extensions"), terms)


def _has_extension(term: str) -> bool:
    return term.startswith("ISO_IR") and term != "ISO_IR 192"


def associations() -> str:
    """Limits of associations."""
    settings = Settings()
    rows = (
        ("Implementation Class UID", f"`{PYNETDICOM_IMPLEMENTATION_UID}`"),
        ("Implementation Version Name", PYNETDICOM_IMPLEMENTATION_VERSION),
        ("Maximum PDU received", f"{application_entity.MAXIMUM_PDU_BYTES} bytes"),
        ("Maximum PDU sent", f"{storage_scu.LARGEST_PDU_BYTES} bytes, or what the peer takes"),
        ("Association requests are answered within", f"{application_entity.ACSE_TIMEOUT_S} s"),
        ("Idle associations are aborted after", f"{application_entity.IDLE_TIMEOUT_S} s"),
        ("A peer that stalls within a PDU is dropped after", f"{association.STALLED_AFTER_S} s"),
        (
            "A peer that reads too slowly is dropped",
            f"after {settings.slow_peer_grace_s} s without progress, or below "
            f"{operation.SLOWEST_BYTES_PER_S >> 10} KiB/s",
        ),
        ("Associations at once per process", settings.maximum_associations),
        ("Matches of one C-FIND", settings.maximum_matches),
        ("Associations with the destination of one C-MOVE", settings.move_associations),
        ("Requests that a peer may send ahead", association.LARGEST_BACKLOG),
        ("Sub-operations of a C-GET at once", association.LARGEST_WINDOW),
        ("Outstanding sub-operations proposed to a destination", move_destination.WINDOW),
        ("A destination answers a C-STORE within", f"{storage_scu.RESPONSE_TIMEOUT_S:.0f} s"),
    )
    return table(("Parameter", "Value"), rows)


_OWN_SETTINGS = re.compile(r"dicom_|ingest_|ae_title|maximum_|receive_|shutdown_|move_|slow_|spool_|commitment_|tls_")


def configuration() -> str:
    """Settings of the ingest service."""
    rows = (
        (f"`SANSFILM_{field.name.upper()}`", f"`{field.default}`" if field.default != "" else "")
        for field in fields(Settings)
        if _OWN_SETTINGS.match(field.name)
    )
    return table(("Variable", "Default"), rows)


TABLES: dict[str, Callable[[], str]] = {
    "services": services,
    "storage": storage,
    "transfer-syntaxes": transfer_syntaxes,
    "models": models,
    "keys": keys,
    "query-statuses": query_statuses,
    "store-statuses": store_statuses,
    "sub-operation-warnings": sub_operation_warnings,
    "character-sets": character_sets,
    "associations": associations,
    "configuration": configuration,
}


def with_tables(statement: str) -> str:
    """The statement with every table made anew.

    Raises
    ------
    KeyError
        If it asks for a table that there is not.
    """
    return _MARKED.sub(lambda match: f"{match[1]}\n{TABLES[match[2]]()}\n{match[4]}", statement)


if __name__ == "__main__":
    STATEMENT.write_text(with_tables(STATEMENT.read_text()))
