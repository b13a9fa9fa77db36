"""Retrieve SCP (C-MOVE, PS3.4 C.4.2): instances go to a registered application entity of the caller's hospital."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, cast

from pynetdicom.dimse_primitives import C_MOVE

from chalicelib import errors
from chalicelib.access.audit import Action
from chalicelib.access.model import ApplicationEntity
from chalicelib.archive.model import InstanceRecord
from chalicelib.archive.ports import IndexReader
from chalicelib.archive.retrieve_instances import count_instances, instances, located, named_studies
from chalicelib.archive.scope import Scope
from scp_fargate import dimse_status
from scp_fargate.dimse_status import Status
from scp_fargate.identifier import RETRIEVE_MODELS, Refused, read_identifier, retrieve_keys
from scp_fargate.move_destination import Destination, Stop, batches
from scp_fargate.operation import Cancelled, Interruptible, Operation, PeerGone
from scp_fargate.storage_scu import Originator, StorageScu
from scp_fargate.sub_operations import Outcome, SubOperations
from scp_fargate.trail import caller_of

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.presentation import PresentationContext

    from scp_fargate.association import IncomingAssociation

Ended = tuple[Outcome, str]
MOST_ATTEMPTS = 10
"""Associations that may break within one batch before the destination is given up."""


def serve(association: IncomingAssociation, request: C_MOVE, context: PresentationContext) -> None:
    """Send every instance that the identifier names to the move destination, telling the caller how far it is."""
    operation = Operation(association, request, context)
    try:
        _Move(association, operation, request).run()
    except PeerGone:
        association.log("C-MOVE abandoned by its peer", level="warning")
    except Refused as refused:
        association.log("C-MOVE refused", status=f"{refused.status.code:04X}", comment=refused.status.error_comment)
        operation.respond(refused.status)
    except Cancelled:
        operation.respond(Status(dimse_status.CANCEL))
    except errors.ArchiveError as error:
        operation.respond(dimse_status.status_of_query(error))
    except Exception as error:
        association.log_unforeseen("C-MOVE failed", error)
        operation.respond(dimse_status.status_of_query(error))
    finally:
        operation.close()


class _Move:
    """One C-MOVE: a thread sends, the association's own thread answers its caller and listens for C-CANCEL."""

    def __init__(self, association: IncomingAssociation, operation: Operation, request: C_MOVE) -> None:
        self._association = association
        self._operation = operation
        self._request = request
        self._stop = threading.Event()
        self._outcomes: queue.SimpleQueue[Ended | BaseException | None] = queue.SimpleQueue()

    def run(self) -> None:
        """Serve the request.

        Raises
        ------
        Refused, Cancelled, PeerGone, errors.ArchiveError
            Before the first sub-operation; PeerGone later too.
        """
        request, operation, association = self._request, self._operation, self._association
        encoded = request.Identifier.getvalue() if request.Identifier else b""
        identifier = read_identifier(encoded, operation.implicit_vr)
        is_relational = operation.abstract_syntax in association.relational_retrieve
        keys = retrieve_keys(identifier, RETRIEVE_MODELS[operation.abstract_syntax], is_relational)
        destination = self._destination()
        reader = cast("IndexReader", Interruptible(association.archive.index_reader, operation))
        scope = Scope(hospitals=(association.hospital,))
        parts = located(reader, scope, keys)
        studies = [study for part in parts for study in named_studies(reader, scope, part)]
        association.archive.trail.sent(Action.MOVE, caller_of(association), studies, destination.ae_title)
        sub_operations = SubOperations(sum(count_instances(reader, scope, part) for part in parts))
        records = chain.from_iterable(instances(reader, scope, part) for part in parts)
        sending = threading.Thread(target=self._send, args=(destination, records), name="c-move", daemon=True)
        sending.start()
        try:
            failure = self._answer(sub_operations)
        finally:
            self._stop.set()
            sending.join()
        cancelled = isinstance(failure, Cancelled)
        if failure and not cancelled:
            association.log_unforeseen("C-MOVE ended early", cast("Exception", failure))
            sub_operations.failed += sub_operations.remaining
        status = sub_operations.send_final(operation, cancelled)
        association.archive.sent.answered(association.hospital)
        association.counts.add("retrieved", sub_operations.completed + sub_operations.warning)
        association.log(
            "C-MOVE",
            destination=destination.ae_title,
            completed=sub_operations.completed,
            failed=sub_operations.failed,
            warning=sub_operations.warning,
            status=f"{status.code:04X}",
        )

    def _destination(self) -> ApplicationEntity:
        """The move destination, which is an application entity of the caller's hospital that has an address."""
        title = str(self._request.MoveDestination or "").strip()
        destination = self._association.archive.callers.resolve(title) if title else None
        if destination is None or destination.hospital != self._association.hospital or not destination.host:
            raise Refused(Status(dimse_status.MOVE_DESTINATION_UNKNOWN, "Move destination unknown"))
        return destination

    def _answer(self, sub_operations: SubOperations) -> BaseException | None:
        """Count outcomes until sending has ended; what ended it early."""
        operation, failure = self._operation, None
        while True:
            try:
                outcome = self._outcomes.get(timeout=0.1)
            except queue.Empty:
                outcome = ()  # type: ignore[assignment]
            if outcome is None:
                return failure
            if isinstance(outcome, BaseException):
                failure = failure or outcome
            elif outcome:
                sub_operations.add(*outcome)
            if self._stop.is_set():
                continue
            try:
                operation.check()
                sub_operations.send_pending(operation)
            except Cancelled as cancelled:
                failure = cancelled
                self._stop.set()

    # The thread that sends ----------------------------------------------------------------------------------------

    def _check(self) -> None:
        if self._stop.is_set():
            raise Stop

    def _send(self, to: ApplicationEntity, records: Iterator[InstanceRecord]) -> None:
        association = self._association
        archive = association.archive
        destination = Destination(archive.outgoing, to, archive.move_associations, self._scu)
        try:
            for batch in batches(records):
                left = self._send_batch(destination, batch)
                for record in left:
                    self._outcomes.put((Outcome.FAILED, record.keys.sop_instance_uid))
                if left:
                    raise errors.Unavailable("The move destination does not answer.")
        except Stop:
            pass
        except BaseException as error:
            self._outcomes.put(error)
        finally:
            destination.close()
            self._outcomes.put(None)

    def _send_batch(self, destination: Destination, batch: list[InstanceRecord]) -> list[InstanceRecord]:
        """Send over new associations as long as each attempt achieves something; what could not be tried."""
        left = batch
        for _ in range(MOST_ATTEMPTS):
            self._check()
            before, left = len(left), destination.send(left, self._check)
            if not left or len(left) == before:
                break
        self._check()
        return left

    def _scu(self, association: Association, window: int) -> StorageScu:
        incoming = self._association
        return StorageScu(
            association,
            incoming.objects,
            incoming.archive.renderer,
            lambda outcome, uid: self._outcomes.put((outcome, uid)),
            grace_s=incoming.archive.slow_peer_grace_s,
            priority=self._request.Priority or 0,
            window=window,
            originator=Originator(incoming.calling_ae_title, self._request.MessageID),
            log_unforeseen=incoming.log_unforeseen,
            delivered=partial(incoming.archive.sent.delivered, incoming.hospital),
        )
