"""Draws the sheet that is handed over with a patient's code; it may read and write nothing.

The event holds the fields of `access.patient_sheet.Sheet`, the answer is {"pdf": base64}. Neither is logged or kept.
"""

from __future__ import annotations

import base64

from chalicelib import wiring
from chalicelib.access.patient_sheet import Sheet, pdf

logger = wiring.logger("patient-sheet")


def handler(event: dict[str, str], context: object) -> dict[str, str]:
    """Draw one sheet."""
    drawn = pdf(Sheet(**event))
    logger.info("patient sheet", extra={"size_bytes": len(drawn)})
    return {"pdf": base64.b64encode(drawn).decode("ascii")}
