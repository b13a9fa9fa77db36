"""Issues the invoices of a month: on its first day of the next month for every hospital, or when an operator asks.

The event is {"period": "YYYY-MM", "hospital": id}, both optional: last month, every hospital; or {"hospital": id,
"dispute": id} for the credit note of an accepted dispute. Credit notes that a crash left out are made by the monthly
event. Documents are written below `invoices/{hospital}/{number}/` after the invoice is issued; a repeated event writes
those that are missing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib import wiring, wiring_billing, wiring_meters
from chalicelib.billing import invoice_documents
from chalicelib.billing.crediting import credit
from chalicelib.billing.disputes import State
from chalicelib.billing.invoice import Invoice, document_key
from chalicelib.billing.invoicing import issue
from chalicelib.billing.ledger import Line
from chalicelib.errors import ArchiveError, NotFound

MOST_DETAILED_LINES = 1_000_000
"""Rows that a worksheet can hold, nearly."""
PARIS = ZoneInfo("Europe/Paris")

logger = wiring.logger("invoices")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Issue, and answer what became of each hospital: a number, `nothing`, or the reason why there is no invoice."""
    today = datetime.now(UTC).astimezone(PARIS).date()
    period = event.get("period") or (today.replace(day=1) - timedelta(days=1)).strftime("%Y-%m")
    named = event.get("hospital")
    hospitals = [named] if named else [hospital.hospital_id for hospital in wiring.registry().hospitals()]
    outcomes: dict[str, dict[str, str]] = {}
    for hospital in hospitals:
        try:
            if event.get("dispute"):
                number = _credit(hospital, event["dispute"], today)
            else:
                number = _invoice(hospital, period, today)
            outcomes[hospital] = {"number": number}
        except ArchiveError as error:
            outcomes[hospital] = {"error": type(error).__name__, "message": str(error)}
        outcome = outcomes[hospital].get("error") or outcomes[hospital]["number"] or "nothing"
        logger.info("invoice", extra={"hospital": hospital, "period": period, "outcome": outcome})
    return {"period": period, "hospitals": outcomes}


def _invoice(hospital: str, period: str, today: date) -> str:
    for dispute in wiring_billing.disputes().of_hospital(hospital):
        if dispute.state is State.ACCEPTED:
            write_documents(credit(wiring.ledger(), wiring.invoices(), dispute, today))
    invoice = issue(wiring_meters.metered_ledger(), wiring.accounts(), wiring.invoices(), hospital, period, today)
    if invoice is None:
        return ""
    write_documents(invoice)
    return invoice.number


def _credit(hospital: str, dispute_id: str, today: date) -> str:
    dispute = wiring_billing.disputes().dispute(hospital, dispute_id)
    if dispute is None:
        raise NotFound("There is no such dispute.")
    note = credit(wiring.ledger(), wiring.invoices(), dispute, today)
    write_documents(note)
    return note.number


def write_documents(invoice: Invoice) -> None:
    """Write the documents of an invoice that are not there yet."""
    objects = wiring.object_store()
    for name, content_type in invoice.documents.items():
        key = document_key(invoice, name)
        if objects.head(key) is None:
            objects.put_if_absent(key, _DOCUMENT[name](invoice), content_type, {})


def _lines(invoice: Invoice) -> list[Line]:
    first, last = wiring.ledger().period(invoice.hospital, invoice.period) or (1, 0)
    return list(islice(wiring.ledger().lines(invoice.hospital, first - 1, last), MOST_DETAILED_LINES))


_DOCUMENT: dict[str, Callable[[Invoice], bytes]] = {
    "facture.pdf": invoice_documents.factur_x,
    "facture-ubl.xml": invoice_documents.ubl_xml,
    "avoir.pdf": invoice_documents.factur_x,
    "avoir-ubl.xml": invoice_documents.ubl_xml,
    "detail.csv": lambda invoice: invoice_documents.detail_csv(invoice, _lines(invoice)),
    "detail.xlsx": lambda invoice: invoice_documents.detail_xlsx(invoice, _lines(invoice)),
}
