"""Several processes on one port: the first one accepts and hands each connection to the process with the fewest.

Python runs one thread of a process at a time; associations of different processes run side by side. The descriptor of
a connection travels over a Unix socket (SCM_RIGHTS), so that the distribution is even and the limit of associations
counts all of them. When a process dies, its associations end and it is started anew.
"""

from __future__ import annotations

import itertools
import json
import os
import queue
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import IO, Any

from aws_lambda_powertools import Logger

from chalicelib.settings import Settings
from scp_fargate.limits import Connections, Limits, Verdict
from scp_fargate.unnamed_file import unnamed_file

REPORT, STOP = b"r", b"s"
CONNECTIONS = b"cfCF"
"""A descriptor comes with these, and the number of the connection; c: to be admitted, f: to be refused."""
ADMIT, SECURED = b"cC", b"CF"
MESSAGE = struct.Struct(">cL")
"""What the first process says to another."""
READY, ENDED = "+", "-"
"""What a process answers, a line each, ENDED with the number of a connection; a report is a line of JSON."""
START_TIMEOUT_S = 60.0
REPORT_TIMEOUT_S = 5.0
RESTART_AFTER_S = 1.0
ACCEPT_TIMEOUT_S = 0.1


class Worker:
    """One process, as the first process sees it. It may be replaced by a new one when it dies."""

    def __init__(self, logger: Logger, slots: IO[bytes]) -> None:
        self._logger = logger
        self._slots = slots
        self._lock = threading.Lock()
        self._reports: queue.Queue[dict[str, int]] = queue.Queue()
        self._stopping = False
        self.ready = threading.Event()
        self.connections = Connections()
        self._numbers = itertools.count()
        self._given: dict[int, tuple[str, bool]] = {}
        """Connections that have not ended, by number: from where, whether to be admitted."""
        self.total: Counter[str] = Counter()
        """Counts of predecessors that died, as far as they were reported."""
        self._last: dict[str, int] = {}
        self._start()

    def _start(self) -> None:
        own, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        descriptor = theirs.fileno()
        self._control = own
        descriptors = (descriptor, self._slots.fileno())
        self.process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-m", "scp_fargate", "--worker", *map(str, descriptors)], pass_fds=descriptors
        )
        theirs.close()
        threading.Thread(target=self._listen, args=(own,), name="worker", daemon=True).start()

    def _listen(self, control: socket.socket) -> None:
        # A process that is killed before it read everything resets the connection.
        with suppress(OSError), control.makefile("r", encoding="ascii") as lines:
            for line in lines:
                self._heard(line.strip())
        self.ready.clear()
        status = self.process.wait()
        # Whoever waits for a report has the last one there will be.
        self._reports.put(self._last)
        if self._stopping:
            return
        self._logger.error("ingest process died", extra={"exit_status": status})
        with self._lock:
            control.close()
            self._given.clear()
            self.connections.clear()
            self.total.update(self._last)
            self._last = {}
        time.sleep(RESTART_AFTER_S)
        with self._lock:
            if not self._stopping:
                self._start()

    def _heard(self, line: str) -> None:
        if line == READY:
            self.ready.set()
        elif line.startswith(ENDED):
            self._ended(int(line.removeprefix(ENDED)))
        else:
            self._last = json.loads(line)
            self._reports.put(self._last)

    def give(self, connection: socket.socket, address: str, admit: bool, secured: bool) -> bool:
        """Hand over a connection; False where the process is gone."""
        kind = b"c" if admit else b"f"
        number = next(self._numbers) & 0xFFFFFFFF
        self._given[number] = (address, admit)
        self.connections.begin(address, admit)
        try:
            message = MESSAGE.pack(kind.upper() if secured else kind, number)
            socket.send_fds(self._control, [message], [connection.fileno()])
        except OSError:
            self._ended(number)
            return False
        return True

    def _ended(self, number: int) -> None:
        given = self._given.pop(number, None)
        if given:
            self.connections.end(*given)

    def load(self) -> int:
        """How many connections it has."""
        return len(self._given)

    def report(self) -> Counter[str]:
        """Its counts, with those of its predecessors."""
        with self._lock:
            if not self.ready.is_set():
                return Counter(self.total) + Counter(self._last)
            while not self._reports.empty():
                self._reports.get()
            try:
                self._control.sendall(MESSAGE.pack(REPORT, 0))
                now = self._reports.get(timeout=REPORT_TIMEOUT_S)
            except (OSError, queue.Empty):
                now = self._last
            return Counter(self.total) + Counter(now)

    def stop(self) -> None:
        """Ask it to finish."""
        self._stopping = True
        try:
            self._control.sendall(MESSAGE.pack(STOP, 0))
        except OSError:
            return


class Processes:
    """Accepts connections, and distributes them. Takes the part of `RunningEntity` in the first process."""

    def __init__(self, settings: Settings, count: int, has_tls: bool, logger: Logger) -> None:
        """Listen.

        Raises
        ------
        OSError
            If a port is in use.
        """
        self._limits = Limits(settings)
        self._logger = logger
        self._listening: dict[socket.socket, bool] = {}
        """And whether TLS is spoken there."""
        for port, secured in ((settings.dicom_port, False), (settings.dicom_tls_port if has_tls else 0, True)):
            if port:
                listening = socket.create_server((settings.dicom_host, port), backlog=128)
                listening.setblocking(False)
                self._listening[listening] = secured
        self._dropped = 0
        self._started = time.monotonic()
        slots = unnamed_file()
        self._workers = [Worker(logger, slots) for _ in range(count)]
        for worker in self._workers:
            if not worker.ready.wait(START_TIMEOUT_S):
                raise RuntimeError("An ingest process does not start.")
        self._stopping = False
        self._accepting = threading.Thread(target=self._accept, name="listener", daemon=True)
        self._accepting.start()

    def report(self) -> dict[str, int]:
        """Counts of all processes together."""
        total: Counter[str] = Counter()
        for worker in self._workers:
            total += worker.report()
        return {
            **total,
            "uptime_s": int(time.monotonic() - self._started),
            "associations": sum(worker.connections.count() for worker in self._workers),
            "connections_dropped": self._dropped,
            "processes": sum(worker.ready.is_set() for worker in self._workers),
        }

    def stop(self, grace_s: float) -> None:
        """Take no new association; let open ones finish within the grace period, then end them."""
        self._stopping = True
        self._accepting.join()
        for listening in self._listening:
            listening.close()
        for worker in self._workers:
            worker.stop()
        deadline = time.monotonic() + grace_s + 5
        for worker in self._workers:
            try:
                worker.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()

    def _accept(self) -> None:
        while not self._stopping:
            ready, _, _ = select.select(self._listening, [], [], ACCEPT_TIMEOUT_S)
            for listening in ready:
                try:
                    connection, address = listening.accept()
                except BlockingIOError:
                    continue
                except OSError as error:
                    # Out of descriptors, for example: the connections that are open go on.
                    self._logger.error("cannot accept", extra={"reason": error.strerror})
                    time.sleep(ACCEPT_TIMEOUT_S)
                    continue
                with connection:
                    connection.setblocking(True)
                    self._give(connection, str(address[0]), self._listening[listening])

    def _give(self, connection: socket.socket, address: str, secured: bool) -> None:
        verdict = self._limits.judge(address, [worker.connections for worker in self._workers])
        if verdict is Verdict.DROP:
            self._dropped += 1
            return
        for worker in sorted(self._workers, key=Worker.load):
            if worker.ready.is_set() and worker.give(connection, address, verdict is Verdict.ADMIT, secured):
                return
        self._logger.error("no ingest process takes the connection")


class Control:
    """The other end: how one of the processes hears of connections, and tells what becomes of them."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        os.set_inheritable(descriptor, False)
        self._lock = threading.Lock()
        for number in (signal.SIGINT, signal.SIGTERM):
            # The first process says when to stop.
            signal.signal(number, signal.SIG_IGN)

    def next(self) -> tuple[bytes, int, int]:
        """What comes next: one of CONNECTIONS with its number and descriptor, REPORT, STOP; `b""` at the end."""
        message, descriptors, _, _ = socket.recv_fds(self._socket, MESSAGE.size, 1)
        if len(message) < MESSAGE.size:
            return b"", 0, -1
        kind, number = MESSAGE.unpack(message)
        return kind, number, descriptors[0] if descriptors else -1

    def close(self) -> None:
        """Make `next` return `b""`."""
        self._socket.shutdown(socket.SHUT_RDWR)

    def tell(self, what: str | dict[str, Any]) -> None:
        """Send a line; nobody listens any more when the first process is gone."""
        line = what if isinstance(what, str) else json.dumps(what)
        with self._lock:
            try:
                self._socket.sendall(line.encode() + b"\n")
            except OSError:
                return
