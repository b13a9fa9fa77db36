"""Seals the audit trail of every hospital and of the region, every five minutes; anchors the heads once a day.

The event {"verify": "new"}, once a day, has every chain verified since its last anchor; {"verify": "all"} from its
beginning. What is wrong is logged, kept for the privacy officer's page, and fails the run.

A repeated or concurrent event does no harm: a block is written behind the head that it follows, or not at all.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib import wiring
from chalicelib.access.audit import REGION
from chalicelib.access.audit_blocks import anchor_of, seal
from chalicelib.access.audit_search import DAY_MS
from chalicelib.access.audit_verification import verify
from chalicelib.errors import ArchiveError, Unavailable

RUN_S = 500
"""Longest that one run goes on; the next one takes the rest."""

logger = wiring.logger("audit")


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Seal what was recorded; return how many blocks and events each.

    Raises
    ------
    errors.Unavailable
        If a chain could not be sealed; the others were.
    """
    if event.get("verify"):
        return _verify(is_full=event["verify"] == "all")
    deadline = time.monotonic() + RUN_S
    store = wiring.audit_blocks()
    chains = [hospital.hospital_id for hospital in wiring.registry().hospitals()] + [REGION]
    blocks = events = failed = 0
    for chain in chains:
        try:
            while time.monotonic() < deadline and (block := seal(store, chain, int(time.time() * 1000))):
                blocks += 1
                events += block.count
        except ArchiveError as error:
            failed += 1
            logger.error("chain not sealed", extra={"chain": chain, "error": type(error).__name__})
    yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%d")
    if store.anchor(yesterday) is None:
        store.put_anchor(yesterday, anchor_of(store, chains, yesterday, int(time.time() * 1000)))
    logger.info("sealed", extra={"blocks": blocks, "events": events, "failed": failed})
    if failed:
        raise Unavailable("Some chains were not sealed.")
    return {"blocks": blocks, "events": events}


def _verify(*, is_full: bool) -> dict[str, int]:
    """Verify every chain; raise `errors.Unavailable` if one is wrong or cannot be read, after the others."""
    store, now_ms = wiring.audit_blocks(), int(time.time() * 1000)
    forgotten_before_ms = now_ms - wiring.settings().audit_retention_years * 365.25 * DAY_MS
    chains = [hospital.hospital_id for hospital in wiring.registry().hospitals()] + [REGION]
    wrong = 0
    for chain in chains:
        try:
            found = verify(store, wiring.audit_verifications(), chain, now_ms, forgotten_before_ms, is_full=is_full)
        except ArchiveError as error:
            wrong += 1
            logger.error("chain not verified", extra={"chain": chain, "error": type(error).__name__})
            continue
        if found.problems:
            wrong += 1
            logger.error("chain is wrong", extra={"chain": chain, "problems": len(found.problems)})
    logger.info("verified", extra={"chains": len(chains), "wrong": wrong})
    if wrong:
        raise Unavailable("Some chains are wrong, or could not be verified.")
    return {"chains": len(chains)}
