"""Credit notes: what an accepted dispute gives back, by the price list of the invoice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date

from chalicelib.billing.adjusting import Kind, charged, difference, usages
from chalicelib.billing.disputes import Dispute, State
from chalicelib.billing.invoice import CREDIT_NOTE, Correction, Cover, Invoice
from chalicelib.billing.invoicing import Invoices, numbered
from chalicelib.billing.ledger import Ledger, modality_values
from chalicelib.billing.rating import rate, rated
from chalicelib.errors import Conflict, NotFound


def credit(ledger: Ledger, invoices: Invoices, dispute: Dispute, today: date) -> Invoice:
    """The credit note of an accepted dispute, issued today unless it was before. Safe to repeat, as `issue`.

    Raises
    ------
    errors.Conflict
        If the dispute was not accepted.
    errors.NotFound
        If there is no such invoice.
    errors.Unavailable
        If others kept taking numbers, or a service does not answer.
    """
    if dispute.state is not State.ACCEPTED:
        raise Conflict("The dispute was not accepted.")

    def draft(documents: list[Invoice], number: str) -> Invoice:
        original = next((each for each in documents if each.number == dispute.invoice), None)
        if original is None:
            raise NotFound("There is no such invoice.")
        before, prices = charged(ledger, documents, dispute.hospital, dispute.origin)
        given_back: Counter[Kind] = Counter({(dispute.event, modality_values(dispute.modalities)): 1})
        lines = difference(rate(usages(before - given_back), prices), rate(usages(before), prices))
        detail = f"Demande {dispute.accession_number}, {dispute.origin}, facture {original.number}"
        rating = rated(prices.version, [replace(line, period=dispute.origin, detail=detail) for line in lines])
        return replace(
            original,
            number=number,
            issued_on=today,
            rating=rating,
            covers=(Cover(dispute.origin, prices.version, usages(given_back)),),
            corrects=Correction(original.number, original.issued_on, dispute.dispute_id, dispute.accession_number),
        )

    made = numbered(
        invoices,
        dispute.hospital,
        CREDIT_NOTE,
        today,
        draft,
        lambda each: each.corrects is not None and each.corrects.dispute == dispute.dispute_id,
    )
    if made is None:
        raise NotFound("There is no such invoice.")
    return made
