"""OpenAPI of identity providers, sign-in with one, machines, sessions and accounts."""

from __future__ import annotations

from typing import Any

from chalicelib.web.openapi_operation import operation, path_parameter
from chalicelib.web.openapi_registry import IF_MATCH, put, read
from chalicelib.web.schema_parts import STRING


def paths() -> dict[str, Any]:
    """Everything about who signs in, and how."""
    return {**_providers(), **_sign_in(), **_machines(), **_token(), **_sessions(), **_accounts()}


def _sessions() -> dict[str, Any]:
    return {
        "/api/sessions": {
            "get": operation("listOwnSessions", "Where the caller is signed in", "OwnSessions"),
            "delete": operation("endOtherSessions", "End every session of the caller but this one", None, status=204),
        },
        "/api/sessions/{session}": {
            "parameters": [path_parameter("session", "Id of the session")],
            "delete": operation(
                "endOwnSession",
                "End one of the caller's sessions at once",
                None,
                problems=(401, 403, 404, 503),
                status=204,
            ),
        },
    }


def _accounts() -> dict[str, Any]:
    return {
        "/api/accounts/{account}": {
            "parameters": [path_parameter("account", "User name, rpps:{number}, or {provider}:{user}")],
            "get": operation(
                "readAccount",
                "An account (PACS manager of its hospital, operators)",
                "Account",
                problems=(401, 403, 404, 503),
            ),
            "put": operation(
                "putAccount",
                "Disable an account, which ends its sessions, or enable it again",
                "Account",
                body="AccountState",
                problems=(400, 401, 403, 404, 409, 503),
            ),
        },
    }


def _machines() -> dict[str, Any]:
    hospital = path_parameter("hospital", "Hospital id")
    one = "/api/hospitals/{hospital}/machines/{machine}"
    parameters = [hospital, path_parameter("machine", "Client id")]
    return {
        "/api/hospitals/{hospital}/machines": {
            "parameters": [hospital],
            "get": operation(
                "listMachines",
                "A hospital's machines (its PACS manager, operators)",
                "Machines",
                problems=(401, 403, 404, 503),
            ),
            "post": operation(
                "createMachine",
                "Register a machine; its secret is in this answer alone",
                "MachineWithSecret",
                body="MachineProperties",
                problems=(400, 401, 403, 404, 409, 503),
                status=201,
            ),
        },
        one: {
            "parameters": parameters,
            "delete": operation(
                "revokeMachine",
                "Revoke a machine with its secrets and sessions",
                None,
                problems=(401, 403, 404, 503),
                status=204,
            ),
        },
        f"{one}/secrets": {
            "parameters": parameters,
            "post": operation(
                "rotateMachineSecret",
                "Give a machine a new secret; the one before stays good for a while",
                "MachineWithSecret",
                body="MachineRotation",
                problems=(400, 401, 403, 404, 409, 503),
                status=201,
            ),
        },
    }


def _token() -> dict[str, Any]:
    described = operation(
        "createMachineToken",
        "A short-lived bearer token for a machine (RFC 6749 4.4)",
        "TokenAnswer",
        problems=(429, 503),
        is_public=True,
    )
    form = {
        "type": "object",
        "properties": {
            "grant_type": {"type": "string", "enum": ["client_credentials"]},
            "scope": {"type": "string", "description": "Of store, query, retrieve; by default all that it has"},
            "client_id": STRING,
            "client_secret": {"type": "string", "description": "Unless it is in the Authorization header (Basic)"},
        },
        "required": ["grant_type"],
    }
    described["requestBody"] = {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": form}}}
    refusal = {"application/json": {"schema": {"$ref": "#/components/schemas/TokenRefusal"}}}
    described["responses"]["400"] = {"description": "The request is not one that can be granted", "content": refusal}
    described["responses"]["401"] = {"description": "Client or secret is wrong", "content": refusal}
    described["responses"]["415"] = {"description": "The body is not a form"}
    return {"/api/oauth2/token": {"post": described}}


def _providers() -> dict[str, Any]:
    return {
        "/api/identity-providers": {
            "get": operation(
                "listIdentityProviders",
                "What the sign-in page offers",
                "IdentityProviders",
                problems=(503,),
                is_public=True,
            )
        },
        "/api/operations/identity-providers": {
            "get": operation(
                "listRegisteredIdentityProviders", "Every OpenID provider (operators)", "RegisteredIdentityProviders"
            )
        },
        "/api/identity-providers/{provider}": {
            "parameters": [path_parameter("provider", "Provider id: lower case letters, digits, inner hyphens")],
            "get": read("readIdentityProvider", "An OpenID provider (operators)", "IdentityProvider"),
            "put": put(
                "putIdentityProvider",
                "Register or replace an OpenID provider (operators)",
                "IdentityProvider",
                "IdentityProviderProperties",
            ),
            "delete": operation(
                "removeIdentityProvider",
                "Remove an OpenID provider (operators)",
                None,
                parameters=(IF_MATCH,),
                problems=(400, 401, 403, 404, 412, 428, 503),
                status=204,
            ),
        },
    }


def _query(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": STRING, "description": description}


def _sign_in() -> dict[str, Any]:
    parameter = path_parameter("provider", "Provider id")

    def redirect(name: str, summary: str, *parameters: dict[str, Any]) -> dict[str, Any]:
        described = operation(
            name, summary, None, parameters=parameters, problems=(400, 403, 503), is_public=True, status=303
        )
        described["responses"]["303"]["headers"] = {"Location": {"schema": STRING}, "Set-Cookie": {"schema": STRING}}
        return described

    return {
        "/api/oidc/{provider}/sign-in": {
            "parameters": [parameter],
            "get": redirect(
                "beginOidcSignIn",
                "Send a browser to a provider",
                _query("return", "Path of this host to come back to"),
            ),
        },
        "/api/oidc/{provider}/callback": {
            "parameters": [parameter],
            "get": redirect(
                "finishOidcSignIn",
                "Redirect URI: signs in and leads to the page that was asked for, or to the sign-in page with a reason",
                _query("state", "As it was sent"),
                _query("code", "Authorization code"),
                _query("error", "Instead of a code (RFC 6749 4.1.2.1)"),
                _query("iss", "Who answers (RFC 9207)"),
            ),
        },
    }
