"""Child processes: each leads a process group of its own, is restarted when it dies, and is stopped for certain."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from localstack.local_settings import SetupFailure

KILL_AFTER_S = 30
RESTARTS_ALLOWED, RESTART_WINDOW_S = 5, 60
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """Runs in the child: on Linux it is told to stop if this process is killed."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """A service that runs as long as the platform does."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: dict[str, str],
        log: Path,
        cwd: Path,
        before_start: Callable[[], None] | None = None,
        after_restart: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.name = name
        self.on_start: Callable[[], None] = lambda: None
        self._command = command
        self._environment = environment
        self._log = log
        self._cwd = cwd
        self._before_start = before_start
        self._after_restart = after_restart
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Process id, 0 when it does not run."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process else 0

    async def start(self) -> None:
        """Start the process."""
        if self._before_start is not None:
            self._before_start()
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                env=self._environment,
                cwd=self._cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )

    async def keep_running(self) -> None:
        """Restart the process whenever it ends, until cancelled.

        Raises
        ------
        SetupFailure
            If it ends again and again.
        """
        ended_at: list[float] = []
        while self._process is not None:
            status = await self._process.wait()
            self._kill_group(signal.SIGKILL)  # what it started must not outlive it
            ended_at = [moment for moment in ended_at if time.monotonic() - moment < RESTART_WINDOW_S]
            ended_at.append(time.monotonic())
            if len(ended_at) > RESTARTS_ALLOWED:
                raise SetupFailure(f"The {self.name} ended {len(ended_at)} times in a minute; see {self._log}.")
            print(f"The {self.name} ended with status {status}; starting it again.", flush=True)
            await asyncio.sleep(0.2 * 2 ** len(ended_at))
            await self.start()
            self.on_start()
            if self._after_restart is not None:
                await self._after_restart()

    async def stop(self) -> None:
        """Ask the process to stop, and make sure that it and what it started did."""
        if self._process is None:
            return
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), KILL_AFTER_S)
            except TimeoutError:
                print(f"The {self.name} did not stop within {KILL_AFTER_S} s and is killed.", flush=True)
                self._kill_group(signal.SIGKILL)
                await self._process.wait()
        self._kill_group(signal.SIGKILL)

    def last_lines(self, count: int = 5) -> str:
        """End of its log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-count:]) if self._log.exists() else ""

    def _kill_group(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)


async def run_to_end(command: Sequence[str], environment: dict[str, str], log: Path, cwd: Path, failure: str) -> None:
    """Run a command to its end, its output appended to a log; stop it when cancelled.

    Raises
    ------
    SetupFailure
        With `failure` and the end of its output, if it fails.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    start = log.stat().st_size if log.exists() else 0
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environment,
            cwd=cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
    try:
        status = await process.wait()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), KILL_AFTER_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        raise
    if status:
        tail = log.read_bytes()[start:].decode(errors="replace").strip().splitlines()[-12:]
        raise SetupFailure(f"{failure} (exit status {status}, log in {log}):\n" + "\n".join(tail))
