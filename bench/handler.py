"""Calls the API's Lambda handler in this process, as API Gateway does once its authorizer has admitted a session."""

from __future__ import annotations

import io
import json
import time
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from app import app
from bench.studies import HOSPITAL
from chalicelib import wiring
from chalicelib.access.model import Role, Session, SessionOrigin
from chalicelib.access.sessions import session_to_context
from chalicelib.archive.scope import Scope
from chalicelib.aws.lambda_renderer import LambdaRenderer
from tests.emulator import Emulator

STUDIES = "/dicomweb/studies"
SERIES = STUDIES + "/{study}/series/{series}"
INSTANCE = SERIES + "/instances/{instance}"
FRAMES = INSTANCE + "/frames/{frames}"
JSON = "application/dicom+json"


@cache
def live_session() -> Session:
    """A radiologist's session, registered: every request asks whether it still is."""
    expires_at = int(time.time()) + 6 * 3600
    scope = Scope(hospitals=(HOSPITAL,))
    session = Session("bench", "bench", "Bench", Role.RADIOLOGIST, HOSPITAL, scope, expires_at)
    wiring.registry().put_session(session, SessionOrigin())
    return session


@dataclass(frozen=True)
class Call:
    """A request, for our handler as for any server of DICOMweb."""

    resource: str
    accept: str
    query: tuple[tuple[str, str], ...] = ()
    path_parameters: tuple[tuple[str, str], ...] = ()

    @property
    def path(self) -> str:
        """Below `/dicomweb`, with the query."""
        path = self.resource.removeprefix("/dicomweb").format(**dict(self.path_parameters))
        # Orthanc 1.10 decodes no percent escapes in values, and a search for `%2A` finds nothing, fast.
        return path + ("?" + urlencode(self.query, safe="*") if self.query else "")

    @property
    def headers(self) -> dict[str, str]:
        """JSON is compressed by both servers; pixels by neither: Orthanc would, for sixty milliseconds a frame."""
        return {"Accept": self.accept, "Accept-Encoding": "gzip" if self.accept == JSON else "identity"}

    def event(self) -> dict[str, Any]:
        """API Gateway's proxy event."""
        multi: dict[str, list[str]] = {}
        for name, value in self.query:
            multi.setdefault(name, []).append(value)
        return {
            "resource": self.resource,
            "path": self.path.partition("?")[0],
            "httpMethod": "GET",
            "headers": self.headers,
            "multiValueHeaders": {name: [value] for name, value in self.headers.items()},
            "queryStringParameters": dict(self.query) or None,
            "multiValueQueryStringParameters": multi or None,
            "pathParameters": dict(self.path_parameters) or None,
            "stageVariables": None,
            "requestContext": {
                "resourcePath": self.resource,
                "httpMethod": "GET",
                "path": self.path,
                "requestId": "bench",
                "authorizer": session_to_context(live_session()),
                "identity": {"sourceIp": "127.0.0.1"},
            },
            "body": None,
            "isBase64Encoded": False,
        }


class _RendererHere:
    """Lambda's Invoke, with the function in this process, so that its CPU is counted too."""

    def invoke(self, **parameters: Any) -> dict[str, Any]:
        from chalicelib.functions.rendered import handler

        answer = handler(json.loads(parameters["Payload"]), None)
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


def render_here() -> None:
    """From now on the renderer is in this process."""
    renderer = LambdaRenderer(_RendererHere(), "rendered")  # type: ignore[arg-type]
    wiring.renderer = lambda: renderer  # type: ignore[assignment]


def signing_secret(emulator: Emulator) -> str:
    """Name of a new secret with a key for addresses of objects."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    value = json.dumps({"key_pair_id": "KBENCH", "private_key": text})
    secret = emulator.client("secretsmanager").create_secret(Name="object-signing", SecretString=value)
    return str(secret["Name"])


def quiet_logs() -> None:
    """Log lines are still made, which is part of a request, but not shown."""
    for service in ("api", "rendered"):
        for handler in wiring.logger(service).handlers:
            handler.stream = io.StringIO()  # type: ignore[attr-defined]


def invoke(event: dict[str, Any]) -> dict[str, Any]:
    """The handler's answer."""
    answer: dict[str, Any] = app(event, SimpleNamespace(aws_request_id="bench"))
    return answer
