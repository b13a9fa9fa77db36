"""Several processes on one port: the first one accepts and hands each connection to the process with the fewest.

Python runs one thread of a process at a time; associations of different processes run side by side. The descriptor of
a connection travels over a Unix socket (SCM_RIGHTS), so that the distribution is even and the limit of associations
counts all of them. When a process dies, its associations end and it is started anew.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import Any

from aws_lambda_powertools import Logger

from chalicelib.settings import Settings

ADMIT, REFUSE, REPORT, STOP = b"c", b"f", b"r", b"s"
"""What the first process says to another; a descriptor follows the first two."""
READY, ENDED, REFUSAL_ENDED = "+", "-", "~"
"""What a process answers, a line each; a report is a line of JSON."""
START_TIMEOUT_S = 60.0
REPORT_TIMEOUT_S = 5.0
RESTART_AFTER_S = 1.0
ACCEPT_TIMEOUT_S = 0.1


class Worker:
    """One process, as the first process sees it. It may be replaced by a new one when it dies."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger
        self._lock = threading.Lock()
        self._counting = threading.Lock()
        self._reports: queue.Queue[dict[str, int]] = queue.Queue()
        self._stopping = False
        self.ready = threading.Event()
        self.associations = 0
        self.refusals = 0
        self.total: Counter[str] = Counter()
        """Counts of predecessors that died, as far as they were reported."""
        self._last: dict[str, int] = {}
        self._start()

    def _start(self) -> None:
        own, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        descriptor = theirs.fileno()
        self._control = own
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scp_fargate", "--worker", str(descriptor)], pass_fds=(descriptor,)
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
            self.associations = self.refusals = 0
            self.total.update(self._last)
            self._last = {}
        time.sleep(RESTART_AFTER_S)
        with self._lock:
            if not self._stopping:
                self._start()

    def _heard(self, line: str) -> None:
        if line == READY:
            self.ready.set()
        elif line == ENDED:
            self._count(-1, 0)
        elif line == REFUSAL_ENDED:
            self._count(0, -1)
        else:
            self._last = json.loads(line)
            self._reports.put(self._last)

    def give(self, connection: socket.socket, admit: bool) -> bool:
        """Hand over a connection; False where the process is gone."""
        try:
            socket.send_fds(self._control, [ADMIT if admit else REFUSE], [connection.fileno()])
        except OSError:
            return False
        self._count(int(admit), int(not admit))
        return True

    def _count(self, associations: int, refusals: int) -> None:
        with self._counting:
            self.associations += associations
            self.refusals += refusals

    def report(self) -> Counter[str]:
        """Its counts, with those of its predecessors."""
        with self._lock:
            if not self.ready.is_set():
                return Counter(self.total) + Counter(self._last)
            while not self._reports.empty():
                self._reports.get()
            try:
                self._control.sendall(REPORT)
                now = self._reports.get(timeout=REPORT_TIMEOUT_S)
            except (OSError, queue.Empty):
                now = self._last
            return Counter(self.total) + Counter(now)

    def stop(self) -> None:
        """Ask it to finish."""
        self._stopping = True
        try:
            self._control.sendall(STOP)
        except OSError:
            return


class Processes:
    """Accepts connections, and distributes them. Takes the part of `RunningEntity` in the first process."""

    def __init__(self, settings: Settings, count: int, logger: Logger) -> None:
        """Listen.

        Raises
        ------
        OSError
            If the port is in use.
        """
        self._maximum_associations = settings.maximum_associations
        self._logger = logger
        self._listening = socket.create_server((settings.dicom_host, settings.dicom_port), backlog=128)
        self._listening.settimeout(ACCEPT_TIMEOUT_S)
        self._started = time.monotonic()
        self._workers = [Worker(logger) for _ in range(count)]
        for worker in self._workers:
            if not worker.ready.wait(START_TIMEOUT_S):
                raise RuntimeError("An ingest process does not start.")
        self._stopping = False
        self._accepting = threading.Thread(target=self._accept, name="listener", daemon=True)
        self._accepting.start()

    @property
    def port(self) -> int:
        """Port that it listens on."""
        return int(self._listening.getsockname()[1])

    def report(self) -> dict[str, int]:
        """Counts of all processes together."""
        total: Counter[str] = Counter()
        for worker in self._workers:
            total += worker.report()
        return {
            **total,
            "uptime_s": int(time.monotonic() - self._started),
            "associations": sum(worker.associations for worker in self._workers),
            "processes": sum(worker.ready.is_set() for worker in self._workers),
        }

    def stop(self, grace_s: float) -> None:
        """Take no new association; let open ones finish within the grace period, then end them."""
        self._stopping = True
        self._accepting.join()
        self._listening.close()
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
            try:
                connection, _ = self._listening.accept()
            except TimeoutError:
                continue
            except OSError as error:
                # Out of descriptors, for example: the connections that are open go on.
                self._logger.error("cannot accept", extra={"reason": error.strerror})
                time.sleep(ACCEPT_TIMEOUT_S)
                continue
            with connection:
                self._give(connection)

    def _give(self, connection: socket.socket) -> None:
        admit = sum(worker.associations for worker in self._workers) < self._maximum_associations
        if not admit and sum(worker.refusals for worker in self._workers) >= self._maximum_associations:
            # Nobody waits for so many polite answers.
            return
        for worker in sorted(self._workers, key=lambda worker: worker.associations + worker.refusals):
            if worker.ready.is_set() and worker.give(connection, admit):
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

    def next(self) -> tuple[bytes, int]:
        """What comes next: ADMIT or REFUSE with a descriptor, REPORT, STOP; `b""` when the first process is gone."""
        message, descriptors, _, _ = socket.recv_fds(self._socket, 1, 1)
        return message, descriptors[0] if descriptors else -1

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
