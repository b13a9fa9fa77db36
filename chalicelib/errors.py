"""Errors of the archive, free of HTTP and DIMSE.

`web/http.py` and `scp_fargate/dimse_status.py` each hold one table that turns them into the caller's
protocol. Messages are shown to callers: they never hold patient data.
"""

from __future__ import annotations


class ArchiveError(Exception):
    """Base of every error that a caller may be told about."""


class BadRequest(ArchiveError):
    """The request is malformed; the message names the offending part."""


class NotAuthenticated(ArchiveError):
    """No valid session."""


class NotAllowed(ArchiveError):
    """The session's role does not permit the action."""


class NotFound(ArchiveError):
    """Nothing by that name within the session's scope."""


class NotAcceptable(ArchiveError):
    """None of the media types asked for can be given; the message lists those that can."""


class Conflict(ArchiveError):
    """The state of the resource forbids the action."""


class PreconditionFailed(ArchiveError):
    """The resource is not in the state that the caller named: somebody else was faster."""


class PreconditionRequired(ArchiveError):
    """The resource exists: the caller has to say which state of it is to be replaced."""


class TooMuch(ArchiveError):
    """Answering would read or return too much; the message says how to narrow the request."""


class TooManyAttempts(ArchiveError):
    """The caller has to wait before the next attempt."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unavailable(ArchiveError):
    """A service that the archive needs did not answer; trying again later may succeed."""


class NotReady(ArchiveError):
    """The answer is being prepared: ask again after a while."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class InvalidInstance(ArchiveError):
    """A data set that cannot be archived (PS3.4 B.2.3, PS3.18 table I.2-1).

    `reason` is one of the members of `InvalidInstance.REASONS` and selects the DIMSE status or failure reason.
    """

    REASONS = frozenset(
        {"not-dicom", "empty", "truncated", "missing-uid", "invalid-uid", "uid-mismatch", "unsupported-syntax"}
    )

    def __init__(self, reason: str, message: str) -> None:
        if reason not in self.REASONS:
            raise ValueError(reason)
        super().__init__(message)
        self.reason = reason
