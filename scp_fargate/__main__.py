"""The ingest service: `python -m scp_fargate`. Settings come from SANSFILM_* and AWS_* variables."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from chalicelib import errors, wiring, wiring_meters
from chalicelib.access.model import Hospital
from chalicelib.access.ports import Registry
from chalicelib.settings import Settings
from scp_fargate.application_entity import RunningEntity, listen
from scp_fargate.association import Archive, Memory
from scp_fargate.callers import Callers, Remembered
from scp_fargate.commitments import Commitments
from scp_fargate.counts import Counts
from scp_fargate.http_server import serve_http
from scp_fargate.limits import HospitalAssociations
from scp_fargate.outgoing import outgoing
from scp_fargate.processes import Control, Processes
from scp_fargate.quotas import Quotas
from scp_fargate.sent_meter import SentMeter, default_folder
from scp_fargate.tls import configured_tls
from scp_fargate.trail import Trail
from scp_fargate.unnamed_file import unnamed_file
from scp_fargate.worker import leave_alone_what_stays, work

METRICS_EVERY_S = 10


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; return the exit status."""
    options = _parser().parse_args(arguments)
    settings = wiring.settings()
    logger = wiring.logger("scp")
    missing = [
        name
        for name in ("archive_bucket", "registry_table", "index_table", "audit_table", "meters_table")
        if not getattr(settings, name)
    ]
    if missing:
        print(f"Not set: {', '.join('SANSFILM_' + name.upper() for name in missing)}.", file=sys.stderr)
        return 2
    try:
        tls = configured_tls(settings, wiring.secret, logger)
    except (errors.Unavailable, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    if not settings.dicom_port and tls is None:
        print("There is neither a plain port nor a TLS port (SANSFILM_DICOM_TLS_*).", file=sys.stderr)
        return 2
    hospitals = Remembered(lambda hospital: wiring.registry().hospital(hospital))
    objects, counts = wiring.ingest_object_store(), Counts()
    callers = Callers(lambda title: wiring.registry().application_entity(title))
    calls = outgoing(settings, tls)
    archive = Archive(
        objects=objects,
        callers=callers,
        counts=counts,
        logger=logger,
        memory=Memory(settings.receive_limit_bytes),
        index_reader=wiring.index_reader(),
        renderer=wiring.renderer(),
        commitments=Commitments(
            settings,
            wiring.pending_commitments(),
            wiring.index_reader(),
            objects,
            callers.resolve,
            calls,
            counts,
            logger,
        ),
        maximum_matches=settings.maximum_matches,
        move_associations=settings.move_associations,
        slow_peer_grace_s=settings.slow_peer_grace_s,
        hospitals=hospitals,
        quotas=Quotas(hospitals.resolve, partial(_count, wiring.registry), logger),
        outgoing=calls,
        trail=Trail(wiring.audit_trail(), logger),
        sent=SentMeter(wiring_meters.facts, default_folder(settings.spool_dir, settings.meters_table), logger),
        hospital_associations=HospitalAssociations(
            os.fdopen(options.worker[1], "r+b") if options.worker else unnamed_file(),
            partial(_maximum, settings, hospitals),
        ),
        tls=tls,
        own_c_store_path=settings.c_store_path == "own",
    )
    archive.quotas.start()
    archive.sent.start()
    if options.worker:
        return work(settings, archive, Control(options.worker[0]))
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    count = settings.ingest_processes or os.cpu_count() or 1
    entity: RunningEntity | Processes | None = None
    try:
        entity = listen(settings, archive) if count == 1 else Processes(settings, count, bool(tls), logger)
        report = partial(_report, entity, archive.counts, stopping)
        http = serve_http(settings, archive, report)
    except OSError as error:
        ports = (
            f"{settings.dicom_port}, {settings.dicom_tls_port} or {settings.ingest_http_port} of {settings.dicom_host}"
        )
        print(f"Port {ports} cannot be used: {error.strerror}.", file=sys.stderr)
        if entity is not None:
            entity.stop(0)
        return 1
    leave_alone_what_stays()
    archive.commitments.retry()
    logger.info("listening", extra=_place(settings, bool(tls)))
    while not stopping.wait(METRICS_EVERY_S):
        archive.counts.send()
    deadline = time.monotonic() + settings.shutdown_grace_s
    entity.stop(settings.shutdown_grace_s)
    archive.commitments.close()
    archive.quotas.stop()
    http.stop(max(1.0, deadline - time.monotonic()))
    archive.counts.send()
    logger.info("stopped", extra=archive.counts.snapshot())
    return 0


def _maximum(settings: Settings, hospitals: Remembered[Hospital], hospital_id: str) -> int:
    """Associations that a hospital may have at once."""
    hospital = hospitals.resolve(hospital_id)
    return (hospital.maximum_associations if hospital else 0) or settings.maximum_hospital_associations


def _count(registry: Callable[[], Registry], key: str, window: int, window_s: int, by: int) -> int:
    return registry().count_attempt(key, window, window_s, by)


def _place(settings: Settings, has_tls: bool) -> dict[str, Any]:
    return {
        "ae_title": settings.ae_title,
        "host": settings.dicom_host,
        "port": settings.dicom_port,
        "tls_port": settings.dicom_tls_port if has_tls else 0,
    }


def _report(entity: RunningEntity | Processes, counts: Counts, stopping: threading.Event) -> dict[str, Any]:
    status = "stopping" if stopping.is_set() else "ok"
    report = entity.report()
    if isinstance(entity, Processes):
        for name, value in counts.snapshot().items():
            report[name] = report.get(name, 0) + (value if name != "uptime_s" else 0)
    return {"status": status, **report}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scp_fargate",
        description="Ingest service of the archive: C-ECHO, C-STORE and STOW-RS, called AE title SANSFILM by default.",
        epilog="Settings (environment): SANSFILM_DICOM_HOST (127.0.0.1), SANSFILM_DICOM_PORT (11112), "
        "SANSFILM_DICOM_TLS_PORT (2762), SANSFILM_DICOM_TLS_{SECRET,CERTIFICATE_FILE,PRIVATE_KEY_FILE,CLIENT_CA_FILE,"
        "CRL_FILE}, SANSFILM_INGEST_HTTP_PORT (8081), SANSFILM_AE_TITLE (SANSFILM), SANSFILM_ARCHIVE_BUCKET, "
        "SANSFILM_REGISTRY_TABLE, SANSFILM_INDEX_TABLE, SANSFILM_METERS_TABLE, SANSFILM_RENDERED_FUNCTION, "
        "SANSFILM_MAXIMUM_MATCHES (5000), "
        "SANSFILM_MOVE_ASSOCIATIONS (2), SANSFILM_SLOW_PEER_GRACE_S (30), SANSFILM_MAXIMUM_ASSOCIATIONS (100), "
        "SANSFILM_MAXIMUM_HOSPITAL_ASSOCIATIONS (64), SANSFILM_MAXIMUM_ADDRESS_ASSOCIATIONS (64), "
        "SANSFILM_ADDRESS_ASSOCIATIONS_PER_MINUTE (3000), SANSFILM_RECEIVE_LIMIT_BYTES (2 GiB), "
        "SANSFILM_SPOOL_DIR, SANSFILM_SPOOL_LIMIT_BYTES (16 GiB), SANSFILM_SESSION_KEY_ID, SANSFILM_PUBLIC_URL, "
        "SANSFILM_INGEST_PROCESSES (0: one a CPU), SANSFILM_C_STORE_PATH (own), "
        "SANSFILM_SHUTDOWN_GRACE_S (25), SANSFILM_LOG_LEVEL (INFO); AWS_ENDPOINT_URL and the other variables of "
        "the AWS SDK.",
    )
    # Descriptors: its end of the control socket, the file of the hospitals' associations.
    parser.add_argument("--worker", type=int, nargs=2, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
