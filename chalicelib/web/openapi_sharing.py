"""OpenAPI of shares."""

from __future__ import annotations

from typing import Any

from chalicelib.web.openapi_operation import operation, path_parameter
from chalicelib.web.schema_parts import STRING


def paths() -> dict[str, Any]:
    """Making, listing, revoking and opening shares."""
    reads = (401, 403, 503)
    opened = operation(
        "openShare",
        "Open a link; the guest's session is set as a cookie",
        "Session",
        body="ShareCredentials",
        problems=(400, 401, 403, 404, 429, 503),
        is_public=True,
    )
    opened["responses"]["200"]["headers"] = {
        "Set-Cookie": {"schema": STRING, "description": "`__Host-sansfilm`, HttpOnly, SameSite=Strict"}
    }
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
            "parameters": [path_parameter("share", "Id of the share")],
            "get": operation("readShare", "A share and when it was opened", "Share", problems=(401, 403, 404, 503)),
            "delete": operation(
                "revokeShare",
                "End it now; nobody sees anything by it after at most 30 s",
                None,
                problems=(401, 403, 404, 503),
                status=204,
            ),
        },
        "/api/received-shares": {
            "get": operation(
                "listReceivedShares",
                "What is shared with the session's user or hospital",
                "ReceivedShares",
                problems=reads,
            )
        },
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
        "/api/share-session": {"post": opened},
    }
