"""The Chalice application in this process, with sessions of every role, over the local cloud."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from chalice.local import MatchResult, RouteMatcher
from chalice.test import Client
from chalice.test import TestHTTPClient as HttpClient

from app import app
from chalicelib import wiring
from chalicelib.access.model import Hospital, Role
from chalicelib.access.sessions import Identity, issue_session
from chalicelib.archive.scope import Scope
from chalicelib.web import auditing
from tests.emulator import Cloud, Emulator

HOSPITALS = ("nord", "sud")
Issue = Callable[..., dict[str, str]]


EDGE_SECRET = "of-the-tests"
"""With it requests come from the address that they name, as from the edge."""


@pytest.fixture(scope="session")
def edge_secret(emulator: Emulator) -> str:
    """Name of a secret, of which the value is `EDGE_SECRET`."""
    value = json.dumps({"value": EDGE_SECRET})
    return str(emulator.client("secretsmanager").create_secret(Name="edge", SecretString=value)["ARN"])


class GatewayRoutes(RouteMatcher):
    """Routes as API Gateway matches them: a `{proxy+}` takes what no other resource or method does."""

    def __init__(self, method: str) -> None:
        self.greedy = sorted((route for route in app.routes if route.endswith("/{proxy+}")), key=len, reverse=True)
        super().__init__([route for route, methods in app.routes.items() if method in methods and "+}" not in route])

    def match_route(self, url: str) -> MatchResult:
        try:
            return super().match_route(url)
        except ValueError:
            path, _, query = url.partition("?")
            for route in self.greedy:
                prefix = route.removesuffix("{proxy+}")
                if path.startswith(prefix) and path != prefix:
                    return MatchResult(route, {"proxy": path.removeprefix(prefix).rstrip("/")}, parse_qs(query))
            raise


class GatewayClient(HttpClient):
    """A client of the application behind what API Gateway does."""

    def request(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Any:
        self._local_gateway.event_converter._route_matcher = GatewayRoutes(method.upper())
        if headers and "X-Viewer-Address" in headers:
            headers = {"X-Sansfilm-Edge": EDGE_SECRET, **headers}
        return super().request(method, path, headers, body)


@pytest.fixture
def http(cloud: Cloud, edge_secret: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpClient]:
    """Calls the application; the authorizer runs, but API Gateway's limits and encodings do not apply."""
    monkeypatch.setenv("SANSFILM_EDGE_SECRET", edge_secret)
    wiring.settings.cache_clear()
    auditing._recorded.clear()
    for hospital in HOSPITALS:
        wiring.registry().put_hospital(Hospital(hospital, f"Hôpital {hospital}"))
    with Client(app) as client:
        yield GatewayClient(app, client.http._config)


@pytest.fixture
def bearer(cloud: Cloud) -> Issue:
    """`bearer(Role.RADIOLOGIST, "nord")`: headers with a token; `scope=` replaces the hospital's scope.

    `rpps=` is of a professional whom Pro Santé Connect signed in.
    """

    def issue(role: Role, hospital: str = "", scope: Scope | None = None, **more: Any) -> dict[str, str]:
        own = scope if scope is not None else Scope(hospitals=(hospital,) if hospital else ())
        professional_id = more.pop("rpps", "")
        subject = f"rpps:{professional_id}" if professional_id else f"{role.value}@{hospital}"
        identity = Identity(subject, role.value, role, hospital, own, professional_id)
        settings = wiring.settings()
        lifetime_s = more.pop("lifetime_s", settings.session_lifetime_s)
        token, _ = issue_session(
            wiring.registry(),
            wiring.session_signer(),
            identity,
            issuer=settings.public_url,
            lifetime_s=lifetime_s,
        )
        return {"Authorization": f"Bearer {token}", **more}

    return issue
