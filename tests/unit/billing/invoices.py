"""Invoices for tests."""

from __future__ import annotations

from datetime import date

from chalicelib.billing.invoice import Account, Invoice, Party, Seller
from chalicelib.billing.ledger import EXAM_ARCHIVED, Usage
from chalicelib.billing.price_list import in_force
from chalicelib.billing.rating import rate

SELLER = Seller(
    "Groupement d'imagerie <test> & fils",
    "73282932000074",
    "1 rue de la Radiologie",
    "75013",
    "Paris",
    "FR44732829320",
    legal_form="Groupement de coopération sanitaire",
    iban="FR7630006000011234567890189",
    bic="AGRIFRPP",
)
BUYER = Party("Hôpital Nord", "21590350100017", "2 avenue du Nord", "59000", "Lille")
PUBLIC = Account(BUYER, True, "RADIO-01", "ENG-2026-17")


def invoice(usages: list[Usage] | None = None, account: Account = PUBLIC, **changes: object) -> Invoice:
    """An invoice of October 2026."""
    exams = usages or [Usage(EXAM_ARCHIVED, ("CT", "SR"), 2500), Usage(EXAM_ARCHIVED, ("US",), 31)]
    rating = rate(exams, in_force("2026-10", "hopital-nord"))
    values = {
        "number": "SF2026-000001",
        "hospital": "hopital-nord",
        "period": "2026-10",
        "issued_on": date(2026, 11, 2),
    }
    return Invoice(**{**values, "rating": rating, "seller": SELLER, "account": account, **changes})  # type: ignore[arg-type]
