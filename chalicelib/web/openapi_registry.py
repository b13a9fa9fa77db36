"""OpenAPI of the registry."""

from __future__ import annotations

from typing import Any

from chalicelib.web.openapi_operation import operation, path_parameter
from chalicelib.web.schema_parts import STRING

ETAG = {"ETag": {"schema": STRING, "description": "The revision in quotes"}}
PROBLEMS = (401, 403, 404, 503)


def _precondition(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "schema": STRING, "description": description}


IF_MATCH = _precondition("If-Match", "ETag of the revision that is meant, or * for any")
IF_NONE_MATCH = _precondition("If-None-Match", "*: only if it is not registered, which is also meant without If-Match")


def read(name: str, summary: str, schema: str) -> dict[str, Any]:
    """Reading something that has a revision."""
    described = operation(name, summary, schema, problems=PROBLEMS)
    described["responses"]["200"]["headers"] = ETAG
    return described


def put(name: str, summary: str, schema: str, body: str, *problems: int) -> dict[str, Any]:
    """Registering something, or replacing a revision of it."""
    described = operation(
        name,
        summary,
        schema,
        body=body,
        parameters=(IF_MATCH, IF_NONE_MATCH),
        problems=(400, 401, 403, *problems, 412, 428, 503),
    )
    replaced = described["responses"]["200"]
    replaced |= {"description": "Replaced", "headers": ETAG}
    described["responses"]["201"] = {**replaced, "description": "Registered"}
    return described


def paths() -> dict[str, Any]:
    """Hospitals and application entities."""
    hospital = path_parameter("hospital", "Hospital id: lower case letters, digits, inner hyphens")
    ae_title = path_parameter("ae_title", "AE title (PS3.5 6.2), unique in the region")
    one = "/api/hospitals/{hospital}"
    application_entities = f"{one}/application-entities"
    remove = operation(
        "removeApplicationEntity",
        "Remove an application entity",
        None,
        parameters=(IF_MATCH,),
        problems=(400, 401, 403, 404, 412, 428, 503),
        status=204,
    )
    return {
        "/api/hospitals": {"get": operation("listHospitals", "The region's hospitals", "Hospitals")},
        one: {
            "parameters": [hospital],
            "get": read("readHospital", "A hospital (operators)", "Hospital"),
            "put": put("putHospital", "Register or replace a hospital (operators)", "Hospital", "HospitalProperties"),
        },
        application_entities: {
            "parameters": [hospital],
            "get": operation(
                "listApplicationEntities",
                "A hospital's application entities (operators)",
                "ApplicationEntities",
                problems=PROBLEMS,
            ),
        },
        f"{application_entities}/{{ae_title}}": {
            "parameters": [hospital, ae_title],
            "get": read("readApplicationEntity", "An application entity (operators)", "ApplicationEntity"),
            "put": put(
                "putApplicationEntity",
                "Register or replace an application entity (operators); associations follow it within seconds",
                "ApplicationEntity",
                "ApplicationEntityProperties",
                404,
                409,
            ),
            "delete": remove,
        },
        f"{application_entities}/{{ae_title}}/echo": {
            "parameters": [hospital, ae_title],
            "post": operation(
                "echo",
                "Ask the application entity's registered address for C-ECHO (operators)",
                "Echo",
                problems=(401, 403, 404, 409, 429, 503),
            ),
        },
    }
