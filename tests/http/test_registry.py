"""The registry: validation, operators only, hospitals apart, updates at the same time, one log line per change."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema
import pytest

from app import app
from chalicelib import errors, wiring
from chalicelib.access import registration
from chalicelib.access.model import ApplicationEntity, Hospital, Role
from chalicelib.web.openapi import document
from tests.http.conftest import HttpClient, Issue

NORD, SUD = "/api/hospitals/nord/application-entities", "/api/hospitals/sud/application-entities"
CT1 = f"{NORD}/NORD_CT1"
FINGERPRINT = "ab" * 32
PROPERTIES = {
    "services": ["store", "query"],
    "destination": {"host": "ct1.nord.example", "port": 104, "tls": True},
    "certificate_fingerprints": [FINGERPRINT],
    "tls_only": True,
    "networks": ["10.1.0.0/16", "2001:db8::/32"],
    "enabled": True,
}


def conforms(answer: Any, schema: str) -> Any:
    jsonschema.validate(answer.json_body, document()["components"]["schemas"][schema])
    return answer.json_body


@pytest.fixture
def operator(bearer: Issue) -> dict[str, str]:
    """Headers of an operator."""
    return bearer(Role.OPERATOR, **{"Content-Type": "application/json"})


def put(http: HttpClient, path: str, headers: dict[str, str], body: Any, **more: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return http.put(path, headers=headers | named, body=json.dumps(body).encode())


def test_registers_reads_replaces_and_removes_an_application_entity(http: HttpClient, operator: dict[str, str]) -> None:
    made = put(http, CT1, operator, PROPERTIES)
    assert made.status_code == 201, made.body
    first = made.headers["ETag"]
    expected = {"ae_title": "NORD_CT1", "hospital": "nord", **PROPERTIES, "services": ["query", "store"]}
    assert conforms(made, "ApplicationEntity") == expected | {"revision": first.strip('"')}
    read = http.get(CT1, headers=operator)
    assert (read.json_body, read.headers["ETag"]) == (made.json_body, first)

    replaced = put(http, CT1, operator, {"services": [], "enabled": False}, if_match=first)
    assert replaced.status_code == 200, replaced.body
    assert replaced.headers["ETag"] != first
    assert conforms(replaced, "ApplicationEntity")["certificate_fingerprints"] == []
    assert "destination" not in replaced.json_body
    listed = conforms(http.get(NORD, headers=operator), "ApplicationEntities")
    assert listed == {"application_entities": [replaced.json_body]}
    assert http.get(SUD, headers=operator).json_body == {"application_entities": []}

    assert http.delete(CT1, headers=operator | {"If-Match": first}).status_code == 412
    assert http.delete(CT1, headers=operator).status_code == 428
    assert http.delete(CT1, headers=operator | {"If-Match": replaced.headers["ETag"]}).status_code == 204
    assert http.get(CT1, headers=operator).status_code == 404
    assert http.delete(CT1, headers=operator | {"If-Match": "*"}).status_code == 404
    # The old revision does not come back with a new entry of the same title.
    assert put(http, CT1, operator, PROPERTIES).status_code == 201
    assert put(http, CT1, operator, PROPERTIES, if_match=replaced.headers["ETag"]).status_code == 412


def test_registers_and_renames_a_hospital(http: HttpClient, operator: dict[str, str]) -> None:
    path = "/api/hospitals/clinique-est"
    assert http.get(path, headers=operator).status_code == 404
    limits = {
        "maximum_associations": 4,
        "maximum_instances_per_minute": 6000,
        "maximum_bytes_per_day": 10**12,
        "networks": ["192.0.2.0/24"],
    }
    body = {"name": " Clinique de l’Est ", "sms_name": "Clin. Est", **limits}
    made = put(http, path, operator, body)
    assert made.status_code == 201
    body = conforms(made, "Hospital")
    assert (body["name"], body["sms_name"]) == ("Clinique de l’Est", "Clin. Est")
    assert limits.items() <= body.items()
    assert put(http, path, operator, {"name": "Other"}).status_code == 428
    assert put(http, path, operator, {"name": "Other"}, if_none_match="*").status_code == 412
    renamed = put(http, path, operator, {"name": "Clinique Est"}, if_match=made.headers["ETag"])
    assert renamed.status_code == 200
    assert wiring.registry().hospital("clinique-est") == Hospital("clinique-est", "Clinique Est", "")
    assert put(http, path, operator, {"name": "Other"}, if_match=made.headers["ETag"]).status_code == 412
    assert http.get(path, headers=operator).json_body == renamed.json_body
    names = http.get("/api/hospitals", headers=operator).json_body["hospitals"]
    assert {"id": "clinique-est", "name": "Clinique Est"} in names


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"services": ["print"]}, "services"),
        ({"services": ["store", "store"]}, "services"),
        ({"destination": {"host": "a.example"}}, "port"),
        ({"destination": {"host": "a.example", "port": 104, "tls": "yes"}}, "tls"),
        ({"tls_only": True, "certificate_fingerprints": []}, "tls_only"),
        ({"networks": ["10.1.2.3/16"]}, "network"),
        ({"networks": ["hospital"]}, "network"),
        ({"networks": ["10.0.0.0/8", "10.0.0.0/8"]}, "networks"),
        ({"destination": {"host": "a.example", "port": 0}}, "port"),
        ({"destination": {"host": "a.example", "port": 65536}}, "port"),
        ({"destination": {"host": "a.example", "port": "104"}}, "port"),
        ({"destination": {"host": "", "port": 104}}, "host"),
        ({"destination": {"host": "http://a.example/", "port": 104}}, "host"),
        ({"destination": {"host": "a b", "port": 104}}, "host"),
        ({"destination": {"host": "-a.example", "port": 104}}, "host"),
        ({"destination": {"host": "2852039166", "port": 104}}, "host"),
        ({"destination": {"host": "0xa9fea9fe", "port": 104}}, "host"),
        ({"destination": {"host": "169.254.169.254", "port": 80}}, "host"),
        ({"destination": {"host": "::ffff:169.254.170.2", "port": 80}}, "host"),
        ({"destination": {"host": "64:ff9b::a9fe:a9fe", "port": 80}}, "host"),
        ({"destination": {"host": "fe80::1%eth0", "port": 80}}, "host"),
        ({"destination": {"host": "fd00:ec2::254", "port": 80}}, "host"),
        ({"destination": {"host": "0.0.0.0", "port": 104}}, "host"),
        ({"destination": {"host": "224.0.0.1", "port": 104}}, "host"),
        ({"certificate_fingerprints": ["ab" * 31]}, "fingerprint"),
        ({"certificate_fingerprints": ["zz" * 32]}, "fingerprint"),
        ({"enabled": "yes"}, "enabled"),
        ({"quota": 1}, "properties"),
    ],
)
def test_refuses_what_is_no_application_entity(
    http: HttpClient, operator: dict[str, str], changed: dict[str, Any], what: str
) -> None:
    answer = put(http, CT1, operator, PROPERTIES | changed)
    assert answer.status_code == 400, answer.body
    assert what in conforms(answer, "Problem")["detail"]
    assert wiring.registry().application_entity("NORD_CT1") is None


def test_who_has_a_certificate_shows_it_unless_told_otherwise(http: HttpClient, operator: dict[str, str]) -> None:
    certificates = {"certificate_fingerprints": [FINGERPRINT]}
    for title, more, tls_only in (
        ("A", {}, False), ("B", certificates, True), ("C", certificates | {"tls_only": False}, False),
    ):  # fmt: skip
        answer = put(http, f"{NORD}/{title}", operator, {"services": [], **more})
        assert conforms(answer, "ApplicationEntity")["tls_only"] is tls_only
        assert "destination" not in answer.json_body


@pytest.mark.parametrize(
    "host", ["10.1.2.3", "192.168.0.9", "2001:db8::1", "pacs", "PACS.nord.example", "xn--hpital-xxa.example"]
)
def test_takes_hosts_as_hospitals_have_them(http: HttpClient, operator: dict[str, str], host: str) -> None:
    answer = put(http, CT1, operator, PROPERTIES | {"destination": {"host": host, "port": 11112}})
    assert answer.status_code == 201, answer.body
    assert answer.json_body["destination"]["host"] == host.lower()


@pytest.mark.parametrize(
    ("title", "status"),
    [
        ("A", 201),
        ("SIXTEEN_BYTES_AE", 201),
        ("with%20space", 201),
        ("A%2FB", 201),
        ("SEVENTEEN_BYTES__", 400),
        ("%20%20", 400),
        ("A%5CB", 400),
        ("A%0AB", 400),
        ("A%7FB", 400),
        ("%C3%89COLE", 400),
    ],
)
def test_titles_are_of_vr_ae(http: HttpClient, operator: dict[str, str], title: str, status: int) -> None:
    assert put(http, f"{NORD}/{title}", operator, PROPERTIES).status_code == status


def test_spaces_around_a_title_say_nothing(http: HttpClient, operator: dict[str, str]) -> None:
    assert put(http, f"{NORD}/%20NORD_CT1%20", operator, PROPERTIES).json_body["ae_title"] == "NORD_CT1"
    assert http.get(f"{NORD}/NORD_CT1%20", headers=operator).status_code == 200


@pytest.mark.parametrize(
    ("hospital", "body"),
    [
        ("Nord", {"name": "Nord"}),
        ("-nord", {"name": "Nord"}),
        ("nord%2Fx", {"name": "Nord"}),
        ("n" * 65, {"name": "Nord"}),
        ("est", {"name": "  "}),
        ("est", {"name": "a\nb"}),
        ("est", {"name": "E" * 100}),
        ("est", {"name": "Est", "sms_name": "病院"}),
        ("est", {"sms_name": "Est"}),
        ("est", {"name": "Est", "id": "est"}),
        ("est", {"name": "Est", "maximum_associations": -1}),
        ("est", {"name": "Est", "maximum_bytes_per_day": -1}),
        ("est", {"name": "Est", "maximum_instances_per_minute": 1.5}),
        ("est", {"name": "Est", "networks": ["10.0.0.0/40"]}),
    ],
)
def test_refuses_what_is_no_hospital(
    http: HttpClient, operator: dict[str, str], hospital: str, body: dict[str, Any]
) -> None:
    assert put(http, f"/api/hospitals/{hospital}", operator, body).status_code == 400
    assert wiring.registry().hospital("est") is None


@pytest.mark.parametrize(
    "headers", [{"if_match": "x"}, {"if_match": 'W/"0123456789abcdef"'}, {"if_none_match": '"0123456789abcdef"'}]
)
def test_refuses_preconditions_that_it_does_not_know(
    http: HttpClient, operator: dict[str, str], headers: dict[str, str]
) -> None:
    assert put(http, CT1, operator, PROPERTIES, **headers).status_code == 400


def test_a_title_and_a_certificate_belong_to_one_hospital(http: HttpClient, operator: dict[str, str]) -> None:
    made = put(http, CT1, operator, PROPERTIES)
    for headers in ({}, {"if_match": "*"}, {"if_match": made.headers["ETag"]}):
        assert put(http, f"{SUD}/NORD_CT1", operator, {"services": []}, **headers).status_code == 409
    assert http.get(f"{SUD}/NORD_CT1", headers=operator).status_code == 404
    assert http.delete(f"{SUD}/NORD_CT1", headers=operator | {"If-Match": "*"}).status_code == 404
    spelled = ":".join(["AB"] * 32)
    assert (
        put(http, f"{SUD}/SUD_CT1", operator, PROPERTIES | {"certificate_fingerprints": [spelled]}).status_code == 409
    )
    same_hospital = put(http, f"{NORD}/NORD_CT2", operator, PROPERTIES | {"certificate_fingerprints": [spelled]})
    assert same_hospital.json_body["certificate_fingerprints"] == [FINGERPRINT]
    assert put(http, "/api/hospitals/nowhere/application-entities/X", operator, PROPERTIES).status_code == 404
    assert http.get("/api/hospitals/nowhere/application-entities", headers=operator).status_code == 404


OPEN_TO_OTHERS = ("contacts", "machines", "budget", "shares")
"""Of a hospital, and also for roles of its own, which other tests walk."""


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.OPERATOR, Role.GUEST)])
def test_nobody_but_operators_sees_or_changes_it(
    http: HttpClient, bearer: Issue, operator: dict[str, str], role: Role
) -> None:
    etag = put(http, CT1, operator, PROPERTIES).headers["ETag"]
    headers = bearer(role, "nord", **{"Content-Type": "application/json", "If-Match": etag})
    walked = 0
    for path, methods in app.routes.items():
        if path.startswith("/api/hospitals/{hospital}") and not any(own in path for own in OPEN_TO_OTHERS):
            for method in methods:
                url = path.replace("{hospital}", "nord").replace("{ae_title}", "NORD_CT1")
                body = {"body": json.dumps(PROPERTIES).encode()} if method == "PUT" else {}
                assert getattr(http, method.lower())(url, headers=headers, **body).status_code == 403, (method, path)
                walked += 1
    assert walked == 8
    assert http.get(CT1, headers=operator).headers["ETag"] == etag


def test_of_operators_who_replace_the_same_revision_at_once_one_succeeds(cloud: Any) -> None:
    registry = wiring.registry()
    registry.put_hospital(Hospital("nord", "Nord"))
    made, _ = registration.register_application_entity(registry, ApplicationEntity("NORD_CT1", "nord"), None)

    def replace(port: int) -> int | None:
        wanted = ApplicationEntity("NORD_CT1", "nord", host="a.example", port=port)
        try:
            return registration.register_application_entity(registry, wanted, made.revision)[0].port
        except errors.PreconditionFailed:
            return None

    with ThreadPoolExecutor(8) as threads:
        succeeded = [port for port in threads.map(replace, range(1, 17)) if port]
    found = registry.application_entity("NORD_CT1")
    assert found is not None
    assert succeeded == [found.port]

    def create(hospital: str) -> bool:
        try:
            return registration.register_application_entity(registry, ApplicationEntity("NEW", hospital), None)[1]
        except (errors.PreconditionRequired, errors.Conflict):
            return False

    registry.put_hospital(Hospital("sud", "Sud"))
    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(create, ["nord", "sud"] * 8)) == 1


def test_every_change_is_one_log_line(
    http: HttpClient, operator: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    etag = put(http, CT1, operator, PROPERTIES).headers["ETag"]
    put(http, CT1, operator, PROPERTIES)
    etag = put(http, CT1, operator, {"services": []}, if_match=etag).headers["ETag"]
    http.delete(CT1, headers=operator | {"If-Match": etag})
    put(http, "/api/hospitals/est", operator, {"name": "Est"})
    http.get(CT1, headers=operator)
    lines = [vars(record) for record in caplog.records if record.getMessage() == "registry changed"]
    assert [(line["action"], line["what"], line["hospital"]) for line in lines] == [
        ("created", "application entity", "nord"),
        ("replaced", "application entity", "nord"),
        ("removed", "application entity", "nord"),
        ("created", "hospital", "est"),
    ]
    assert {line["subject"] for line in lines} == {"operator@"}
    assert lines[1]["registered"]["services"] == []
