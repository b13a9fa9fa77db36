"""The TLS port (PS3.15 B.12): whom it lets in, and what it does with everybody else."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from pynetdicom import AE, build_context
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification

from chalicelib import wiring
from scp_fargate.callers import FRESH_S
from tests.emulator import Cloud, free_port
from tests.scp.certificates import DAY, Authority, Issued
from tests.scp.conftest import ROOT, Ingest
from tests.scp.scu import CT, EXPLICIT, KEEP_REJECTION, associate, c_store, data_set, rejection
from tests.scp.test_processes import wait_for


@dataclass
class Region:
    """An authority, the endpoint's certificate, and one of the hospital `nord`, registered for NORD_CT1."""

    authority: Authority
    server: Issued
    nord: Issued
    settings: dict[str, str]

    @property
    def port(self) -> int:
        """The TLS port."""
        return int(self.settings["SANSFILM_DICOM_TLS_PORT"])


def register(*certificates: Issued, ae_title: str = "NORD_CT1") -> None:
    """Make these the certificates of an application entity."""
    registry = wiring.registry()
    known = registry.application_entity(ae_title)
    assert known is not None
    fingerprints = frozenset(issued.fingerprint for issued in certificates)
    registry.put_application_entity(replace(known, certificate_fingerprints=fingerprints))


@pytest.fixture
def region(start_ingest: Callable[..., Ingest], tmp_path: Path) -> Region:
    """Certificates and settings; `start_ingest` has registered the hospitals."""
    authority = Authority(tmp_path)
    server, nord = authority.issue("server"), authority.issue("nord")
    register(nord)
    settings = {
        "SANSFILM_DICOM_TLS_PORT": str(free_port()),
        "SANSFILM_DICOM_TLS_CERTIFICATE_FILE": str(server.certificate_file),
        "SANSFILM_DICOM_TLS_PRIVATE_KEY_FILE": str(server.key_file),
        "SANSFILM_DICOM_TLS_CLIENT_CA_FILE": str(authority.own.certificate_file),
    }
    return Region(authority, server, nord, settings)


def client_context(region: Region, issued: Issued | None) -> ssl.SSLContext:
    """What a modality with a certificate brings along."""
    context = ssl.create_default_context(cafile=str(region.authority.own.certificate_file))
    if issued:
        context.load_cert_chain(issued.certificate_file, issued.key_file)
    return context


def call(region: Region, context: ssl.SSLContext, ae_title: str = "NORD_CT1") -> Association:
    """Ask for an association on the TLS port."""
    ae = AE(ae_title=ae_title)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 30
    contexts = [build_context(Verification), build_context(CT, EXPLICIT)]
    tls_args = (context, "localhost")
    return ae.associate(
        "127.0.0.1",
        region.port,
        contexts=contexts,
        ae_title="SANSFILM",
        evt_handlers=KEEP_REJECTION,
        tls_args=tls_args,
    )


def is_admitted(region: Region, issued: Issued | None, ae_title: str = "NORD_CT1") -> bool:
    """Whether a caller gets an association."""
    association = call(region, client_context(region, issued), ae_title)
    admitted = bool(association.is_established)
    association.release() if admitted else association.abort()
    return admitted


def dcmtk(region: Region, program: str, issued: Issued, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program of DCMTK with TLS."""
    command = [program, "+tls", str(issued.key_file), str(issued.certificate_file)]
    command += ["+cf", str(region.authority.own.certificate_file), "-aet", "NORD_CT1", "-aec", "SANSFILM"]
    command += ["127.0.0.1", str(region.port), *arguments]
    return subprocess.run(command, timeout=60, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("processes", ["1", "2"])
def test_dcmtk_echoes_and_stores(
    start_ingest: Callable[..., Ingest], region: Region, tmp_path: Path, processes: str
) -> None:
    ingest = start_ingest(**region.settings, SANSFILM_INGEST_PROCESSES=processes)
    for profile in ("--profile-bcp195-nd", "--profile-bcp195", "--profile-bcp195-ex"):
        done = dcmtk(region, "echoscu", region.nord, profile)
        assert done.returncode == 0, done.stderr
    dump, file = tmp_path / "instance.dump", tmp_path / "instance.dcm"
    dump.write_text(DUMP)
    subprocess.run(["dump2dcm", "+Ug", dump, file], check=True, timeout=60)
    done = dcmtk(region, "storescu", region.nord, str(file))
    assert done.returncode == 0, done.stderr
    ((key, _),) = ingest.objects("archive/").items()
    assert ingest.metadata(key)["hospital"] == "nord"
    health = ingest.health()
    assert (health["tls_associations_accepted"], health.get("tls_handshakes_failed", 0)) == (4, 0)


DUMP = """
(0008,0016) UI [1.2.840.10008.5.1.4.1.1.7]
(0008,0018) UI [1.2.3.4.3]
(0010,0020) LO [P1]
(0020,000d) UI [1.2.3.4.1]
(0020,000e) UI [1.2.3.4.2]
"""


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_long_instances_arrive_whole(
    start_ingest: Callable[..., Ingest], region: Region, version: ssl.TLSVersion
) -> None:
    ingest = start_ingest(**region.settings, SANSFILM_INGEST_PROCESSES="2")
    context = client_context(region, region.nord)
    context.minimum_version = context.maximum_version = version
    association = call(region, context)
    assert association.is_established
    data = data_set(pixels=bytes(range(256)) * (40 << 10))
    context_id = next(cx.context_id for cx in association.accepted_contexts if cx.abstract_syntax == CT)
    assert c_store(association, data, context_id=context_id).Status == 0
    association.release()
    ((_, body),) = ingest.objects("archive/").items()
    assert body.endswith(data)


@pytest.mark.parametrize("processes", ["1", "2"])
def test_certificates_that_are_not_trusted_are_refused(
    start_ingest: Callable[..., Ingest], region: Region, tmp_path: Path, processes: str
) -> None:
    stranger = Authority(tmp_path, "stranger").issue("nord")
    expired = region.authority.issue("nord", -2 * DAY, -timedelta(minutes=1))
    early = region.authority.issue("nord", timedelta(hours=1), DAY)
    # Registered, all of them: that alone is not enough.
    register(region.nord, stranger, expired, early)
    ingest = start_ingest(**region.settings, SANSFILM_INGEST_PROCESSES=processes)
    for refused in (stranger, expired, early, None):
        assert not is_admitted(region, refused)
    assert dcmtk(region, "echoscu", stranger).returncode != 0
    anonymous = ["echoscu", "--anonymous-tls", "-ic", "-aet", "NORD_CT1", "-aec", "SANSFILM", "127.0.0.1"]
    done = subprocess.run([*anonymous, str(region.port)], timeout=60, capture_output=True, check=False)
    assert done.returncode != 0
    assert is_admitted(region, region.nord)
    health = ingest.health()
    assert health["tls_handshakes_failed"] == 6
    wait_for(lambda: ingest.health()["associations"] == 0)
    assert "Traceback" not in ingest.log()


def test_a_certificate_serves_the_titles_that_it_is_registered_for(
    start_ingest: Callable[..., Ingest], region: Region
) -> None:
    sud, unknown = region.authority.issue("sud"), region.authority.issue("unknown")
    register(sud, ae_title="SUD_CT1")
    start_ingest(**region.settings)
    assert is_admitted(region, sud, "SUD_CT1")
    for issued, ae_title in ((sud, "NORD_CT1"), (region.nord, "SUD_CT1"), (unknown, "NORD_CT1"), (unknown, "NOBODY")):
        association = call(region, client_context(region, issued), ae_title)
        assert rejection(association) == (1, 1, 3)


def test_removed_from_the_registry_is_revoked_within_seconds(
    start_ingest: Callable[..., Ingest], region: Region
) -> None:
    renewed = region.authority.issue("nord")
    register(region.nord, renewed)
    start_ingest(**region.settings)
    assert is_admitted(region, region.nord)
    assert is_admitted(region, renewed)
    register(renewed)
    time.sleep(FRESH_S + 0.5)
    assert not is_admitted(region, region.nord)
    assert is_admitted(region, renewed)


def test_revocation_lists_are_read_anew(start_ingest: Callable[..., Ingest], region: Region) -> None:
    other = region.authority.issue("nord")
    register(region.nord, other)
    start_ingest(**region.settings, SANSFILM_DICOM_TLS_CRL_FILE=str(region.authority.revoke(other)))
    assert is_admitted(region, region.nord)
    assert not is_admitted(region, other)
    region.authority.revoke(region.nord)
    time.sleep(2.5)
    assert not is_admitted(region, region.nord)
    assert is_admitted(region, other)


def test_the_server_certificate_is_renewed_without_a_restart(
    start_ingest: Callable[..., Ingest], region: Region
) -> None:
    ingest = start_ingest(**region.settings)
    context = client_context(region, region.nord)

    def shown() -> bytes | None:
        with (
            socket.create_connection(("127.0.0.1", region.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secured,
        ):
            return secured.getpeercert(binary_form=True)

    before = shown()
    renewed = region.authority.issue("server")
    # Half of it: what was there goes on.
    shutil.copy(renewed.certificate_file, region.server.certificate_file)
    time.sleep(2.5)
    assert shown() == before
    assert "TLS certificates cannot be renewed" in ingest.log()
    shutil.copy(renewed.key_file, region.server.key_file)
    time.sleep(2.5)
    assert shown() not in (before, None)
    assert "PRIVATE KEY" not in ingest.log()


def test_old_versions_and_ciphers_are_refused(start_ingest: Callable[..., Ingest], region: Region) -> None:
    start_ingest(**region.settings)

    def negotiated(minimum: ssl.TLSVersion, maximum: ssl.TLSVersion, ciphers: str) -> str:
        context = client_context(region, region.nord)
        context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = minimum, maximum
        with (
            socket.create_connection(("127.0.0.1", region.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secured,
        ):
            cipher = secured.cipher()
            return cipher[0] if cipher else ""

    tls_1_0, tls_1_1, tls_1_2 = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2
    assert negotiated(tls_1_2, tls_1_2, "ALL").startswith("ECDHE-ECDSA-")
    with pytest.warns(DeprecationWarning, match="TLSv1"), pytest.raises((ssl.SSLError, ConnectionError)):
        negotiated(tls_1_0, tls_1_1, "ALL")
    for ciphers in ("ECDHE-ECDSA-AES128-SHA256", "AES128-GCM-SHA256", "aNULL"):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            negotiated(tls_1_2, tls_1_2, ciphers)


@pytest.mark.parametrize("processes", ["1", "2"])
def test_peers_that_do_not_shake_hands_hold_up_nobody(
    start_ingest: Callable[..., Ingest], region: Region, processes: str
) -> None:
    settings = {"SANSFILM_TLS_HANDSHAKE_TIMEOUT_S": "2", "SANSFILM_INGEST_PROCESSES": processes}
    ingest = start_ingest(**region.settings, **settings)
    silent = [socket.create_connection(("127.0.0.1", region.port), timeout=10) for _ in range(20)]
    slow = socket.create_connection(("127.0.0.1", region.port), timeout=10)
    began = time.monotonic()
    slow.sendall(b"\x16\x03\x01\x02\x00")
    assert is_admitted(region, region.nord)
    assert time.monotonic() - began < 2
    # A byte now and then does not prolong it.
    with suppress(ConnectionError):
        while time.monotonic() - began < 5:
            slow.sendall(b"\x00")
            time.sleep(0.2)
    assert 2 <= time.monotonic() - began < 4
    for connection in silent:
        assert connection.recv(1) == b""
        connection.close()
    assert ingest.health()["tls_handshakes_failed"] == 21
    time.sleep(0.5)
    assert ingest.health()["associations"] == 0


def test_the_wrong_protocol_on_a_port(start_ingest: Callable[..., Ingest], region: Region) -> None:
    ingest = start_ingest(**region.settings)
    assert not associate(region.port, "NORD_CT1", [build_context(Verification)]).is_established
    with socket.create_connection(("127.0.0.1", ingest.port), timeout=10) as plain, pytest.raises(ssl.SSLError):
        client_context(region, region.nord).wrap_socket(plain, server_hostname="localhost")
    assert ingest.health()["status"] == "ok"
    assert is_admitted(region, region.nord)


@pytest.mark.parametrize("processes", ["1", "2"])
def test_the_plain_port_can_be_turned_off(start_ingest: Callable[..., Ingest], region: Region, processes: str) -> None:
    settings = {"SANSFILM_DICOM_PORT": "0", "SANSFILM_INGEST_PROCESSES": processes}
    ingest = start_ingest(**region.settings, **settings)
    assert is_admitted(region, region.nord)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", ingest.port), timeout=10)


def test_certificates_come_from_a_secret(start_ingest: Callable[..., Ingest], region: Region, cloud: Cloud) -> None:
    parts = {
        "certificate": region.server.certificate_file,
        "private_key": region.server.key_file,
        "client_ca": region.authority.own.certificate_file,
    }
    value = json.dumps({name: file.read_text() for name, file in parts.items()})
    made = cloud.client("secretsmanager").create_secret(Name=f"tls-{region.port}", SecretString=value)
    settings = {"SANSFILM_DICOM_TLS_PORT": str(region.port), "SANSFILM_DICOM_TLS_SECRET": made["ARN"]}
    start_ingest(**settings)
    assert is_admitted(region, region.nord)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"SANSFILM_DICOM_TLS_CERTIFICATE_FILE": "/nowhere.pem"}, "cannot be read: No such file"),
        ({"SANSFILM_DICOM_TLS_CERTIFICATE_FILE": "{other}"}, "do not fit together"),
        ({"SANSFILM_DICOM_TLS_SECRET": "no-such-secret"}, "secret cannot be read"),
        ({"SANSFILM_DICOM_PORT": "0", "SANSFILM_DICOM_TLS_PORT": "0"}, "neither a plain port nor a TLS port"),
    ],
)
def test_settings_that_cannot_be_used_are_named(
    cloud: Cloud, region: Region, settings: dict[str, str], says: str
) -> None:
    other = region.authority.issue("other").certificate_file
    settings = {name: value.format(other=other) for name, value in settings.items()}
    environment = {**cloud.environment(), **region.settings, **settings}
    command = [sys.executable, "-m", "scp_fargate"]
    done = subprocess.run(command, cwd=ROOT, env=environment, timeout=60, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
