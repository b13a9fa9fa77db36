"""Store transaction for an instance that is longer than memory should hold (C-STORE, PS3.4 B; D2).

It is checked and goes to the object store while it arrives, in constant memory; its key is known at its end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from chalicelib import errors
from chalicelib.archive.model import InstanceKeys
from chalicelib.archive.ports import ObjectStore, StagedUpload
from chalicelib.archive.store import (
    CONTENT_TYPE,
    ReceivedInstance,
    StoredInstance,
    check_source,
    instance_metadata,
    instance_object_key,
    rejection,
)
from chalicelib.dicom.elements import Malformed
from chalicelib.dicom.part10 import open_data_set

LOOK_BACK_BYTES = 256 << 10
"""How far behind the walker may read again; it reads ahead by 64 KiB at most."""
CHUNK_BYTES = 256 << 10
MAXIMUM_PARTS = 10_000

Fill = Callable[[memoryview], int]
"""Fills a view with what comes next; fewer bytes only at the end of the data set."""


class ArrivingInstance:
    """A DICOM file as a `dicom.elements.Source` that receives as the walker advances, and uploads what it received.

    Parameters
    ----------
    window
        Memory that it may use: one part and the look-back. It begins with what was received so far.
    received_bytes
        How much of the window that is.
    start
        Where the data set begins; its digest counts from there.
    """

    beginning = b""
    """Nothing: the window moves on."""

    def __init__(self, fill: Fill, upload: StagedUpload, window: memoryview, received_bytes: int, start: int) -> None:
        self._fill = fill
        self._upload = upload
        self._window = window
        self._window_start = 0
        self._filled = received_bytes
        self._part_start = 0
        self._parts = 0
        self._ended = False
        self._digest = hashlib.sha256(window[start:received_bytes])

    @property
    def received_bytes(self) -> int:
        """Length of what has arrived."""
        return self._window_start + self._filled

    @property
    def size(self) -> int:
        """Length of the file; beyond every limit until its end has arrived."""
        return self.received_bytes if self._ended else 1 << 62

    def read_at(self, offset: int, length: int) -> bytes:
        """See `Source.read_at`."""
        while self.received_bytes < offset + length and not self._ended:
            self._receive()
        first = offset - self._window_start
        if first < 0:
            raise Malformed("The data set cannot be read in one pass.")
        return bytes(self._window[first : min(first + length, self._filled)])

    def digest_from(self, start: int) -> None:
        """Let the digest count from elsewhere; only before more than the window has arrived."""
        if self._window_start or start > self._filled:
            raise Malformed("File Meta Information is too long.")
        self._digest = hashlib.sha256(self._window[start : self._filled])

    def finish(self) -> str:
        """Receive and upload the rest; return the digest (hex)."""
        while not self._ended:
            self._receive()
        self._flush()
        return self._digest.hexdigest()

    def _receive(self) -> None:
        if self._filled == len(self._window):
            self._flush()
        target = self._window[self._filled : self._filled + CHUNK_BYTES]
        count = self._fill(target)
        self._digest.update(target[:count])
        self._filled += count
        self._ended = count < len(target)

    def _flush(self) -> None:
        """Upload what is not, and keep the look-back."""
        if self._filled == self._part_start:
            return
        if self._parts == MAXIMUM_PARTS:
            raise errors.TooMuch("The instance is too long.")
        self._upload.write(bytes(self._window[self._part_start : self._filled]))
        self._parts += 1
        keep = min(LOOK_BACK_BYTES, self._filled)
        self._window[:keep] = bytes(self._window[self._filled - keep : self._filled])
        self._window_start += self._filled - keep
        self._filled = self._part_start = keep


def store_arriving_instance(
    objects: ObjectStore, received: ReceivedInstance, fill: Fill, window: memoryview, received_bytes: int
) -> StoredInstance:
    """Receive, check and store an instance whose beginning is in `window`; see `store.store_instance`.

    `received.digest_start` says where its data set begins; `received.body` is not used.

    Raises
    ------
    errors.InvalidInstance
        If it cannot be archived; its bytes are kept under `rejected/` for the operators.
    errors.Unavailable
        If the bytes could not be made durable: the sender has to send again.
    """
    upload = objects.stage()
    start = received.digest_start
    arriving = ArrivingInstance(fill, upload, window, received_bytes, start)
    try:
        try:
            _agree_on_start(arriving, start)
            data_set, identifiers = check_source(received, arriving)
        except errors.InvalidInstance as error:
            key, metadata = rejection(received, error, arriving.finish())
            upload.publish_if_absent(key, "application/octet-stream", metadata)
            raise
        digest = arriving.finish()
        keys = InstanceKeys(
            received.hospital,
            identifiers.study_instance_uid,
            identifiers.series_instance_uid,
            identifiers.sop_instance_uid,
        )
        object_key = instance_object_key(keys, digest)
        metadata = instance_metadata(received, data_set.transfer_syntax_uid)
        return StoredInstance(keys, object_key, digest, upload.publish_if_absent(object_key, CONTENT_TYPE, metadata))
    finally:
        upload.abandon()


def _agree_on_start(arriving: ArrivingInstance, start: int) -> None:
    """Some data sets begin with File Meta Information of their own, which the digest leaves out (D3)."""
    try:
        found = open_data_set(arriving, one_pass=True).start
        if found != start:
            arriving.digest_from(found)
    except Malformed:
        # Said again, and answered, by the check.
        return
