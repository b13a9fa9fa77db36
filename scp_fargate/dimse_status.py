"""The one table from errors to DIMSE status (PS3.4 table B.2-1, PS3.7 9.1.1.1.9 and Annex C)."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib import errors

SUCCESS = 0x0000
PROCESSING_FAILURE = 0x0110
SOP_CLASS_NOT_SUPPORTED = 0x0122
OUT_OF_RESOURCES = 0xA700
DATA_SET_DOES_NOT_MATCH = IDENTIFIER_DOES_NOT_MATCH = 0xA900
CANNOT_UNDERSTAND = UNABLE_TO_PROCESS = 0xC000

ERROR_COMMENT_LENGTH = 64
"""Error Comment (0000,0902) has VR LO."""


@dataclass(frozen=True)
class Status:
    """What a response says."""

    code: int
    error_comment: str = ""


_INVALID_INSTANCE = {
    "uid-mismatch": Status(DATA_SET_DOES_NOT_MATCH, "UIDs of request and data set differ"),
    "not-dicom": Status(0xC001, "Not a DICOM data set in the negotiated transfer syntax"),
    "empty": Status(0xC002, "Data set is empty"),
    "truncated": Status(0xC003, "Data set is truncated"),
    "missing-uid": Status(0xC004, "A Study, Series, SOP Instance or SOP Class UID is missing"),
    "invalid-uid": Status(0xC005, "A UID is not valid (PS3.5 9.1)"),
    "unsupported-syntax": Status(0xC006, "Data set cannot be read in its transfer syntax"),
}
_UNAVAILABLE = Status(OUT_OF_RESOURCES, "Archive is unavailable, send again later")
_QUOTA_USED_UP = Status(OUT_OF_RESOURCES, "Quota of the hospital is used up, send again later")
_NOT_STORAGE = Status(SOP_CLASS_NOT_SUPPORTED, "Presentation context is not one of storage")
_CANNOT_BE_ARCHIVED = Status(CANNOT_UNDERSTAND, "Data set cannot be archived")
_FAILED = Status(PROCESSING_FAILURE, "Archive failed, its operators have been told")
STORE_STATUSES = (
    Status(SUCCESS), *_INVALID_INSTANCE.values(), _UNAVAILABLE, _QUOTA_USED_UP, _NOT_STORAGE, _CANNOT_BE_ARCHIVED,
    _FAILED,
)  # fmt: skip
"""Every status of a C-STORE response."""


def status_of(error: Exception) -> Status:
    """Status of a C-STORE response for what went wrong.

    Comments are fixed texts: nothing of the data set, which holds patient data, and nothing of the exception gets out.

    >>> hex(status_of(errors.Unavailable("")).code), hex(status_of(errors.InvalidInstance("empty", "")).code)
    ('0xa700', '0xc002')
    """
    if isinstance(error, errors.InvalidInstance):
        return _INVALID_INSTANCE[error.reason]
    if isinstance(error, errors.TooManyAttempts):
        return _QUOTA_USED_UP
    if isinstance(error, errors.Unavailable | errors.TooMuch):
        return _UNAVAILABLE
    if isinstance(error, errors.NotAllowed):
        return _NOT_STORAGE
    return _CANNOT_BE_ARCHIVED if isinstance(error, errors.ArchiveError) else _FAILED


# Query/Retrieve (PS3.4 tables C.4-1, C.4-2 and C.4-3) ---------------------------------------------------------------

PENDING = 0xFF00
PENDING_WITH_WARNING = 0xFF01
CANCEL = 0xFE00
UNABLE_TO_PERFORM_SUB_OPERATIONS = 0xA702
MOVE_DESTINATION_UNKNOWN = 0xA801
SUB_OPERATIONS_WITH_FAILURES = 0xB000
ILLEGAL_KEY = 0xC001
UNFORESEEN = 0xC010


def status_of_query(error: Exception) -> Status:
    """Status of a final C-FIND, C-MOVE or C-GET response for what went wrong; comments as in `status_of`.

    >>> hex(status_of_query(errors.TooMuch("")).code), hex(status_of_query(ValueError()).code)
    ('0xa700', '0xc010')
    """
    if isinstance(error, errors.TooMuch):
        return Status(OUT_OF_RESOURCES, "Too many candidates, narrow by date, ID, name or UID")
    if isinstance(error, errors.Unavailable | errors.TooManyAttempts):
        return Status(OUT_OF_RESOURCES, "Archive is unavailable, ask again later")
    if isinstance(error, errors.BadRequest):
        return Status(ILLEGAL_KEY, "A matching key has a value that is not legal")
    return Status(UNFORESEEN, "Archive failed, its operators have been told")
