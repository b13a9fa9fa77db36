"""Storage SCU (PS3.4 B): sends stored instances over an association, as stored wherever the peer accepted that."""

from __future__ import annotations

import queue
import struct
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu_primitives import P_DATA

from chalicelib import errors
from chalicelib.archive.model import ByteRange, InstanceRecord
from chalicelib.archive.ports import ObjectStore, Renderer
from chalicelib.archive.rendered import transcoded_instance
from chalicelib.archive.search_results import element
from chalicelib.dicom.data_set_writer import encode_data_set
from chalicelib.dicom.elements import BytesSource, Malformed
from chalicelib.dicom.part10 import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, data_set_offset
from scp_fargate.operation import SLOWEST_BYTES_PER_S, PeerGone, drop, is_open, wait_for_room
from scp_fargate.sub_operations import Outcome, outcome_of

if TYPE_CHECKING:
    from pynetdicom.association import Association

WINDOW_BYTES = 4 << 20
"""Read from the archive bucket at a time: what one instance takes of memory."""
READ_AHEAD = 3
"""Instances whose first window is read while others are sent."""
LARGEST_PDU_BYTES = 128 << 10
UNCOMPRESSED = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)
RESPONSE_TIMEOUT_S = 120.0
"""Receivers may take their time to file an instance."""
MOST_LATER = 4
"""Requests that wait for the end of a C-GET."""
DATA_SET_PRESENT = 0x0001
CHECK_EVERY_S = 0.5

Ended = Callable[[Outcome, str], None]
Delivered = Callable[[int, bool], None]


@dataclass(frozen=True)
class Originator:
    """The C-MOVE that a sub-operation belongs to (PS3.7 9.1.1.1.5 and 9.1.1.1.6)."""

    ae_title: str
    message_id: int


@dataclass(frozen=True)
class _Content:
    """What is sent of an instance: an object, or bytes; its first window is there."""

    first: bytes
    object_key: str
    size_bytes: int
    is_converted: bool


_Sent = tuple[str, int, bool]
"""SOP Instance UID of a sub-operation that waits for its response, bytes of its data set, whether it was converted."""


class StorageScu:
    """Sends instances over one association. Used by one thread.

    Parameters
    ----------
    ended
        Told the outcome and SOP Instance UID of each sub-operation.
    delivered
        Told of each instance that the peer took how many bytes were sent, and whether it was transcoded for that.
    window
        Sub-operations that the peer allows to be outstanding (PS3.7 D.3.3.3).
    """

    def __init__(
        self,
        association: Association,
        objects: ObjectStore,
        renderer: Renderer,
        ended: Ended,
        *,
        grace_s: float,
        priority: int = 0,
        window: int = 1,
        originator: Originator | None = None,
        log_unforeseen: Callable[[str, Exception], None] = lambda *_: None,
        delivered: Delivered = lambda *_: None,
    ) -> None:
        self.association = association
        self._delivered = delivered
        self._objects = objects
        self._renderer = renderer
        self._ended = ended
        self._grace_s = grace_s
        self._priority = priority
        self._window = window
        self._originator = originator
        self._log_unforeseen = log_unforeseen
        self._outstanding: dict[int, _Sent] = {}
        self._later: list[tuple[int, Any]] = []
        """Requests that the peer of a C-GET sent meanwhile (PS3.7 D.3.3.3)."""
        self._message_id = 0
        self.unsent: list[InstanceRecord] = []
        """Taken by `send_all` and not sent when it was interrupted."""
        self._contexts = {
            (str(cx.abstract_syntax), str(cx.transfer_syntax[0])): int(cx.context_id)
            for cx in association.accepted_contexts
            if cx.as_scu
        }

    def send_all(self, records: Iterable[InstanceRecord], check: Callable[[], None]) -> None:
        """Send instances; `check` is called before each, and while one is read or converted. It may raise, after which
        outstanding responses are awaited.

        Raises
        ------
        PeerGone
            If the association ends; what was outstanding has failed then.
        """
        with ThreadPoolExecutor(READ_AHEAD, thread_name_prefix="retrieve") as pool:
            try:
                with closing(self._read_ahead(pool, records)) as reading:
                    for record, content in reading:
                        _await_content(content, check)
                        self._send(record, content)
                self._await_responses(0)
            except PeerGone:
                self._fail_outstanding()
                raise
            except BaseException:
                self._await_responses(0)
                raise
            finally:
                while self._later:
                    self.association.dimse.msg_queue.put(self._later.pop(0))

    def _read_ahead(
        self, pool: ThreadPoolExecutor, records: Iterable[InstanceRecord]
    ) -> Generator[tuple[InstanceRecord, Future[_Content | None]], None, None]:
        waiting: deque[tuple[InstanceRecord, Future[_Content | None]]] = deque()
        try:
            for record in records:
                waiting.append((record, pool.submit(self._content, record)))
                if len(waiting) > READ_AHEAD:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:
            self.unsent = [record for record, _ in waiting]
            for _, future in waiting:
                future.cancel()

    # Content ------------------------------------------------------------------------------------------------------

    def _context(self, record: InstanceRecord) -> tuple[int, str]:
        """Presentation context and its transfer syntax: as stored, else uncompressed; (0, "") if there is none."""
        for transfer_syntax in (record.transfer_syntax_uid, *UNCOMPRESSED):
            context_id = self._contexts.get((record.sop_class_uid, transfer_syntax))
            if context_id:
                return context_id, transfer_syntax
        return 0, ""

    def _content(self, record: InstanceRecord) -> _Content | None:
        """Begin to read what will be sent; None where no accepted context fits."""
        context_id, transfer_syntax = self._context(record)
        if not context_id:
            return None
        piece: bytes | ByteRange = ByteRange(record.object_key, 0, record.size_bytes)
        is_converted = transfer_syntax != record.transfer_syntax_uid
        if is_converted:
            piece = transcoded_instance(self._renderer, record, transfer_syntax)
        if isinstance(piece, bytes):
            return _Content(piece, "", len(piece), is_converted)
        first = self._objects.read(piece.key, 0, WINDOW_BYTES)
        return _Content(first, piece.key, max(piece.length, len(first)), is_converted)

    def _data_set(self, content: _Content, offset: int) -> Iterator[bytes]:
        """The data set in windows."""
        yield content.first[offset:]
        position = len(content.first)
        while position < content.size_bytes and content.object_key:
            window = self._objects.read(content.object_key, position, WINDOW_BYTES)
            if not window:
                return
            position += len(window)
            yield window

    # Messages -----------------------------------------------------------------------------------------------------

    def _send(self, record: InstanceRecord, reading: Future[_Content | None]) -> None:
        uid = record.keys.sop_instance_uid
        try:
            content = reading.result()
            offset = data_set_offset(BytesSource(content.first)) if content else 0
        except (errors.ArchiveError, Malformed):
            content = None
        except Exception as error:
            self._log_unforeseen("instance cannot be read for sending", error)
            content = None
        if content is None:
            self._ended(Outcome.FAILED, uid)
            return
        self._await_responses(self._window - 1)
        self._message_id = self._message_id % 0xFFFF + 1
        self._outstanding[self._message_id] = uid, content.size_bytes - offset, content.is_converted
        context_id, _ = self._context(record)
        deadline = time.monotonic() + self._grace_s + content.size_bytes / SLOWEST_BYTES_PER_S
        self._send_fragments(context_id, 1, [self._command(record)], deadline)
        try:
            self._send_fragments(context_id, 0, self._data_set(content, offset), deadline)
        except errors.ArchiveError as error:
            # A message cannot be left half sent.
            drop(self.association)
            raise PeerGone from error

    def _command(self, record: InstanceRecord) -> bytes:
        """Command set of a C-STORE-RQ (PS3.7 9.3.1.1)."""
        command = {
            "00000002": element("UI", record.sop_class_uid),
            "00000100": element("US", 0x0001),
            "00000110": element("US", self._message_id),
            "00000700": element("US", self._priority),
            "00000800": element("US", DATA_SET_PRESENT),
            "00001000": element("UI", record.keys.sop_instance_uid),
        }
        if self._originator:
            command["00001030"] = element("AE", self._originator.ae_title)
            command["00001031"] = element("US", self._originator.message_id)
        encoded = encode_data_set(command, implicit_vr=True)
        return struct.pack("<HHII", 0, 0, 4, len(encoded)) + encoded

    def _send_fragments(self, context_id: int, command: int, pieces: Iterable[bytes], deadline: float) -> None:
        """Send a command set or a data set in fragments that the peer takes (PS3.8 Annex E)."""
        association = self.association
        limit = min(association.dimse.maximum_pdu_size or LARGEST_PDU_BYTES, LARGEST_PDU_BYTES)
        length = max(limit - 6, 2) & ~1
        held = b""
        for piece in pieces:
            for start in range(0, len(piece), length):
                if held:
                    self._send_fragment(context_id, command, held, deadline)
                held = piece[start : start + length]
        self._send_fragment(context_id, command | 2, held, deadline)

    def _send_fragment(self, context_id: int, control: int, fragment: bytes, deadline: float) -> None:
        if not is_open(self.association):
            raise PeerGone
        wait_for_room(self.association, min(deadline, time.monotonic() + self._grace_s))
        primitive = P_DATA()
        primitive.presentation_data_value_list.append([context_id, bytes([control]) + fragment])
        self.association.dul.send_pdu(primitive)

    def _await_responses(self, allowed: int) -> None:
        """Take responses until at most `allowed` are outstanding."""
        deadline = time.monotonic() + RESPONSE_TIMEOUT_S
        while len(self._outstanding) > allowed:
            try:
                context_id, message = self.association.dimse.msg_queue.get(timeout=0.5)
            except queue.Empty:
                if is_open(self.association) and time.monotonic() < deadline:
                    continue
                drop(self.association)
                raise PeerGone from None
            is_request = self.association.is_acceptor and getattr(message, "MessageID", None) is not None
            if is_request and len(self._later) < MOST_LATER:
                self._later.append((context_id, message))
                continue
            sent = self._outstanding.pop(getattr(message, "MessageIDBeingRespondedTo", None) or 0, None)
            if sent is None or not isinstance(message, C_STORE):
                # The end of the association, or a message that is not due: nothing can be relied on any more.
                drop(self.association)
                if sent:
                    self._ended(Outcome.FAILED, sent[0])
                raise PeerGone
            served = getattr(self.association.dimse, "served", None)
            if served:
                served()
            outcome = outcome_of(message.Status if message.Status is not None else 0xC000)
            if outcome is not Outcome.FAILED:
                self._delivered(*sent[1:])
            self._ended(outcome, sent[0])
            deadline = time.monotonic() + RESPONSE_TIMEOUT_S

    def _fail_outstanding(self) -> None:
        for sent in self._outstanding.values():
            self._ended(Outcome.FAILED, sent[0])
        self._outstanding.clear()


def _await_content(content: Future[_Content | None], check: Callable[[], None]) -> None:
    """Wait until an instance begins to be there: a conversion may take longer than its requestor waits in silence."""
    check()
    while not wait([content], timeout=CHECK_EVERY_S).done:
        check()
