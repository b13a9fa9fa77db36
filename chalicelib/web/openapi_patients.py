"""OpenAPI of patients' codes, their sign-in, and the access that they give."""

from __future__ import annotations

from typing import Any

from chalicelib.web.openapi_operation import operation, path_parameter
from chalicelib.web.schema_parts import STRING

ISSUER = {
    "name": "issuer",
    "in": "query",
    "required": False,
    "schema": STRING,
    "description": "IssuerOfPatientID (0010,0021)",
}
ONE = (400, 401, 403, 503)


def paths() -> dict[str, Any]:
    """Codes, sign-in, grants."""
    return {**_codes(), **_sign_in(), **_grants()}


def _codes() -> dict[str, Any]:
    return {
        "/api/patient-codes": {
            "post": operation(
                "handOverPatientCode",
                "Hand over a code to a patient of the session's hospital, in place of the one before",
                "PatientCode",
                body="PatientCodeRequest",
                problems=(*ONE[:3], 409, 503),
                status=201,
            )
        },
        "/api/patient-codes/{patient}": {
            "parameters": [path_parameter("patient", "PatientID (0010,0020)")],
            "get": operation(
                "readPatientCode",
                "Whether a patient of the session's hospital has a code",
                "PatientCodeState",
                parameters=(ISSUER,),
                problems=ONE,
            ),
            "delete": operation(
                "revokePatientCode",
                "Revoke a patient's code, with the patient's sessions and every access given with it",
                None,
                parameters=(ISSUER,),
                problems=(*ONE[:3], 404, 409, 503),
                status=204,
            ),
        },
    }


def _sign_in() -> dict[str, Any]:
    finish = operation(
        "finishPatientSignIn",
        "Sign in with the one-time password; the session's token is set as a cookie",
        "Session",
        body="OneTimePassword",
        problems=(400, 401, 429, 503),
        is_public=True,
    )
    finish["responses"]["200"]["headers"] = {
        "Set-Cookie": {"schema": STRING, "description": "`__Host-sansfilm`, HttpOnly, SameSite=Strict"}
    }
    return {
        "/api/patient-session": {
            "post": operation(
                "beginPatientSignIn",
                "Ask for a one-time password; the answer is the same whether code and birth date are right or not",
                "Challenge",
                body="PatientSignIn",
                problems=(400, 429, 503),
                is_public=True,
                status=202,
            )
        },
        "/api/patient-session/one-time-password": {"post": finish},
    }


def _grants() -> dict[str, Any]:
    return {
        "/api/access-grants": {
            "get": operation(
                "listAccessGrants", "To a patient: who has access; to a professional: to whom", "AccessGrants"
            ),
            "post": operation(
                "presentPatientCode",
                "Obtain access to a patient with the patient's code and birth date",
                "AccessGrant",
                body="PatientCredentials",
                problems=(*ONE[:3], 404, 409, 429, 503),
                status=201,
            ),
        },
        "/api/access-grants/{grant}": {
            "parameters": [path_parameter("grant", "Id of the access")],
            "put": operation(
                "shortenAccessGrant",
                "Have an access that the signed-in patient gave end earlier",
                "AccessGrant",
                body="AccessGrantChange",
                problems=(400, 401, 403, 404, 409, 503),
            ),
            "delete": operation(
                "endAccessGrant",
                "End an access that the signed-in patient gave",
                None,
                problems=(401, 403, 404, 409, 503),
                status=204,
            ),
        },
    }
