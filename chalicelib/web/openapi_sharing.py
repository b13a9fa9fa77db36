"""OpenAPI of shares."""

from __future__ import annotations

from typing import Any

from chalicelib.web.openapi_operation import operation, path_parameter
from chalicelib.web.schema_parts import STRING

SHARE = path_parameter("share", "Id of the share")
HOSPITAL = path_parameter("hospital", "Id of the session's hospital")


def paths() -> dict[str, Any]:
    """Making, listing, revoking, opening shares, and ending those of others."""
    return {**_own(), **_of_links(), **_of_others()}


def _own() -> dict[str, Any]:
    reads = (401, 403, 503)
    return {
        "/api/shares": {
            "get": operation(
                "listShares", "Shares that the session's user made, newest first", "Shares", problems=reads
            ),
            "post": operation(
                "makeShare",
                "Share studies of one's own scope by a link, with a colleague or with a hospital",
                "NewShare",
                body="ShareRequest",
                problems=(400, 401, 403, 404, 409, 503),
                status=201,
            ),
        },
        "/api/shares/{share}": {
            "parameters": [SHARE],
            "get": operation("readShare", "A share and who used it when", "Share", problems=(401, 403, 404, 503)),
            "delete": operation(
                "revokeShare",
                "End it: the next request by it is refused",
                None,
                problems=(401, 403, 404, 503),
                status=204,
            ),
        },
        "/api/received-shares": {
            "get": operation(
                "listReceivedShares",
                "What is shared with the session's user, RPPS number or hospital",
                "ReceivedShares",
                problems=reads,
            )
        },
    }


def _of_links() -> dict[str, Any]:
    finished = _opening("finishOpening", "Open a link with the one-time password of a challenge", "OneTimePassword")
    return {
        "/api/share-preview": {
            "post": operation(
                "previewShare",
                "What a link gives before it gives it; no patient is named",
                "SharePreview",
                body="ShareToken",
                problems=(400, 404, 429, 503),
                is_public=True,
            )
        },
        "/api/share-challenge": {
            "post": operation(
                "beginOpening",
                "Have a one-time password sent; the answer is the same whether link and passcode are right or not",
                "Challenge",
                body="ShareCredentials",
                problems=(400, 403, 429, 503),
                is_public=True,
                status=202,
            )
        },
        "/api/share-session": {
            "post": _opening("openShare", "Open a link; the guest's session is set as a cookie", "ShareCredentials")
        },
        "/api/share-session/one-time-password": {"post": finished},
    }


def _opening(name: str, summary: str, body: str) -> dict[str, Any]:
    opened = operation(name, summary, "Session", body=body, problems=(400, 401, 403, 429, 503), is_public=True)
    opened["responses"]["200"]["headers"] = {
        "Set-Cookie": {"schema": STRING, "description": "`__Host-sansfilm`, HttpOnly, SameSite=Strict"}
    }
    return opened


def _of_others() -> dict[str, Any]:
    one = (401, 403, 404, 503)
    before = {
        "name": "before",
        "in": "query",
        "required": False,
        "schema": STRING,
        "description": "`next` of the page before",
    }
    return {
        "/api/my/shares": {
            "get": operation(
                "listMyShares",
                "Live shares that open the patient's own exams, whoever made them",
                "SharesOfPatient",
                problems=(401, 403, 503),
            )
        },
        "/api/my/shares/{share}": {
            "parameters": [SHARE],
            "delete": operation(
                "endMyShare",
                "Take the patient's exams out of a share; it ends when nothing is left",
                None,
                problems=(*one[:3], 409, 503),
                status=204,
            ),
        },
        "/api/hospitals/{hospital}/shares": {
            "parameters": [HOSPITAL],
            "get": operation(
                "listHospitalShares",
                "Live shares of the hospital's studies, newest first, for its PACS manager",
                "SharesOfHospital",
                parameters=(before,),
                problems=(400, 401, 403, 503),
            ),
        },
        "/api/hospitals/{hospital}/shares/{share}": {
            "parameters": [HOSPITAL, SHARE],
            "delete": operation(
                "endHospitalShare",
                "Take the hospital's studies out of a share; it ends when nothing is left",
                None,
                problems=(*one[:3], 409, 503),
                status=204,
            ),
        },
        "/api/operations/shares/{share}": {
            "parameters": [SHARE],
            "get": operation("readOperatedShare", "A share, without images or names", "OperatedShare", problems=one),
            "delete": operation("endOperatedShare", "End a share", None, problems=one, status=204),
        },
    }
