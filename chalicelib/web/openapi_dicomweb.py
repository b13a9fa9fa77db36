"""OpenAPI 3.1 of everything under /dicomweb, from the table of operations: `/dicomweb/openapi.json`."""

from __future__ import annotations

from functools import cache
from typing import Any

from chalicelib.web.dicomweb_operations import ATTRIBUTE, BASE, MANDATORY, OPERATIONS, PARAMETERS, Operation
from chalicelib.web.schemas import SCHEMAS

PROBLEM = "application/problem+json"
SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "__Host-sansfilm"},
}
_UID = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)*$", "maxLength": 64}
PATH_PARAMETERS: dict[str, tuple[dict[str, Any], str]] = {
    "study": (_UID, "Study Instance UID"),
    "series": (_UID, "Series Instance UID"),
    "instance": (_UID, "SOP Instance UID"),
    "frames": ({"type": "string", "pattern": "^[1-9][0-9]{0,8}(,[1-9][0-9]{0,8})*$"}, "Frame numbers, from 1"),
    "path": ({"type": "string"}, "Path of the attribute, as the BulkDataURI of the metadata names it"),
}
MATCHING_KEYS = {
    "StudyDate": "A date or a range of dates",
    "PatientName": "Neither case nor accents matter; `*` and `?` are wildcards",
    "PatientID": "Wildcards as above",
    "AccessionNumber": "Wildcards as above",
    "ModalitiesInStudy": "One or more, separated by `\\`",
    "StudyInstanceUID": "One or more, separated by commas",
}
"""The most used; any other attribute may be given by its tag or keyword too."""
STATUSES = {
    200: "The representation",
    202: "Some instances were stored, others were not: the answer says which and why",
    204: "Nothing matches",
    206: "The byte range that was asked for",
    304: "The caller has it already (If-None-Match)",
    307: "It lies at the signed address that Location names, for minutes",
    400: "The request is malformed; `detail` names the offending part",
    404: "There is nothing by that name within the session's scope",
    406: "None of the acceptable media types is available; `detail` lists those that are",
    409: "No instance was stored, or several hospitals gave this UID; the answer says which",
    411: "The body has neither a length nor chunks",
    412: "There is another representation than If-Match names",
    413: "Answering would read or return too much; `detail` says how to ask for less",
    415: "The payload is of none of the types that can be stored",
    416: "The byte range begins behind the end",
    429: "Wait for the seconds that Retry-After names",
}
DEFAULTS = {
    "401": "No valid session",
    "403": "The session's role does not permit this",
    "503": "A service that is needed did not answer, or the answer is being prepared; try again after Retry-After",
}
DICOM_JSON_SCHEMA = {"type": "array", "items": {"$ref": "#/components/schemas/DataSet"}}


def _content(media_type: str) -> dict[str, Any]:
    """Media types of OpenAPI have no parameters but those that tell them apart."""
    return {"schema": DICOM_JSON_SCHEMA} if media_type.startswith("application/dicom+json") else {}


def _answers(operation: Operation) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for status in operation.statuses:
        answer: dict[str, Any] = {"description": STATUSES[status]}
        if (status < 300 and status != 204) or (status == 409 and operation.method == "POST"):
            answer["content"] = {media_type: _content(media_type) for media_type in operation.media_types}
        elif status >= 400:
            answer["content"] = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        answers[str(status)] = answer
    if 307 in operation.statuses:
        answers["307"]["headers"] = {"Location": {"schema": {"type": "string", "format": "uri"}, "required": True}}
    if not operation.is_public:
        answers |= {status: {"$ref": f"#/components/responses/{status}"} for status in DEFAULTS}
    return answers


def _query_parameter(name: str) -> dict[str, Any]:
    schema, text = PARAMETERS[name]
    described = {"name": name, "in": "query", "schema": schema, "description": text}
    return {**described, "required": True} if name in MANDATORY else described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    described = [_query_parameter(name) for name in operation.parameters if name != ATTRIBUTE]
    if ATTRIBUTE in operation.parameters:
        keys = [
            {"name": name, "in": "query", "schema": {"type": "string"}, "description": text}
            for name, text in MATCHING_KEYS.items()
        ]
        described = [*keys, *described]
    return described


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.operation_id,
        "summary": f"{operation.name} (PS3.18 {operation.section})",
        "responses": _answers(operation),
    }
    if operation.parameters:
        described["parameters"] = _parameters(operation)
    if operation.request_types:
        content: dict[str, Any] = {media_type: {} for media_type in operation.request_types}
        described["requestBody"] = {"required": True, "content": content}
    if operation.is_public:
        described["security"] = []
    return described


def _path_item(template: str) -> dict[str, Any]:
    own = [operation for operation in OPERATIONS if operation.path == template]
    item: dict[str, Any] = {operation.method.lower(): _operation(operation) for operation in own}
    if own[0].path_parameters:
        item["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": schema, "description": text}
            for name in own[0].path_parameters
            for schema, text in [PATH_PARAMETERS[name]]
        ]
    return item


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document."""
    problem = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sans Film DICOMweb",
            "version": "1",
            "description": "Studies Service and URI Service (DICOM PS3.18). Every resource that has GET has HEAD; "
            "OPTIONS answers with capabilities. Searches take any attribute as a matching key.",
        },
        "servers": [{"url": BASE}],
        "security": [{"bearer": []}, {"cookie": []}],
        "paths": {template or "/": _path_item(template) for template in dict.fromkeys(o.path for o in OPERATIONS)},
        "components": {
            "schemas": {
                "Problem": SCHEMAS["Problem"],
                "DataSet": {
                    "type": "object",
                    "description": "DICOM JSON Model (PS3.18 Annex F)",
                    "propertyNames": {"pattern": "^[0-9A-F]{8}$"},
                    "additionalProperties": {
                        "type": "object",
                        "properties": {"vr": {"type": "string", "pattern": "^[A-Z]{2}$"}},
                        "required": ["vr"],
                    },
                },
            },
            "responses": {status: {"description": text, "content": problem} for status, text in DEFAULTS.items()},
            "securitySchemes": SECURITY_SCHEMES,
        },
    }
