"""Once a day: what every hospital has stored becomes a fact, sealed facts and lines become Parquet.

A repeated event does no harm: both are done for the days that are over, where it was not done before.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from chalicelib import wiring, wiring_meters
from chalicelib.billing.fact_blocks import paris_day
from chalicelib.billing.fact_export import export_days
from chalicelib.billing.line_export import export_lines
from chalicelib.billing.stored_bytes import record_byte_days
from chalicelib.errors import ArchiveError, Unavailable

logger = wiring.logger("meters")


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Record byte-days, export; return how many facts and files.

    Raises
    ------
    errors.Unavailable
        If it could not be done for a hospital; it was for the others.
    """
    store, exports = wiring_meters.facts(), wiring_meters.fact_exports()
    now, today = datetime.now(UTC), paris_day(int(time.time() * 1000))
    facts = files = failed = 0
    for hospital in wiring.registry().hospitals():
        try:
            facts += record_byte_days(store, store, hospital.hospital_id, now)
            files += len(export_days(store, exports, hospital.hospital_id, today))
            files += len(export_lines(wiring.ledger(), wiring_meters.line_exports(), hospital.hospital_id, today))
        except ArchiveError as error:
            failed += 1
            logger.error("not exported", extra={"hospital": hospital.hospital_id, "error": type(error).__name__})
    logger.info("exported", extra={"byte_days": facts, "files": files, "failed": failed})
    if failed:
        raise Unavailable("The facts of some hospitals were not exported.")
    return {"byte_days": facts, "files": files}
