"""Keeps pynetdicom's own loop from taking the response that a request of ours waits for.

`Association.send_c_store()` and its like clear a `threading.Event` and go on once the association's loop says that it
is paused. The loop still says so in the moment between being woken and running, so that, now and then, it runs beside
the request, takes its response off the queue and drops it ("Received unexpected C-STORE service message"); the request
waits in vain until it times out. Here waking and saying so are one step.
"""

from __future__ import annotations

import threading

from pynetdicom import evt
from pynetdicom.association import Association


class ReactorCheckpoint(threading.Event):
    """Where the loop of an association waits, and stops saying that it is paused as it leaves."""

    def __init__(self, association: Association) -> None:
        super().__init__()
        self._association = association
        self._open = True
        self._changed = threading.Condition()

    def is_set(self) -> bool:
        """Whether the loop may run."""
        return self._open

    def set(self) -> None:
        """Let the loop run."""
        with self._changed:
            self._open = True
            self._changed.notify_all()

    def clear(self) -> None:
        """Have the loop wait; once its association says that it is paused, it is."""
        with self._changed:
            self._open = False

    def wait(self, timeout: float | None = None) -> bool:
        """Called by the loop alone."""
        with self._changed:
            may_run = self._changed.wait_for(self.is_set, timeout)
            self._association._is_paused = not may_run
            return may_run


def keep_responses(event: evt.Event) -> None:
    """Handler of `evt.EVT_CONN_OPEN` for an association that we request; the loop does not run yet then."""
    event.assoc._reactor_checkpoint = ReactorCheckpoint(event.assoc)
