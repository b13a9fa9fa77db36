"""A request has the queue of responses for itself."""

from __future__ import annotations

import threading
import time
from typing import cast

import pytest
from pynetdicom.association import Association

from scp_fargate.reactor_checkpoint import ReactorCheckpoint


class Loop:
    """What pynetdicom's `Association._run_reactor` does with its checkpoint."""

    def __init__(self) -> None:
        self._is_paused = False
        self.checkpoint = ReactorCheckpoint(cast(Association, self))
        self.rounds = 0
        self.ended = False

    def run(self) -> None:
        while not self.ended:
            self._is_paused = True
            self.checkpoint.wait()
            self._is_paused = False
            self.rounds += 1


@pytest.fixture
def loop() -> Loop:
    return Loop()


def test_the_loop_stands_still_from_pause_to_set(loop: Loop) -> None:
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        for _ in range(2_000):
            loop.checkpoint.clear()
            while not loop._is_paused:
                time.sleep(0.0001)
            before = loop.rounds
            time.sleep(0.0001)
            assert loop.rounds == before
            loop.checkpoint.set()
    finally:
        loop.ended = True
        loop.checkpoint.set()
        thread.join(5)
    assert not thread.is_alive()
    assert loop.rounds > 100


def test_waiting_ends_after_a_while(loop: Loop) -> None:
    loop.checkpoint.clear()
    assert not loop.checkpoint.is_set()
    assert loop.checkpoint.wait(0.01) is False
    loop.checkpoint.set()
    assert loop.checkpoint.wait(0.01) is True
