"""Reading requests and building responses."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from chalice.app import Request, Response

from chalicelib import errors, wiring_accounts
from chalicelib.access.edge_proof import EdgeProof
from chalicelib.web import http


def request(headers: dict[str, str] | None = None, query: dict[str, list[str]] | None = None) -> Request:
    event: dict[str, Any] = {
        "headers": headers or {},
        "multiValueHeaders": {},
        "multiValueQueryStringParameters": query,
        "pathParameters": None,
        "stageVariables": None,
        "body": None,
        "isBase64Encoded": False,
        "requestContext": {
            "httpMethod": "GET",
            "resourcePath": "/",
            "identity": {"sourceIp": "192.0.2.1"},
        },
    }
    return Request(event, None)


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({}, "192.0.2.1"),
        ({"X-Viewer-Address": "198.51.100.1", "X-Sansfilm-Edge": "known"}, "198.51.100.1"),
        ({"X-Viewer-Address": "2001:db8::1", "X-Sansfilm-Edge": "known"}, "2001:db8::1"),
        ({"X-Viewer-Address": "198.51.100.1"}, "192.0.2.1"),
        ({"X-Viewer-Address": "198.51.100.1", "X-Sansfilm-Edge": "guessed"}, "192.0.2.1"),
        ({"X-Viewer-Address": "198.51.100.1", "X-Sansfilm-Edge": "é"}, "192.0.2.1"),
        ({"X-Sansfilm-Edge": "known"}, "192.0.2.1"),
        ({"X-Forwarded-For": "203.0.113.1"}, "192.0.2.1"),
    ],
)
def test_the_callers_address_is_what_the_edge_saw(
    headers: dict[str, str], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring_accounts, "edge_proof", lambda: EdgeProof(lambda: "known"))
    assert http.client_address(request(headers)) == address


def test_without_a_secret_nobody_is_the_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring_accounts, "edge_proof", lambda: EdgeProof(lambda: ""))
    assert http.client_address(request({"X-Viewer-Address": "198.51.100.1", "X-Sansfilm-Edge": "any"})) == "192.0.2.1"


def test_a_parameter_that_may_come_once() -> None:
    assert http.query_value(request(), "a") == ""
    assert http.query_value(request(query={"a": ["x"]}), "a") == "x"
    with pytest.raises(errors.BadRequest):
        http.query_value(request(query={"a": ["x", "y"]}), "a")


OWN_ERRORS = [kind for kind in errors.ArchiveError.__subclasses__() if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", OWN_ERRORS)
def test_every_error_has_a_status(kind: type[errors.ArchiveError]) -> None:
    assert http.STATUS_OF_ERROR[kind] >= 400


def test_bodies_are_compressed_only_for_who_takes_gzip() -> None:
    body = b"a" * 5000
    plain = http.gzipped(http.respond(body, "application/json"), request())
    assert plain.body == body
    small = http.gzipped(http.respond(b"a", "application/json"), request({"Accept-Encoding": "gzip"}))
    assert small.body == b"a"
    compressed = http.gzipped(http.respond(body, "application/json"), request({"Accept-Encoding": "br, gzip"}))
    assert gzip.decompress(compressed.body) == body
    assert compressed.headers["Content-Encoding"] == "gzip"


def test_errors_are_problem_details_and_keep_the_rest_secret(caplog: pytest.LogCaptureFixture) -> None:
    @http.handles_errors
    def fails(error: Exception) -> Response:
        raise error

    waiting = fails(errors.TooManyAttempts("Wait.", 17))
    assert (waiting.status_code, waiting.headers["Retry-After"]) == (429, "17")
    secret = fails(ValueError("DUPONT^JEAN"))
    assert secret.status_code == 500
    assert b"DUPONT" not in secret.body
    (record,) = caplog.records
    assert "ValueError" in str(record.__dict__)
    assert "DUPONT" not in str(record.__dict__)


@pytest.mark.parametrize(
    ("accepted", "is_compressed"),
    [
        ("gzip", True),
        ("GZIP;q=0.5", True),
        ("br, gzip", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("br", False),
    ],
)
def test_gzip_is_for_those_who_accept_it(accepted: str, is_compressed: bool) -> None:
    answer = http.gzipped(Response(b"x" * 5000, headers={}), request({"Accept-Encoding": accepted}))
    assert ("Content-Encoding" in answer.headers) == is_compressed
