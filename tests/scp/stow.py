"""What the tests of STOW-RS share: sessions, bodies, a client."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import requests

from chalicelib import wiring
from chalicelib.access.model import Role
from chalicelib.access.sessions import Identity, issue_session
from chalicelib.archive.scope import Scope
from tests.scp.conftest import Ingest

DICOM = "application/dicom"
BOUNDARY = "a-boundary"
RETRIEVE_URL, FAILED, REFERENCED, OTHER = "00081190", "00081198", "00081199", "0008119A"


def token(role: Role = Role.GATEWAY, hospital: str = "nord", services: tuple[str, ...] | None = None) -> str:
    """A bearer token, as the platform's token command issues it."""
    scope = Scope(hospitals=(hospital,) if hospital else ())
    identity = Identity("gateway", "Gateway", role, hospital, scope, services=services)
    return issue_session(
        wiring.registry(), wiring.session_signer(), identity, issuer=wiring.settings().public_url, lifetime_s=600
    )[0]


def multipart(parts: Iterable[bytes], content_type: str = DICOM) -> bytes:
    """A multipart/related body."""
    head = f"--{BOUNDARY}\r\nContent-Type: {content_type}\r\n\r\n".encode()
    return b"".join(head + part + b"\r\n" for part in parts) + f"--{BOUNDARY}--\r\n".encode()


def related(part_type: str = DICOM) -> str:
    """Content-Type of a multipart/related body."""
    return f'multipart/related; type="{part_type}"; boundary={BOUNDARY}'


def url(ingest: Ingest, study: str = "") -> str:
    """Address of the Store transaction."""
    return f"http://127.0.0.1:{ingest.http_port}/dicomweb/studies" + (f"/{study}" if study else "")


def post(ingest: Ingest, body: Any, content_type: str = "", study: str = "", **headers: str) -> requests.Response:
    """Store with a gateway's token; an empty header is left out."""
    named = {"Authorization": f"Bearer {token()}", "Content-Type": content_type or related(), **headers}
    return requests.post(url(ingest, study), data=body, headers={k: v for k, v in named.items() if v}, timeout=120)


def sop_instance_uids(answer: requests.Response, sequence: str) -> list[str]:
    """SOP Instance UIDs of a sequence of the response."""
    return [item["00081155"]["Value"][0] for item in answer.json().get(sequence, {}).get("Value", ())]


def reasons(answer: requests.Response, sequence: str) -> list[int]:
    """Failure reasons of a sequence of the response."""
    return [item["00081197"]["Value"][0] for item in answer.json().get(sequence, {}).get("Value", ())]


def dicom_json(**more: Any) -> dict[str, Any]:
    """An image in the DICOM JSON Model, its pixel data in another part."""
    return {
        "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
        "00080018": {"vr": "UI", "Value": ["1.2.3.3"]},
        "00080060": {"vr": "CS", "Value": ["CT"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "LEFÈVRE-DUBOIS^Hélène"}]},
        "00100020": {"vr": "LO", "Value": ["P1"]},
        "0020000D": {"vr": "UI", "Value": ["1.2.3.1"]},
        "0020000E": {"vr": "UI", "Value": ["1.2.3.2"]},
        "00280010": {"vr": "US", "Value": [2]},
        "00280011": {"vr": "US", "Value": [2]},
        "7FE00010": {"vr": "OW", "BulkDataURI": "pixels/1"},
        **more,
    }


def metadata_and_bulk(data_sets: Any, *bulk: tuple[str, str, bytes]) -> bytes:
    """A request of metadata and (Content-Location, Content-Type, content) of bulk data."""
    parts = [b"Content-Type: application/dicom+json\r\n\r\n" + json.dumps(data_sets).encode()]
    for location, content_type, content in bulk:
        parts.append(f"Content-Type: {content_type}\r\nContent-Location: {location}\r\n\r\n".encode() + content)
    delimiter = f"--{BOUNDARY}\r\n".encode()
    return b"".join(delimiter + part + b"\r\n" for part in parts) + f"--{BOUNDARY}--\r\n".encode()
