"""Data sets on their way from an association to the archive, in constant memory whatever their length."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.archive.store import ReceivedInstance, StoredInstance, store_instance
from chalicelib.archive.store_arriving import LOOK_BACK_BYTES, store_arriving_instance
from scp_fargate.c_store import DoesNotFit, NotStorage, encode_file_meta
from scp_fargate.presentation_contexts import may_store

if TYPE_CHECKING:
    from pynetdicom.presentation import PresentationContext

    from scp_fargate.association import IncomingAssociation
    from scp_fargate.command_set import StoreRequest

FIRST_BYTES = 1 << 20
PART_BYTES = 8 << 20
"""Longer instances go to S3 by multipart upload while they arrive."""
CHUNK_BYTES = 256 << 10


class Receiving:
    """Memory of one association for the data set that arrives, kept from one to the next.

    Parameters
    ----------
    fill
        Fills a view with the data set of the current message; fewer bytes only at its end.
    """

    def __init__(self, association: IncomingAssociation, fill: Callable[[memoryview], int]) -> None:
        self._association = association
        self._receive = fill
        self._memory = association.archive.memory
        self._window = memoryview(bytearray())
        self.received_bytes = 0
        """Of the current data set."""

    def begin(self, request: StoreRequest, context: PresentationContext) -> None:
        """Turn to the next message."""
        self._request, self._context = request, context
        self.received_bytes = 0

    def store(self) -> StoredInstance:
        """Receive the data set and store it.

        Raises
        ------
        NotStorage, DoesNotFit
            Before the data set has ended: `drain` it.
        errors.InvalidInstance, errors.Unavailable
            See `archive.store.store_instance`.
        """
        if not may_store(self._context):
            raise NotStorage("Presentation context is not one of storage.")
        self._association.archive.quotas.admit(self._association.hospital)
        request, transfer_syntax = self._request, str(self._context.transfer_syntax[0])
        file_meta = encode_file_meta(
            request.sop_class_uid, request.sop_instance_uid, transfer_syntax, self._association.calling_ae_title
        )
        start = position = len(file_meta)
        self._grow(max(FIRST_BYTES, 2 * start), 0)
        self._window[:start] = file_meta
        digest = hashlib.sha256()
        while True:
            target = self._window[position : position + CHUNK_BYTES]
            count = self._fill(target)
            digest.update(target[:count])
            position += count
            if count < len(target):
                break
            if position == len(self._window):
                if position >= PART_BYTES:
                    return store_arriving_instance(
                        self._association.objects, self._received(b"", start, ""), self._fill, self._window, position
                    )
                self._grow(PART_BYTES + LOOK_BACK_BYTES if 2 * position == PART_BYTES else 2 * position, position)
        body = self._window[:position] if position > start else b""
        return store_instance(self._association.objects, self._received(body, start, digest.hexdigest()))

    def drain(self) -> None:
        """Receive what is left of the data set, and keep nothing."""
        scratch = memoryview(bytearray(64 << 10))
        while self._fill(scratch) == len(scratch):
            pass

    def close(self) -> None:
        """Give the memory back."""
        self._memory.give_back(len(self._window))
        self._window = memoryview(bytearray())

    def _fill(self, view: memoryview) -> int:
        count = self._receive(view)
        self.received_bytes += count
        return count

    def _grow(self, size_bytes: int, used_bytes: int) -> None:
        more = size_bytes - len(self._window)
        if more <= 0:
            return
        if not self._memory.take(more):
            raise DoesNotFit("No memory left.")
        window = memoryview(bytearray(size_bytes))
        window[:used_bytes] = self._window[:used_bytes]
        self._window = window

    def _received(self, body: bytes | memoryview, start: int, digest: str) -> ReceivedInstance:
        association, request = self._association, self._request
        return ReceivedInstance(
            hospital=association.hospital,
            body=body,
            correlation_id=association.correlation_id,
            calling_ae_title=association.calling_ae_title,
            sop_class_uid=request.sop_class_uid,
            sop_instance_uid=request.sop_instance_uid,
            digest_start=start,
            digest=digest,
        )
