"""Seals the metered facts of every hospital into blocks, every five minutes (docs/adr/0030).

A repeated or concurrent event does no harm: a block is written behind the head that it follows, or not at all.
"""

from __future__ import annotations

import time
from typing import Any

from chalicelib import wiring, wiring_meters
from chalicelib.billing.fact_blocks import seal
from chalicelib.errors import ArchiveError, Unavailable

RUN_S = 500
"""Longest that one run goes on; the next one takes the rest."""

logger = wiring.logger("meters")


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Seal what was recorded; return how many blocks and facts.

    Raises
    ------
    errors.Unavailable
        If a chain could not be sealed; the others were.
    """
    deadline = time.monotonic() + RUN_S
    store = wiring_meters.facts()
    blocks = facts = failed = 0
    for hospital in wiring.registry().hospitals():
        try:
            while time.monotonic() < deadline:
                block = seal(store, hospital.hospital_id, int(time.time() * 1000))
                if block is None:
                    break
                blocks += 1
                facts += block.count
        except ArchiveError as error:
            failed += 1
            logger.error("facts not sealed", extra={"hospital": hospital.hospital_id, "error": type(error).__name__})
    logger.info("sealed", extra={"blocks": blocks, "facts": facts, "failed": failed})
    if failed:
        raise Unavailable("Some chains were not sealed.")
    return {"blocks": blocks, "facts": facts}
