"""OpenAPI of care relations, oppositions and break-glass."""

from __future__ import annotations

from typing import Any

from chalicelib.web.openapi_operation import operation, path_parameter
from chalicelib.web.openapi_patients import ISSUER
from chalicelib.web.schema_parts import STRING

PATIENT = {
    "name": "patient_id",
    "in": "query",
    "required": True,
    "schema": STRING,
    "description": "PatientID (0010,0020) of a patient of the session's hospital",
}
ONE = (400, 401, 403, 404, 409, 503)


def paths() -> dict[str, Any]:
    """Care relations, oppositions, break-glass."""
    return {**_relations(), **_priors(), **_oppositions(), **_break_glass()}


def _relations() -> dict[str, Any]:
    relation = path_parameter("relation", "Id of the care relation")
    own = (PATIENT, ISSUER)
    return {
        "/api/care-relations": {
            "get": operation(
                "listCareRelations",
                "Exams that other hospitals have of a patient of the session's hospital, before they are opened",
                "CareRelations",
                parameters=own,
                problems=(400, 401, 403, 503),
            ),
            "post": operation(
                "declareCareRelation",
                "Declare that the session's hospital treats a patient whom another one has exams of; name and birth "
                "date have to be the same",
                "CareRelation",
                body="CareRelationRequest",
                problems=(*ONE[:5], 429, 503),
                status=201,
            ),
        },
        "/api/care-relations/{relation}": {
            "parameters": [relation],
            "delete": operation(
                "endCareRelation", "End it, with every access by it", None, parameters=own, problems=ONE, status=204
            ),
        },
        "/api/care-relations/{relation}/opening": {
            "parameters": [relation],
            "post": operation(
                "openPriors",
                "Open what it leads to, for the session's user",
                "CareRelation",
                parameters=own,
                problems=ONE,
                status=201,
            ),
        },
    }


def _priors() -> dict[str, Any]:
    studies = {
        "name": "studies",
        "in": "query",
        "required": True,
        "schema": STRING,
        "description": "1 to 50 Study Instance UIDs of the session's hospital, separated by commas",
    }
    return {
        "/api/priors": {
            "get": operation(
                "listPriors",
                "How many exams other hospitals have of the patients of a worklist, that a care relation leads to",
                "Priors",
                parameters=(studies,),
                problems=(400, 401, 403, 503),
            )
        }
    }


def _oppositions() -> dict[str, Any]:
    patient = path_parameter("patient", "PatientID (0010,0020)")
    reads, changes = (400, 401, 403, 503), (400, 401, 403, 409, 503)
    body = "OppositionRequest"
    return {
        "/api/oppositions/{patient}": {
            "parameters": [patient],
            "get": operation(
                "readOpposition",
                "Whether a patient of the session's hospital opposes that others reach the exams",
                "Opposition",
                parameters=(ISSUER,),
                problems=reads,
            ),
            "put": operation(
                "recordOpposition",
                "Record it; an opposition ends every access by a care relation at the next request",
                "Opposition",
                body=body,
                parameters=(ISSUER,),
                problems=changes,
            ),
        },
        "/api/my/opposition": {
            "get": operation("readMyOpposition", "Whether the signed-in patient opposes", "Opposition"),
            "put": operation(
                "recordMyOpposition", "The patient opposes, or no more", "Opposition", body=body, problems=changes
            ),
        },
    }


def _break_glass() -> dict[str, Any]:
    return {
        "/api/break-glass": {
            "get": operation("listBrokenGlasses", "The review queue of the session's hospital", "BrokenGlasses"),
            "post": operation(
                "breakGlass",
                "In an emergency: one patient's unmasked exams for 24 hours; the patient is told, a review follows",
                "EmergencyAccess",
                body="BreakGlassRequest",
                problems=(*ONE[:5], 429, 503),
                status=201,
            ),
        },
        "/api/break-glass/{use}/review": {
            "parameters": [path_parameter("use", "Id of the use")],
            "put": operation(
                "reviewBrokenGlass",
                "The privacy officer's finding; what was not justified ends at once",
                "BrokenGlass",
                body="BreakGlassReview",
                problems=ONE,
            ),
        },
    }
