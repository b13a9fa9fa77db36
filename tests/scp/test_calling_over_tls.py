"""The archive calls over TLS: C-ECHO self-tests and reports of storage commitment (C-MOVE: query_retrieve/test_tls)."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from pynetdicom import AE
from pynetdicom.sop_class import Verification

from chalicelib import wiring
from chalicelib.access.model import ApplicationEntity, Role
from tests.emulator import free_port
from tests.scp.certificates import Authority, Issued, TlsEndpoint
from tests.scp.conftest import STORE, Ingest
from tests.scp.scu import data_set
from tests.scp.stow import token
from tests.scp.test_storage_commitment import (
    ALL_COMMITTED,
    QUICK,
    Requester,
    ask,
    committed,
    put,
    put_in_index,
    wait_until_nothing_is_pending,
)


@pytest.fixture
def endpoint(tmp_path: Path) -> TlsEndpoint:
    return TlsEndpoint.make(tmp_path, free_port())


def register(port: int, *certificates: Issued, host: str = "127.0.0.1", tls: bool = True) -> None:
    """Register NORD_CT1 with an address."""
    fingerprints = frozenset(issued.fingerprint for issued in certificates)
    wiring.registry().put_application_entity(
        ApplicationEntity("NORD_CT1", "nord", STORE, host, port, tls, fingerprints)
    )


@contextmanager
def listening(tls: ssl.SSLContext | None) -> Iterator[int]:
    """An application entity that answers C-ECHO; its port."""
    ae = AE("NORD_CT1")
    ae.add_supported_context(Verification)
    server = ae.start_server(("127.0.0.1", 0), block=False, ssl_context=tls)
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()


def echo(ingest: Ingest) -> tuple[bool, str]:
    """What the self-test of NORD_CT1 says."""
    path = "/api/hospitals/nord/application-entities/NORD_CT1/echo"
    headers = {"Authorization": f"Bearer {token(Role.OPERATOR, '')}"}
    answer: Any = requests.post(f"http://127.0.0.1:{ingest.http_port}{path}", headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()["answered"], answer.json()["detail"]


def test_c_echo(start_ingest: Callable[..., Ingest], endpoint: TlsEndpoint, tmp_path: Path) -> None:
    pacs, other = endpoint.authority.issue("pacs"), endpoint.authority.issue("other")
    stranger = Authority(tmp_path, "stranger")
    ingest = start_ingest(**endpoint.settings)
    with listening(endpoint.called(pacs)) as port:
        register(port, pacs)
        assert echo(ingest) == (True, f"NORD_CT1 at 127.0.0.1:{port} answered C-ECHO.")
        register(port, host="localhost")
        assert echo(ingest)[0]
        register(port, other)
        assert "its certificate is refused (it is not registered)" in echo(ingest)[1]
        register(port, pacs, tls=False)
        assert "it may expect TLS" in echo(ingest)[1]
    with listening(None) as port:
        register(port, pacs)
        assert "but TLS fails" in echo(ingest)[1]
    distrusting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(stranger.own.certificate_file))
    distrusting.load_cert_chain(pacs.certificate_file, pacs.key_file)
    distrusting.verify_mode = ssl.CERT_REQUIRED
    with listening(distrusting) as port:
        register(port, pacs)
        answered, detail = echo(ingest)
        assert not answered
        assert "it may refuse the archive's certificate" in detail


def test_without_a_certificate_of_its_own_the_archive_calls_nobody_over_tls(
    start_ingest: Callable[..., Ingest], endpoint: TlsEndpoint
) -> None:
    ingest = start_ingest()
    register(104, endpoint.authority.issue("pacs"))
    path = f"http://127.0.0.1:{ingest.http_port}/api/hospitals/nord/application-entities/NORD_CT1/echo"
    headers = {"Authorization": f"Bearer {token(Role.OPERATOR, '')}"}
    answer = requests.post(path, headers=headers, timeout=30)
    assert (answer.status_code, "has no certificate" in answer.json()["detail"]) == (409, True)


def test_reports_of_storage_commitment(start_ingest: Callable[..., Ingest], endpoint: TlsEndpoint) -> None:
    modality = endpoint.authority.issue("modality")
    ingest = start_ingest(**endpoint.settings, **(QUICK | {"SANSFILM_COMMITMENT_WAIT_S": "60"}))
    requester = Requester()
    requester.register()
    known = wiring.registry().application_entity("NORD_CT1")
    assert known
    certificates = frozenset({modality.fingerprint})
    wiring.registry().put_application_entity(replace(known, tls=True, certificate_fingerprints=certificates))
    key = put(data_set(sop="1.2.3.3"))
    with requester.associated(ingest) as association:
        assert ask(association, "1.2.3.3") == 0
    put_in_index(key)
    with requester.listening(endpoint.called(modality)):
        event_type, information, on_same = requester.report()
        assert (event_type, committed(information), on_same) == (ALL_COMMITTED, ["1.2.3.3"], False)
        wait_until_nothing_is_pending()
