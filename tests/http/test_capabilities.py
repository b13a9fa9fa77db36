"""Capabilities say what there is; what there is not is refused in so many words."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from openapi_spec_validator import validate

from app import app
from chalicelib.access.model import Role
from chalicelib.web.capabilities import ANYTHING_ELSE
from chalicelib.web.dicomweb_operations import BASE, OPERATIONS, PARAMETERS, matching, methods
from chalicelib.web.openapi_dicomweb import document
from chalicelib.web.wadl import NAMESPACE
from tests.http.conftest import HttpClient, Issue

WADL = {"w": NAMESPACE}


def test_the_table_is_that_of_the_routes() -> None:
    offered = {(BASE + operation.path, operation.method) for operation in OPERATIONS if operation.method != "POST"}
    routed = {
        (path, method)
        for path, entries in app.routes.items()
        if path.startswith(BASE) and path not in (BASE, ANYTHING_ELSE)
        for method in entries
        if method != "HEAD"
    }
    assert routed | {(BASE, "GET")} == offered
    for operation in OPERATIONS:
        if operation.method == "GET":
            entry = app.routes[BASE + operation.path]["GET"]
            assert operation.is_public == (entry.authorizer is None), operation


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation.operation_id for operation in OPERATIONS]
    assert len(names) == len(set(names))


def test_capabilities_are_public_and_in_xml_unless_asked_otherwise(http: HttpClient) -> None:
    answer = http.get("/dicomweb/")
    for method, path in (("GET", "/dicomweb"), ("OPTIONS", "/dicomweb/"), ("OPTIONS", "/dicomweb")):
        assert http.request(method, path).body == answer.body
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/vnd.sun.wadl+xml"
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    root = ElementTree.fromstring(answer.body)
    paths = [resource.attrib["path"] for resource in root.findall("w:resources/w:resource", WADL)]
    assert paths == [path.lstrip("/") for path in dict.fromkeys(operation.path for operation in OPERATIONS)]
    names = {method.attrib.get("id") for method in root.iterfind(".//w:method", WADL)}
    assert names == {operation.operation_id for operation in OPERATIONS} | {None}
    search = next(each for each in root.iterfind(".//w:method", WADL) if each.get("id") == "SearchForStudies")
    parameters = {each.attrib["name"] for each in search.iterfind("w:request/w:param", WADL)}
    assert {"limit", "offset", "includefield", "fuzzymatching", "{attribute}"} <= parameters


def test_capabilities_in_json(http: HttpClient) -> None:
    answer = http.get("/dicomweb/", headers={"Accept": "application/json"})
    assert answer.headers["Content-Type"] == "application/json"
    resources = json.loads(answer.body)["resources"]
    assert [resource["path"] for resource in resources][:2] == ["", "openapi.json"]
    refused = http.get("/dicomweb/", headers={"Accept": "image/png"})
    assert refused.status_code == 406
    assert "application/vnd.sun.wadl+xml, application/json" in refused.json_body["detail"]


def test_options_of_a_resource_tell_of_it_and_of_what_is_below(http: HttpClient) -> None:
    answer = http.options("/dicomweb/studies/1.2/series", headers={"Accept": "application/json"})
    assert answer.status_code == 200
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    paths = [resource["path"] for resource in json.loads(answer.body)["resources"]]
    assert paths[0] == "studies/{study}/series"
    assert all(path.startswith("studies/{study}/series") for path in paths)
    assert http.options("/dicomweb/studies").headers["Allow"] == "GET, HEAD, POST, OPTIONS"
    assert http.options("/dicomweb/nothing").status_code == 404


NOT_OFFERED = [
    ("PUT", "/dicomweb/studies", "GET, HEAD, POST, OPTIONS"),
    ("POST", "/dicomweb/studies", "GET, HEAD, OPTIONS"),
    ("DELETE", "/dicomweb/studies/1.2", "GET, HEAD, POST, OPTIONS"),
    ("DELETE", "/dicomweb/studies/1.2/series/1.3", "GET, HEAD, OPTIONS"),
    ("PATCH", "/dicomweb/studies/1.2/series/1.3/instances/1.4", "GET, HEAD, OPTIONS"),
    ("POST", "/dicomweb/studies/1.2/metadata", "GET, HEAD, OPTIONS"),
    ("PUT", "/dicomweb/series", "GET, HEAD, OPTIONS"),
    ("POST", "/dicomweb/", "GET, HEAD, OPTIONS"),
    ("DELETE", "/dicomweb/wado", "GET, HEAD, OPTIONS"),
]


def test_methods_that_are_not_offered(http: HttpClient, bearer: Issue) -> None:
    headers = bearer(Role.RADIOLOGIST, "nord")
    for method, path, allow in NOT_OFFERED:
        assert http.request(method, path).status_code == 401
        answer = http.request(method, path, {**headers, "Content-Type": "text/plain"})
        assert (answer.status_code, answer.headers["Allow"]) == (405, allow), (method, path)
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_resources_that_there_are_not(http: HttpClient, bearer: Issue) -> None:
    headers = bearer(Role.RADIOLOGIST, "nord")
    for path in ("/dicomweb/nothing", "/dicomweb/studies/1.2/nothing", "/dicomweb/studies/1/2/3/4/5"):
        for method in ("GET", "POST", "DELETE", "PUT", "PATCH"):
            answer = http.request(method, path, headers)
            assert (answer.status_code, answer.json_body["status"]) == (404, 404), (method, path)
            assert answer.headers["Content-Type"] == "application/problem+json"
        assert http.head(path, headers=headers).status_code == 404


def test_head_is_get_without_a_body(http: HttpClient, bearer: Issue) -> None:
    headers = bearer(Role.RADIOLOGIST, "nord")
    answer = http.head("/dicomweb/studies?limit=1", headers=headers)
    assert (answer.status_code, answer.body) == (204, b"")
    described = http.head("/dicomweb/openapi.json", headers=headers)
    assert (described.body, described.headers["Content-Type"]) == (b"", "application/json")
    assert http.head("/dicomweb/studies?limit=x", headers=headers).status_code == 400
    assert http.head("/dicomweb/studies/1.2.3/metadata", headers=headers).status_code == 404
    assert http.head("/dicomweb/", headers=headers).status_code == 200
    assert http.head("/dicomweb/studies").status_code == 401


def test_the_openapi_document_is_valid_and_complete(http: HttpClient) -> None:
    answer = http.get("/dicomweb/openapi.json")
    assert answer.json_body == document()
    validate(answer.json_body)
    described = {
        (path, method) for path, item in document()["paths"].items() for method in item if method != "parameters"
    }
    assert described == {(operation.path or "/", operation.method.lower()) for operation in OPERATIONS}


def test_every_parameter_of_an_operation_is_explained() -> None:
    named = {name for operation in OPERATIONS for name in operation.parameters if not name.startswith("{")}
    assert named == set(PARAMETERS)


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("", ""),
        ("/", ""),
        ("/studies", "/studies"),
        ("/studies/1/series", "/studies/{study}/series"),
        ("/studies/1/metadata", "/studies/{study}/metadata"),
        ("/studies/1/series/2/metadata", "/studies/{study}/series/{series}/metadata"),
        ("/studies//series", "/studies/{study}/series"),
        ("/studies/1/nothing", None),
    ],
)
def test_paths_lead_to_their_resource(path: str, template: str | None) -> None:
    found = matching(path)
    assert (found[0] if found else None) == template
    assert template is None or methods(template)[-1] == "OPTIONS"
