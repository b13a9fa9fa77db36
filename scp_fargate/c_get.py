"""Retrieve SCP (C-GET, PS3.4 C.4.3): instances come back on the association that asked for them."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, cast

from pynetdicom.dimse_primitives import C_GET

from chalicelib import errors
from chalicelib.access.audit import Action
from chalicelib.archive.ports import IndexReader
from chalicelib.archive.retrieve_instances import count_instances, instances, located, named_studies
from chalicelib.archive.scope import Scope
from scp_fargate import dimse_status
from scp_fargate.identifier import RETRIEVE_MODELS, Refused, read_identifier, retrieve_keys
from scp_fargate.operation import Cancelled, Interruptible, Operation, PeerGone
from scp_fargate.storage_scu import StorageScu
from scp_fargate.sub_operations import Outcome, SubOperations
from scp_fargate.trail import caller_of

if TYPE_CHECKING:
    from pynetdicom.presentation import PresentationContext

    from scp_fargate.association import IncomingAssociation


def serve(association: IncomingAssociation, request: C_GET, context: PresentationContext) -> None:
    """Send every instance that the identifier names as a C-STORE sub-operation of the same association."""
    operation = Operation(association, request, context)
    try:
        _serve(association, operation, request)
    except PeerGone:
        association.log("C-GET abandoned by its peer", level="warning")
    except Refused as refused:
        association.log("C-GET refused", status=f"{refused.status.code:04X}", comment=refused.status.error_comment)
        operation.respond(refused.status)
    except Cancelled:
        operation.respond(dimse_status.Status(dimse_status.CANCEL))
    except errors.ArchiveError as error:
        operation.respond(dimse_status.status_of_query(error))
    except Exception as error:
        association.log_unforeseen("C-GET failed", error)
        operation.respond(dimse_status.status_of_query(error))
    finally:
        operation.close()


def _serve(association: IncomingAssociation, operation: Operation, request: C_GET) -> None:
    identifier = read_identifier(request.Identifier.getvalue() if request.Identifier else b"", operation.implicit_vr)
    is_relational = operation.abstract_syntax in association.relational_retrieve
    keys = retrieve_keys(identifier, RETRIEVE_MODELS[operation.abstract_syntax], is_relational)
    reader = cast("IndexReader", Interruptible(association.archive.index_reader, operation))
    scope = Scope(hospitals=(association.hospital,))
    parts = located(reader, scope, keys)
    studies = [study for part in parts for study in named_studies(reader, scope, part)]
    association.archive.trail.sent(Action.RETRIEVE, caller_of(association), studies)
    sub_operations = SubOperations(sum(count_instances(reader, scope, part) for part in parts))
    records = chain.from_iterable(instances(reader, scope, part) for part in parts)

    def ended(outcome: Outcome, sop_instance_uid: str) -> None:
        sub_operations.add(outcome, sop_instance_uid)
        sub_operations.send_pending(operation)

    def check() -> None:
        operation.check()
        # Something is to be heard of an operation that takes its time.
        sub_operations.send_pending(operation)

    scu = StorageScu(
        association,
        association.objects,
        association.archive.renderer,
        ended,
        grace_s=association.archive.slow_peer_grace_s,
        priority=request.Priority or 0,
        window=association.sub_operations_at_once,
        log_unforeseen=association.log_unforeseen,
        delivered=partial(association.archive.sent.delivered, association.hospital),
    )
    cancelled = False
    try:
        scu.send_all(records, check)
    except Cancelled:
        cancelled = True
    status = sub_operations.send_final(operation, cancelled)
    association.archive.sent.answered(association.hospital)
    association.counts.add("retrieved", sub_operations.completed + sub_operations.warning)
    association.log(
        "C-GET",
        completed=sub_operations.completed,
        failed=sub_operations.failed,
        warning=sub_operations.warning,
        status=f"{status.code:04X}",
    )
