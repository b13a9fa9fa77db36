"""Invoices: what a closed month becomes, in the terms of EN 16931 (BT and BG numbers)."""

from __future__ import annotations

import json
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from chalicelib.billing.ledger import Usage
from chalicelib.billing.rating import RatedLine, Rating, Vat

INVOICE, CREDIT_NOTE = "380", "381"
"""Codes of UNTDID 1001 (BT-3)."""
PUBLIC_TERM_DAYS, PRIVATE_TERM_DAYS = 50, 30
"""Payment terms of public health establishments and of everybody else (Code de la commande publique, R2192-11)."""
NOTES = (
    ("PMT", "Indemnité forfaitaire pour frais de recouvrement en cas de retard de paiement : 40 €."),
    ("PMD", "Pénalités de retard : taux directeur de la BCE majoré de huit points de pourcentage."),
    ("AAB", "Aucun escompte n'est accordé pour paiement anticipé."),
)
"""Mentions that French invoices must carry (Code de commerce, L441-9 and L441-10)."""


SERIES = {INVOICE: "SF", CREDIT_NOTE: "AV"}
"""First letters of the numbers of each kind: each counts without gaps on its own."""
DOCUMENTS: dict[str, str] = {
    "facture.pdf": "application/pdf",
    "facture-ubl.xml": "application/xml",
    "detail.csv": "text/csv; charset=utf-8",
    "detail.xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""Documents of an invoice and their media types."""
CREDIT_DOCUMENTS: dict[str, str] = {"avoir.pdf": "application/pdf", "avoir-ubl.xml": "application/xml"}
"""Those of a credit note: its only line names the exam."""


def is_siret(text: str) -> bool:
    """Whether 14 digits have the check digit of a SIRET (Luhn), or those of La Poste, which add up to a multiple of 5.

    >>> is_siret("73282932000074"), is_siret("73282932000075")
    (True, False)
    """
    digits = [int(digit) for digit in text]
    doubled = [2 * digit - 9 * (digit > 4) if place % 2 == 0 else digit for place, digit in enumerate(digits)]
    return len(digits) == 14 and (sum(doubled) % 10 == 0 or (text[:9] == "356000000" and sum(digits) % 5 == 0))


@dataclass(frozen=True)
class Party:
    """A seller or a buyer."""

    name: str
    siret: str
    """14 digits: SIREN and establishment."""
    street: str
    postcode: str
    city: str
    vat_number: str = ""
    country: str = "FR"
    contact: str = ""
    """Electronic mail address, "" for none."""

    @property
    def siren(self) -> str:
        """The enterprise: the first nine digits."""
        return self.siret[:9]


@dataclass(frozen=True)
class Seller(Party):
    """Who issues invoices."""

    legal_form: str = ""
    """What the law wants on paper: legal form, capital, register."""
    iban: str = ""
    bic: str = ""


@dataclass(frozen=True)
class Account:
    """How a hospital is invoiced."""

    buyer: Party
    is_public: bool = True
    """Public: paid at 50 days, through Chorus Pro."""
    service_code: str = ""
    """Code of the service in Chorus Pro (BT-10)."""
    commitment_number: str = ""
    """`Numéro d'engagement` (BT-13)."""
    service_code_required: bool = False
    """Chorus Pro refuses this hospital's invoices without one; the next likewise."""
    commitment_number_required: bool = False

    @property
    def missing(self) -> tuple[str, ...]:
        """Fields without which the hospital refuses an invoice."""
        needed = {
            "service_code": self.service_code_required and not self.service_code,
            "commitment_number": self.commitment_number_required and not self.commitment_number,
        }
        return tuple(name for name, is_missing in needed.items() if is_missing)

    @property
    def term_days(self) -> int:
        """Days from the invoice to its payment."""
        return PUBLIC_TERM_DAYS if self.is_public else PRIVATE_TERM_DAYS


@dataclass(frozen=True)
class Cover:
    """Facts of one month that a document charges, or credits."""

    period: str
    price_list: str
    """Version; every later correction of that month is made with it."""
    usages: tuple[Usage, ...]


@dataclass(frozen=True)
class Correction:
    """What a credit note corrects."""

    invoice: str
    """Number of the preceding invoice (BT-25)."""
    invoice_issued_on: date
    """BT-26."""
    dispute: str
    accession_number: str


@dataclass(frozen=True)
class Invoice:
    """A closed month of a hospital, numbered; or a credit note, whose amounts are what is given back."""

    number: str
    """At most 35 letters, digits and `+-_/` (BR-FR-01, BR-FR-02)."""
    hospital: str
    period: str
    issued_on: date
    rating: Rating
    seller: Seller
    account: Account
    covers: tuple[Cover, ...] = ()
    """Its own month first, then those that late facts belong to."""
    corrects: Correction | None = None
    """None: an invoice."""

    @property
    def kind(self) -> str:
        """Code of UNTDID 1001 (BT-3)."""
        return CREDIT_NOTE if self.corrects else INVOICE

    @property
    def documents(self) -> dict[str, str]:
        """Names of its documents and their media types."""
        return CREDIT_DOCUMENTS if self.corrects else DOCUMENTS

    @property
    def due_on(self) -> date:
        """Last day for the payment."""
        return self.issued_on + timedelta(days=self.account.term_days)

    @property
    def first_day(self) -> date:
        """First day of the month invoiced."""
        return date.fromisoformat(f"{self.period}-01")

    @property
    def last_day(self) -> date:
        """Last day of the month invoiced."""
        return self.first_day.replace(day=monthrange(self.first_day.year, self.first_day.month)[1])


def document_key(invoice: Invoice, name: str) -> str:
    """Where a document is in the archive bucket."""
    return f"invoices/{invoice.hospital}/{invoice.number}/{name}"


def to_json(invoice: Invoice) -> dict[str, Any]:
    """An invoice as it is kept: every amount as text, nothing left to look up."""
    return json.loads(json.dumps(asdict(invoice), default=str))  # type: ignore[no-any-return]


def from_json(content: Mapping[str, Any]) -> Invoice:
    """Inverse of `to_json`."""
    rating, account = content["rating"], content["account"]
    correction = content.get("corrects")
    lines = (
        {**line, **{n: Decimal(line[n]) for n in ("unit_price", "vat_rate", "amount")}} for line in rating["lines"]
    )
    vat = (Vat(**{name: Decimal(value) for name, value in each.items()}) for each in rating["vat"])
    return Invoice(
        content["number"],
        content["hospital"],
        content["period"],
        date.fromisoformat(content["issued_on"]),
        Rating(rating["price_list"], tuple(RatedLine(**line) for line in lines), tuple(vat)),
        Seller(**content["seller"]),
        Account(**{**account, "buyer": Party(**account["buyer"])}),
        tuple(_cover(each) for each in content.get("covers", ())),
        _correction(correction) if correction else None,
    )


def _cover(content: Mapping[str, Any]) -> Cover:
    usages = (Usage(**{**each, "modalities": tuple(each["modalities"])}) for each in content["usages"])
    return Cover(content["period"], content["price_list"], tuple(usages))


def _correction(content: Mapping[str, Any]) -> Correction:
    return Correction(**{**content, "invoice_issued_on": date.fromisoformat(content["invoice_issued_on"])})
