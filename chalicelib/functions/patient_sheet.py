"""Draws the sheets that are handed over: that of a code, and a list of one-time codes; it may read and write nothing.

The event holds the fields of `access.patient_sheet.Sheet`, or with "codes" of `access.printed_codes_sheet.Sheet`; the
answer is {"pdf": base64}. Neither is logged or kept.
"""

from __future__ import annotations

import base64

from chalicelib import wiring
from chalicelib.access import patient_sheet, printed_codes_sheet

logger = wiring.logger("patient-sheet")


def handler(event: dict[str, str], context: object) -> dict[str, str]:
    """Draw one sheet."""
    sheets = printed_codes_sheet if "codes" in event else patient_sheet
    drawn = sheets.pdf(sheets.Sheet(**event))
    logger.info("patient sheet", extra={"size_bytes": len(drawn)})
    return {"pdf": base64.b64encode(drawn).decode("ascii")}
