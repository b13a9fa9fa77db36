"""The Chalice application in this process, with sessions of every role, over the local cloud."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from chalice.test import Client
from chalice.test import TestHTTPClient as HttpClient

from app import app
from chalicelib import wiring
from chalicelib.access.model import Hospital, Role
from chalicelib.access.sessions import Identity, issue_session
from chalicelib.archive.scope import Scope
from tests.emulator import Cloud

HOSPITALS = ("nord", "sud")
Issue = Callable[..., dict[str, str]]


@pytest.fixture
def http(cloud: Cloud) -> Iterator[HttpClient]:
    """Calls the application; the authorizer runs, but API Gateway's limits and encodings do not apply."""
    for hospital in HOSPITALS:
        wiring.registry().put_hospital(Hospital(hospital, f"Hôpital {hospital}"))
    with Client(app) as client:
        yield client.http


@pytest.fixture
def bearer(cloud: Cloud) -> Issue:
    """`bearer(Role.RADIOLOGIST, "nord")`: headers with a token; `scope=` replaces the hospital's scope."""

    def issue(role: Role, hospital: str = "", scope: Scope | None = None, **more: Any) -> dict[str, str]:
        own = scope if scope is not None else Scope(hospitals=(hospital,) if hospital else ())
        identity = Identity(f"{role.value}@{hospital}", role.value, role, hospital, own)
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
