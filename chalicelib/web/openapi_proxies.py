"""OpenAPI of those who act for patients, and of second factors (docs/adr/0035)."""

from __future__ import annotations

from typing import Any

from chalicelib.web.openapi_operation import operation, path_parameter
from chalicelib.web.openapi_patients import ISSUER, ONE
from chalicelib.web.schema_parts import STRING

PROXY = {
    "name": "proxy",
    "in": "query",
    "required": False,
    "schema": STRING,
    "description": "Id of the one who acts for the patient and is meant; by default the patient is",
}
_PATIENT = path_parameter("patient", "PatientID (0010,0020)")
_ONE_OF_THEM = path_parameter("proxy", "Id of the one who acts for the patient")
_NAMED = (400, 401, 403, 404, 503)


def paths() -> dict[str, Any]:
    """Proxies and second factors."""
    return {**_proxies(), **_own_proxies(), **_factors(), **_own_factors()}


def _proxies() -> dict[str, Any]:
    register = operation(
        "registerProxy",
        "Register somebody who acts for a patient of the session's hospital, and hand over a code",
        "ProxyCode",
        body="ProxyRequest",
        parameters=(ISSUER,),
        problems=(*ONE[:3], 409, 503),
        status=201,
    )
    renew = operation(
        "renewProxyCode",
        "Hand over another code to one who acts for a patient, in place of the one before",
        "ProxyCode",
        body="ProxyCodeRequest",
        parameters=(ISSUER,),
        problems=(*ONE[:3], 404, 409, 503),
        status=201,
    )
    end = operation(
        "endProxy",
        "End at the desk that somebody acts for a patient, with what that one gave",
        None,
        parameters=(ISSUER,),
        problems=(*ONE[:3], 404, 409, 503),
        status=204,
    )
    listed = operation("listProxies", "Who acts for a patient", "Proxies", parameters=(ISSUER,), problems=ONE)
    return {
        "/api/proxies/{patient}": {"parameters": [_PATIENT], "get": listed, "post": register},
        "/api/proxies/{patient}/{proxy}": {"parameters": [_PATIENT, _ONE_OF_THEM], "delete": end},
        "/api/proxies/{patient}/{proxy}/codes": {"parameters": [_PATIENT, _ONE_OF_THEM], "post": renew},
    }


def _own_proxies() -> dict[str, Any]:
    end = operation(
        "endMyProxy", "Take back a mandate; parents and guardians are ended at the desk", None,
        problems=(401, 403, 404, 409, 503), status=204,
    )  # fmt: skip
    return {
        "/api/my/proxies": {"get": operation("listMyProxies", "Who acts for the signed-in patient", "Proxies")},
        "/api/my/proxies/{proxy}": {"parameters": [_ONE_OF_THEM], "delete": end},
    }


def _totp(suffix: str, parameters: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    return {
        "post": operation(
            f"begin{suffix}Totp",
            "Begin to add an authenticator application (RFC 6238: SHA-1, 6 digits, 30 s)",
            "TotpEnrolment",
            parameters=parameters,
            problems=_NAMED,
            status=201,
        ),
        "put": operation(
            f"confirm{suffix}Totp",
            "Add the application by a password that it shows",
            "SecondFactors",
            body="TotpConfirmation",
            parameters=parameters,
            problems=(*_NAMED[:4], 409, 429, 503),
        ),
        "delete": operation(
            f"remove{suffix}Totp",
            "Forget the application",
            None,
            parameters=parameters,
            problems=_NAMED,
            status=204,
        ),
    }


def _factors() -> dict[str, Any]:
    which = (ISSUER, PROXY)
    state = operation(
        "readSecondFactors", "What a patient can sign in with", "SecondFactors", parameters=which, problems=_NAMED
    )
    printed = operation(
        "printCodes",
        "Hand over a list of one-time codes on proof of identity, in place of the one before",
        "PrintedCodes",
        body="PrintedCodesRequest",
        parameters=which,
        problems=_NAMED,
        status=201,
    )
    return {
        "/api/second-factors/{patient}": {"parameters": [_PATIENT], "get": state},
        "/api/second-factors/{patient}/totp": {"parameters": [_PATIENT], **_totp("Patient", which)},
        "/api/second-factors/{patient}/printed-codes": {"parameters": [_PATIENT], "post": printed},
    }


def _own_factors() -> dict[str, Any]:
    state = operation("readMySecondFactors", "What one can sign in with besides the code", "SecondFactors")
    return {"/api/my/second-factors": {"get": state}, "/api/my/second-factors/totp": _totp("My", ())}
