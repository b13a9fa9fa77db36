"""Byte-days: what a hospital had stored at the end of a day, a fact a day and storage class (docs/adr/0030)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from chalicelib.billing.fact_blocks import FactBlocks, last_block_until
from chalicelib.billing.facts import BYTE_DAYS, BYTES_IN, STANDARD, FactStore, MeterFact

CATCH_UP_DAYS = 31
"""A run records the days that earlier ones missed, as long ago."""


def record_byte_days(facts: FactStore, blocks: FactBlocks, hospital: str, now: datetime) -> int:
    """Record the days (UTC) that are over; return how many were new. Safe to repeat.

    What was stored at the end of a day is the chain's sum of bytes in then: it never changes afterwards.
    """
    today = now.astimezone(UTC).date()
    days = (today - timedelta(days=ago) for ago in range(1, CATCH_UP_DAYS + 1))
    return sum(_record(facts, blocks, hospital, day) for day in days)


def _record(facts: FactStore, blocks: FactBlocks, hospital: str, day: date) -> bool:
    end_ms = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000) + 86_400_000 - 1
    name = day.isoformat()
    fact = MeterFact(hospital, BYTE_DAYS, name, 0, end_ms, STANDARD, subject=name)
    if facts.event(fact.fact_id) is not None:
        return False
    block = last_block_until(blocks, hospital, end_ms)
    stored = block.running.get(BYTES_IN, 0) if block else 0
    return stored > 0 and facts.record(MeterFact(**{**vars(fact), "quantity": stored}))
