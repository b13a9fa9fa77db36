"""One of several ingest processes: serves the associations that the first process hands it."""

from __future__ import annotations

import gc
import os
import sys
import threading
from functools import partial

from chalicelib.settings import Settings
from scp_fargate.application_entity import RunningEntity, listen
from scp_fargate.association import Archive
from scp_fargate.incoming_server import GivenConnection
from scp_fargate.processes import ADMIT, CONNECTIONS, ENDED, READY, REPORT, SECURED, STOP, Control

METRICS_EVERY_S = 10


def work(settings: Settings, archive: Archive, control: Control) -> int:
    """Serve until the first process says stop, or is gone; return the exit status."""
    entity = listen(settings, archive, accepts=False)
    leave_alone_what_stays()
    threading.Thread(target=_send_counts, args=(archive,), name="metrics", daemon=True).start()
    control.tell(READY)
    while True:
        message, number, descriptor = control.next()
        if not message:
            break
        if message in CONNECTIONS:
            connection = GivenConnection(fileno=descriptor)
            connection.secured = message in SECURED
            connection.admitted = message in ADMIT
            connection.on_end = partial(control.tell, f"{ENDED}{number}")
            entity.serve(connection)
        elif message == REPORT:
            control.tell(archive.counts.snapshot())
        elif message == STOP:
            # Reports are answered meanwhile.
            threading.Thread(target=_finish, args=(entity, control, settings.shutdown_grace_s), name="stop").start()
    # Nobody hears what threads that hang would still say.
    entity.stop(0)
    sys.stdout.flush()
    os._exit(0)


def leave_alone_what_stays() -> None:
    """Keep what was loaded at the start (100 MiB of modules and tables) out of every garbage collection to come.

    Looking through it again and again cost a fifth of the processor time of C-STORE.
    """
    gc.collect()
    gc.freeze()


def _finish(entity: RunningEntity, control: Control, grace_s: float) -> None:
    entity.stop(grace_s)
    control.close()


def _send_counts(archive: Archive) -> None:
    every = threading.Event()
    while not every.wait(METRICS_EVERY_S):
        archive.counts.send()
        # Associations that ended are in reference cycles with their threads.
        gc.collect()
