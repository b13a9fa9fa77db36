"""Storage SCPs that C-MOVE sends to."""

from __future__ import annotations

import itertools
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import AllTransferSyntaxes
from pynetdicom import AE, StoragePresentationContexts, evt
from pynetdicom.events import Event

from chalicelib import wiring
from chalicelib.access.model import ApplicationEntity
from tests.emulator import free_port
from tests.scp.certificates import Issued

UNCOMPRESSED = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")


@dataclass
class Received:
    """What a destination got."""

    ae_title: str
    datasets: list[Dataset] = field(default_factory=list)
    syntaxes: dict[str, str] = field(default_factory=dict)
    requests: list[Any] = field(default_factory=list)
    associations: int = 0

    @property
    def uids(self) -> list[str]:
        """SOP Instance UIDs, sorted."""
        return sorted(self.syntaxes)


_numbers = itertools.count(1)


def new_title() -> str:
    """An AE title that no other destination has: the service remembers addresses for some seconds."""
    return f"DST_{next(_numbers)}"


def register(
    ae_title: str, port: int, hospital: str = "nord", tls: bool = False, certificates: tuple[Issued, ...] = ()
) -> None:
    """Make it known as a destination."""
    fingerprints = frozenset(issued.fingerprint for issued in certificates)
    wiring.registry().put_application_entity(
        ApplicationEntity(ae_title, hospital, frozenset({"store"}), "127.0.0.1", port, tls, fingerprints)
    )


@contextmanager
def destination(
    hospital: str = "nord",
    syntaxes: tuple[str, ...] = tuple(AllTransferSyntaxes),
    status: Callable[[str], int] = lambda uid: 0,
    most_associations: int = 10,
    tls: ssl.SSLContext | None = None,
    certificates: tuple[Issued, ...] = (),
) -> Iterator[Received]:
    """A registered destination of a title of its own; `status` answers each SOP Instance UID."""
    received = Received(new_title())

    def on_store(event: Event) -> int:
        received.requests.append(event.request)
        uid = str(event.request.AffectedSOPInstanceUID)
        answer = status(uid)
        if answer == 0:
            received.datasets.append(event.dataset)
            received.syntaxes[uid] = str(event.context.transfer_syntax)
        return answer

    def on_accepted(event: Event) -> None:
        received.associations += 1

    ae = AE(received.ae_title)
    ae.maximum_associations = most_associations
    for context in StoragePresentationContexts:
        ae.add_supported_context(context.abstract_syntax, list(syntaxes))
    server = ae.start_server(
        ("127.0.0.1", 0),
        block=False,
        evt_handlers=[(evt.EVT_C_STORE, on_store), (evt.EVT_ACCEPTED, on_accepted)],
        ssl_context=tls,
    )
    try:
        register(received.ae_title, server.server_address[1], hospital, tls is not None, certificates)
        yield received
    finally:
        server.shutdown()


@contextmanager
def storescp(ae_title: str, folder: Path, *options: str, certificates: tuple[Issued, ...] = ()) -> Iterator[Path]:
    """DCMTK's storescp as a registered destination, with `+tls` of TLS; yields the folder that it writes to."""
    port = free_port()
    process = subprocess.Popen(["storescp", *options, "-aet", ae_title, "-od", str(folder), str(port)])
    try:
        register(ae_title, port, tls="+tls" in options, certificates=certificates)
        time.sleep(0.5)
        yield folder
    finally:
        process.terminate()
        process.wait(10)
