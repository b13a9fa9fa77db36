"""Brings the roll-ups of every hospital up to date and sends budget alerts, hourly; repeating it does no harm."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib import wiring, wiring_cost
from chalicelib.billing.cost.roll_up import roll_up

PARIS = ZoneInfo("Europe/Paris")

logger = wiring.logger("roll-up")


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Roll up; how many months of hospitals changed."""
    now = datetime.now(UTC)
    names = {hospital.hospital_id: hospital.name for hospital in wiring.registry().hospitals()}
    made = roll_up(wiring_cost.roll_up_parts(), names, now.astimezone(PARIS).date(), now.isoformat(timespec="seconds"))
    logger.info("rolled up", extra={"months": made})
    return {"months": made}
