"""The demonstration region's patients and exams, sent as modalities would send them (not product code)."""

from __future__ import annotations

from pathlib import Path

from localstack.demo.region_exams import CONTACTS, GP_PATIENTS

__all__ = ["CONTACTS", "GP_PATIENTS", "load"]


def load(host: str, port: int, state_dir: Path) -> int:
    """Send every demonstration exam that was not yet accepted; return the number of instances sent.

    Raises
    ------
    localstack.demo.send.NotSent
        If the archive refuses an instance or cannot be reached.
    """
    from localstack.demo.send import send_region

    return send_region(host, port, Path(state_dir))
