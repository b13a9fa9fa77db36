"""OpenAPI of what is kept back of studies."""

from __future__ import annotations

from typing import Any

from chalicelib.web.openapi_operation import operation, path_parameter


def paths() -> dict[str, Any]:
    """Marks of a study."""
    study = path_parameter("study", "StudyInstanceUID (0020,000D) of a study of the session's hospital")
    return {
        "/api/studies/{study}/marks": {
            "parameters": [study],
            "get": operation(
                "listMarks",
                "What is kept back of a study of the session's hospital, and what was, newest first",
                "Marks",
                problems=(400, 401, 403, 404, 503),
            ),
            "post": operation(
                "setMark",
                "Keep a study, its reports, a series or an instance back, from the next request on",
                "Mark",
                body="MarkRequest",
                problems=(400, 401, 403, 404, 409, 503),
                status=201,
            ),
        },
        "/api/studies/{study}/marks/{mark}": {
            "parameters": [study, path_parameter("mark", "Id of the mark")],
            "delete": operation(
                "liftMark",
                "Lift a mark; what it kept back is shown from the next request on",
                "Mark",
                problems=(400, 401, 403, 404, 409, 503),
            ),
        },
    }
