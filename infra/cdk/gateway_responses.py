"""What API Gateway answers by itself (no session, no such route, throttled): problem details (RFC 9457) as ever."""

from __future__ import annotations

import json
from typing import Any

CONTENT_TYPE = "'application/problem+json'"
_OTHER = '{"type":"about:blank","detail":$context.error.messageString}'
_STATUSES: dict[str, tuple[int, str]] = {
    "UNAUTHORIZED": (401, "No valid session: send a bearer token or the session's cookie."),
    "ACCESS_DENIED": (403, "The session does not permit this."),
    # Its own answer to a path or method that it has no route for is 403, as if a session could help.
    "MISSING_AUTHENTICATION_TOKEN": (404, "There is no such resource, or it does not have this method."),
    "REQUEST_TOO_LARGE": (413, "A request to the API may have at most 10 MB."),
    "THROTTLED": (429, "Too many requests at once: try again in a second."),
    "INTEGRATION_FAILURE": (502, "The archive did not answer; try again."),
    "INTEGRATION_TIMEOUT": (504, "The archive took longer than 29 s to answer."),
}
RESPONSE_TYPES = ("DEFAULT_4XX", "DEFAULT_5XX", *_STATUSES)


def _template(response_type: str) -> str:
    if response_type not in _STATUSES:
        return _OTHER
    status, detail = _STATUSES[response_type]
    return json.dumps({"type": "about:blank", "status": status, "detail": detail})


def _headers(response_type: str) -> dict[str, str]:
    headers = {"Content-Type": CONTENT_TYPE}
    if response_type == "UNAUTHORIZED":
        headers["WWW-Authenticate"] = "'Bearer'"
    return headers


def for_stack() -> dict[str, Any]:
    """As the template of the stack has them (AWS SAM, GatewayResponses)."""
    return {
        response_type: {
            **({"StatusCode": str(_STATUSES[response_type][0])} if response_type in _STATUSES else {}),
            "ResponseTemplates": {"application/json": _template(response_type)},
            "ResponseParameters": {"Headers": _headers(response_type)},
        }
        for response_type in RESPONSE_TYPES
    }


def for_api(response_type: str) -> dict[str, Any]:
    """As API Gateway's own API takes one of them, for an emulator that leaves them out of a stack."""
    return {
        **({"statusCode": str(_STATUSES[response_type][0])} if response_type in _STATUSES else {}),
        "responseTemplates": {"application/json": _template(response_type)},
        "responseParameters": {
            f"gatewayresponse.header.{name}": value for name, value in _headers(response_type).items()
        },
    }
