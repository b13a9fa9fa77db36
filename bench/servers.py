"""Storage SCPs under test, each as processes of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chalicelib.access.model import Role
from chalicelib.access.sessions import Identity, issue_session
from chalicelib.archive.scope import Scope
from chalicelib.aws.dynamodb_registry import DynamoDBRegistry
from chalicelib.aws.kms_session_signer import KmsSessionSigner
from chalicelib.settings import Settings
from localstack.region import APPLICATION_ENTITIES, HOSPITALS
from tests.emulator import AS_RUN, Cloud, create_cloud, free_port, running_emulator

# Without it DCMTK and Orthanc wait for delayed acknowledgements, and every figure against them would be an artefact.
ENVIRONMENT = {**os.environ, "TCP_NODELAY": "1"}
START_TIMEOUT_S = 240


@dataclass(frozen=True)
class Server:
    """A running SCP and the processes whose CPU counts."""

    name: str
    port: int
    called_ae_title: str
    process_ids: tuple[int, ...]
    helper_process_ids: tuple[int, ...] = ()
    """Processes that stand for cloud services."""
    stow_rs_url: str = ""
    http_headers: tuple[tuple[str, str], ...] = ()
    http_port: int = 0


@contextmanager
def sans_film(folder: Path, command: tuple[str, ...] = ()) -> Iterator[Server]:
    """The ingest service, started by `command` if given; its bucket is the emulator, over HTTP."""
    with running_emulator(AS_RUN) as emulator:
        cloud = create_cloud(emulator)
        registry = DynamoDBRegistry(cloud.client("dynamodb"), cloud.settings["registry_table"])
        for hospital in HOSPITALS:
            registry.put_hospital(hospital)
        for application_entity in APPLICATION_ENTITIES:
            registry.put_application_entity(application_entity)
        port, http_port = free_port(), free_port()
        environment = {
            **os.environ,
            **cloud.environment(),
            "SANSFILM_DICOM_PORT": str(port),
            "SANSFILM_INGEST_HTTP_PORT": str(http_port),
        }
        assert emulator.process is not None
        service = [*command, sys.executable, "-m", "scp_fargate"]
        with _process(service, environment, folder, port, "SANSFILM") as process:
            processes = (process.pid, *children(process.pid))
            yield Server(
                "Sans Film ingest",
                port,
                "SANSFILM",
                processes,
                (emulator.process.pid,),
                f"http://127.0.0.1:{http_port}/dicomweb/studies",
                (("Authorization", f"Bearer {_gateway_token(cloud, registry)}"),),
            )


def _gateway_token(cloud: Cloud, registry: DynamoDBRegistry) -> str:
    hospital = HOSPITALS[0].hospital_id
    identity = Identity("bench", "Bench", Role.GATEWAY, hospital, Scope(hospitals=(hospital,)))
    signer = KmsSessionSigner(cloud.client("kms"), cloud.settings["session_key_id"])
    issuer = Settings.from_env(cloud.environment()).public_url
    return issue_session(registry, signer, identity, issuer=issuer, lifetime_s=3600)[0]


DICOMWEB_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


@contextmanager
def orthanc(folder: Path, *, fsync: bool = True, dicomweb: bool = False) -> Iterator[Server]:
    """Orthanc; `fsync` is its default durability (SyncStorageArea)."""
    port, http_port = free_port(), free_port()
    configuration = folder / "orthanc.json"
    configuration.write_text(
        json.dumps(
            {
                "StorageDirectory": str(folder / "orthanc"),
                "IndexDirectory": str(folder / "orthanc"),
                "DicomPort": port,
                "HttpPort": http_port,
                "RemoteAccessAllowed": False,
                "AuthenticationEnabled": False,
                "DicomAlwaysAllowStore": True,
                "SyncStorageArea": fsync,
                "HttpThreadsCount": 50,
                "KeepAlive": True,
                "TcpNoDelay": True,
                "Plugins": [str(DICOMWEB_PLUGIN)] if dicomweb else [],
                "DicomWeb": {"Enable": True, "EnableMetadataCache": True},
            }
        )
    )
    with _process(["Orthanc", str(configuration)], ENVIRONMENT, folder, port, "ORTHANC") as process:
        url = f"http://127.0.0.1:{http_port}/dicom-web/studies"
        name = "Orthanc" if fsync else "Orthanc, no fsync"
        yield Server(name, port, "ORTHANC", (process.pid,), stow_rs_url=url, http_port=http_port)


@contextmanager
def storescp(folder: Path) -> Iterator[Server]:
    """DCMTK's storescp: writes files, checks and indexes nothing."""
    port = free_port()
    output = folder / "storescp"
    output.mkdir()
    command = ["storescp", "--fork", "-od", str(output), str(port)]
    with _process(command, ENVIRONMENT, folder, port, "ANY-SCP") as process:
        yield Server("DCMTK storescp", port, "ANY-SCP", (process.pid,))


SERVERS = (("sans-film", sans_film, ""), ("orthanc", orthanc, "Orthanc"), ("storescp", storescp, "storescp"))


def missing(executable: str) -> bool:
    """Whether a peer is not installed."""
    return bool(executable) and shutil.which(executable) is None


def children(process_id: int) -> list[int]:
    """Processes that a process started."""
    lists = [(task / "children").read_text() for task in Path(f"/proc/{process_id}/task").iterdir()]
    return [int(child) for text in lists for child in text.split()]


def cpu_seconds(process_ids: tuple[int, ...]) -> float:
    """CPU time of processes and of those children of theirs that have ended."""
    ticks = 0
    for process_id in process_ids:
        fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def peak_memory_mib(process_ids: tuple[int, ...]) -> int:
    """Largest resident set of living processes."""
    peaks = []
    for process_id in process_ids:
        status = Path(f"/proc/{process_id}/status").read_text()
        peaks.append(int(status.split("VmHWM:")[1].split()[0]) // 1024)
    return sum(peaks)


def _answers(port: int, called_ae_title: str) -> bool:
    """Whether a C-ECHO is answered: on a busy machine that takes a while."""
    command = ["echoscu", "-q", "-to", "5", "-aet", "NORD_CT1", "-aec", called_ae_title, "127.0.0.1", str(port)]
    return subprocess.run(command, env=ENVIRONMENT, stderr=subprocess.DEVNULL, check=False).returncode == 0


@contextmanager
def _process(
    command: list[str], environment: dict[str, str], folder: Path, port: int, called_ae_title: str
) -> Iterator[subprocess.Popen[bytes]]:
    root = Path(__file__).parent.parent
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, cwd=root, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _answers(port, called_ae_title):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "server.log").read_text()[-1000:])
            time.sleep(0.5)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
