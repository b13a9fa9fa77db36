"""What C-FIND, C-GET and C-MOVE send, as metered facts of kind DIMSE (docs/adr/0037).

What was answered is one line of a file: a write to the page cache, no request of the network. Every half minute the
file becomes facts, whose id is the file's name, and goes. A process that is killed leaves its file to whichever process
of the machine looks next: the kernel has let go of its lock, and the name gives the same facts however often it is
recorded. Nothing is counted before the peer has confirmed it, so that never more is billed than was received.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from aws_lambda_powertools import Logger

from chalicelib import errors
from chalicelib.billing.facts import BYTES_OUT, REQUESTS_OUT, TRANSCODES, FactStore, MeterFact

FLUSH_S = 30.0
KIND = "DIMSE"
SUFFIX = ".counts"


def default_folder(spool_dir: str, table: str) -> Path:
    """Where the files of a deployment are: two of one machine never take each other's for their own."""
    return Path(spool_dir or tempfile.gettempdir()) / f"sansfilm-counts-{os.getuid()}" / table


class SentMeter:
    """Counts of one process, and what others that died left. Safe to share between threads."""

    def __init__(self, store: Callable[[], FactStore], folder: Path, logger: Logger) -> None:
        self._store = store
        self._folder = folder
        self._logger = logger
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._descriptor = -1
        self._is_writable = True
        self._stopping = threading.Event()

    def start(self) -> None:
        """Record from now on, what earlier processes left first."""
        threading.Thread(target=self._run, name="sent-meter", daemon=True).start()

    def answered(self, hospital: str) -> None:
        """An operation that was served."""
        self._add(hospital, {REQUESTS_OUT: 1})

    def delivered(self, hospital: str, size_bytes: int, is_converted: bool) -> None:
        """An instance that the peer has confirmed; its size as it was sent, and whether it was transcoded for that."""
        self._add(hospital, {BYTES_OUT: size_bytes, TRANSCODES: int(is_converted)})

    def flush(self) -> bool:
        """Record what was counted; False if some has to be tried again."""
        with self._flushing:
            with self._lock:
                self._end_file()
            recorded = [self._record(path) for path in sorted(self._folder.glob(f"*{SUFFIX}"))]
            return all(recorded)

    def close(self) -> None:
        """Record what is left."""
        self._stopping.set()
        self._try_to_flush()

    def _run(self) -> None:
        self._try_to_flush()
        while not self._stopping.wait(FLUSH_S):
            self._try_to_flush()

    def _try_to_flush(self) -> None:
        try:
            self.flush()
        except Exception as error:
            self._logger.error("sent data cannot be metered", extra={"error": type(error).__name__})

    # Files --------------------------------------------------------------------------------------------------------

    def _add(self, hospital: str, quantities: Mapping[str, int]) -> None:
        line = json.dumps([int(time.time() * 1000), hospital, {name: n for name, n in quantities.items() if n}]) + "\n"
        with self._lock:
            try:
                if self._descriptor < 0:
                    self._descriptor = self._new_file()
                os.write(self._descriptor, line.encode("ascii"))
                self._is_writable = True
            except OSError as error:  # images go before bills, and one line of the log says enough
                if self._is_writable:
                    self._logger.error("sent data is not counted", extra={"reason": error.strerror})
                self._is_writable = False

    def _new_file(self) -> int:
        """A file of this process: locked before it has a name that another one looks for."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = uuid.uuid4().hex
        unseen = self._folder / f"{name}.new"
        descriptor = os.open(unseen, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        unseen.rename(self._folder / f"{name}{SUFFIX}")
        return descriptor

    def _end_file(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _record(self, path: Path) -> bool:
        """Record a file that nobody writes any more, and remove it; whether there is nothing left to do."""
        with _locked(path) as is_ended:
            if not is_ended:
                return True
            try:
                for fact in facts_of(path):
                    self._store().record(fact)
            except errors.ArchiveError as error:
                self._logger.warning("sent data not metered yet", extra={"error": type(error).__name__})
                return False
            path.unlink(missing_ok=True)
            return True


def facts_of(path: Path) -> list[MeterFact]:
    """Facts of a file, the same whenever it is read; a line that was not finished (killed, no room) is none."""
    sums: Counter[tuple[str, str, str]] = Counter()
    times: dict[str, int] = {}
    for line in path.read_text("ascii").splitlines():
        try:
            time_ms, hospital, quantities = json.loads(line)
        except ValueError:
            continue
        day = datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d")
        times[day] = max(time_ms, times.get(day, 0))
        for meter, quantity in quantities.items():
            sums[hospital, meter, day] += quantity
    return [
        MeterFact(hospital, meter, f"{day}|{path.stem}", quantity, times[day], KIND, subject=day)
        for (hospital, meter, day), quantity in sorted(sums.items())
    ]


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Whether nobody else has the file; it is ours within."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        yield _is_ours(descriptor) and path.exists()
    finally:
        os.close(descriptor)


def _is_ours(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
