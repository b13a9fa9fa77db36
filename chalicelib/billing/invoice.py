"""Invoices: what a closed month becomes, in the terms of EN 16931 (BT and BG numbers)."""

from __future__ import annotations

import json
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from chalicelib.billing.rating import RatedLine, Rating, Vat

INVOICE, CREDIT_NOTE = "380", "381"
"""Codes of UNTDID 1001 (BT-3)."""
CREDIT_TRANSFER = "30"
"""Code of UNTDID 4461 (BT-81)."""
UNIT = "C62"
"""One, UN/ECE Recommendation 20 (BT-130)."""
SIREN_SCHEME, SIRET_SCHEME, ELECTRONIC_ADDRESS_SCHEME = "0002", "0009", "0225"
"""ISO/IEC 6523; 0225 is France's directory of electronic invoicing."""
SERVICES = "S1"
"""Business process of France's reform (BT-23): an invoice for services."""
PUBLIC_TERM_DAYS, PRIVATE_TERM_DAYS = 50, 30
"""Payment terms of public health establishments and of everybody else (Code de la commande publique, R2192-11)."""
NOTES = (
    ("PMT", "Indemnité forfaitaire pour frais de recouvrement en cas de retard de paiement : 40 €."),
    ("PMD", "Pénalités de retard : taux directeur de la BCE majoré de huit points de pourcentage."),
    ("AAB", "Aucun escompte n'est accordé pour paiement anticipé."),
)
"""Mentions that French invoices must carry (Code de commerce, L441-9 and L441-10)."""


DOCUMENTS: dict[str, str] = {
    "facture.pdf": "application/pdf",
    "facture-ubl.xml": "application/xml",
    "detail.csv": "text/csv; charset=utf-8",
    "detail.xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""Documents of an invoice and their media types."""


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

    @property
    def term_days(self) -> int:
        """Days from the invoice to its payment."""
        return PUBLIC_TERM_DAYS if self.is_public else PRIVATE_TERM_DAYS


@dataclass(frozen=True)
class Invoice:
    """A closed month of a hospital, numbered."""

    number: str
    """At most 35 letters, digits and `+-_/` (BR-FR-01, BR-FR-02)."""
    hospital: str
    period: str
    issued_on: date
    rating: Rating
    seller: Seller
    account: Account

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
    )


def business_terms(invoice: Invoice) -> dict[str, Any]:
    """An invoice as the business terms and groups of EN 16931, in the shape of the `factur-x` library."""
    account, rating = invoice.account, invoice.rating
    terms: dict[str, Any] = {
        "BT-1": invoice.number,
        "BT-2": invoice.issued_on,
        "BT-3": INVOICE,
        "BT-5": "EUR",
        "BT-9": invoice.due_on,
        "BT-20": f"Paiement par virement à {account.term_days} jours",
        "BT-23": SERVICES,
        "BT-72": invoice.last_day,
        "BT-73": invoice.first_day,
        "BT-74": invoice.last_day,
        "BT-81": CREDIT_TRANSFER,
        "BT-83": invoice.number,
        "BT-84": invoice.seller.iban,
        "BT-86": invoice.seller.bic,
        "BG-1": [{"BT-21": code, "BT-22": text} for code, text in NOTES],
        "BG-4": {**_party(invoice.seller), "legal_info": invoice.seller.legal_form},
        "BG-7": _party(account.buyer),
        "BG-23": [
            {"BT-116": str(vat.base), "BT-117": str(vat.amount), "BT-118": "S", "BT-119": str(vat.rate)}
            for vat in rating.vat
        ],
        "BG-25": [_line(number, line) for number, line in enumerate(rating.lines, 1)],
        "BT-106": str(rating.total_without_vat),
        "BT-109": str(rating.total_without_vat),
        "BT-110": str(rating.total_vat),
        "BT-112": str(rating.total),
        "BT-115": str(rating.total),
    }
    chorus = {"BT-10": account.service_code, "BT-13": account.commitment_number}
    return terms | {term: value for term, value in chorus.items() if value}


def _party(party: Party) -> dict[str, Any]:
    return {
        "name": party.name,
        "identifiers": {SIRET_SCHEME: party.siret},
        "legal_identifier": party.siren,
        "legal_identifier_schemeid": SIREN_SCHEME,
        "einvoicing_addr": party.siret,
        "einvoicing_addr_schemeid": ELECTRONIC_ADDRESS_SCHEME,
        "addr_l1": party.street,
        "postcode": party.postcode,
        "city": party.city,
        "country_code": party.country,
        **({"vat_identifier": party.vat_number} if party.vat_number else {}),
    }


def _line(number: int, line: RatedLine) -> Mapping[str, Any]:
    return {
        "BT-126": str(number),
        "BT-129": str(line.quantity),
        "BT-130": UNIT,
        "BT-131": str(line.amount),
        "BT-146": _price(line.unit_price),
        "BT-149": str(line.per),
        "BT-151": "S",
        "BT-152": str(line.vat_rate),
        "BT-153": line.label_fr,
        "BT-155": line.item,
    }


def _price(price: Decimal) -> str:
    """At least two decimals."""
    return str(price if -int(price.as_tuple().exponent) >= 2 else price.quantize(Decimal("0.01")))
