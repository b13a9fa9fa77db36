"""The OpenAPI document is complete and true."""

from __future__ import annotations

from openapi_spec_validator import validate

from app import app
from chalicelib.web.openapi import document
from scp_fargate import echo_self_test
from tests.http.conftest import HttpClient

OF_THE_INGEST_SERVICE = {(echo_self_test.PATH, "post")}


def test_is_a_valid_openapi_document(http: HttpClient) -> None:
    answer = http.get("/api/openapi.json")
    assert answer.status_code == 200
    assert answer.json_body == document()
    validate(answer.json_body)


def test_describes_every_route_under_api_and_nothing_else() -> None:
    routes = {
        (path, method.lower()) for path, methods in app.routes.items() if path.startswith("/api") for method in methods
    }
    described = {
        (path, method)
        for path, operations in document()["paths"].items()
        for method in operations
        if method != "parameters"
    }
    assert described == routes | OF_THE_INGEST_SERVICE


def test_says_which_routes_need_a_session() -> None:
    for path, operations in document()["paths"].items():
        for method, operation in operations.items():
            if method != "parameters" and (path, method) not in OF_THE_INGEST_SERVICE:
                is_public = operation.get("security") == []
                assert is_public == (app.routes[path][method.upper()].authorizer is None), (method, path)
