"""The demonstration region's money: who invoices, who pays, what was archived last month (not product code).

Every name and number is fictional. Exams of last month are in the ledger only: their images never were on this machine.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from chalicelib.billing.invoice import Account, Party, Seller
from chalicelib.billing.invoicing import Accounts
from chalicelib.billing.ledger import EXAM_ARCHIVED, Fact, Ledger, next_line

SELLER = Seller(
    "GCS Imagerie régionale (démonstration)",
    "11111111800019",
    "1 place de la Démonstration",
    "99000",
    "Ville-Exemple",
    "FR44111111118",
    contact="facturation@imagerie.example",
    legal_form="Groupement de coopération sanitaire",
    iban="FR7630006000011234567890189",
    bic="AGRIFRPP",
)
ACCOUNTS = {
    "hopital-nord": Account(
        Party("Hôpital Nord", "22222222600011", "2 avenue du Nord", "99010", "Nord-Exemple"),
        service_code="IMAGERIE",
        commitment_number="ENG-DEMO-0042",
    ),
    "hopital-sud": Account(
        Party("Hôpital Sud", "33333333400014", "3 avenue du Sud", "99020", "Sud-Exemple"), service_code="RADIOLOGIE"
    ),
    "clinique-ouest": Account(
        Party("Clinique Ouest", "44444444200016", "4 avenue de l'Ouest", "99030", "Ouest-Exemple", "FR50444444442"),
        is_public=False,
    ),
}
_EXAMS = {
    "hopital-nord": {"CT": 9, "MR": 6, "CR": 4, "CT\\SR": 2},
    "hopital-sud": {"CR": 7, "CT": 5},
    "clinique-ouest": {"MG": 6, "US": 4},
}
"""Number of exams by modalities."""


def last_month(today: date) -> str:
    """The month before, `YYYY-MM`.

    >>> last_month(date(2026, 1, 31))
    '2025-12'
    """
    return (today.replace(day=1) - timedelta(days=1)).strftime("%Y-%m")


def seed_accounts(accounts: Accounts) -> None:
    """Register the seller and how hospitals are invoiced, unless an operator did."""
    if accounts.seller() is None:
        accounts.put_seller(SELLER)
    for hospital, account in ACCOUNTS.items():
        if accounts.account(hospital) is None:
            accounts.put_account(hospital, account)


def seed_last_month(ledger: Ledger, today: date) -> int:
    """Record last month's exams in ledgers that are empty; return the number of lines written.

    A start that was cut short goes on where it was. A ledger that holds anything else is left as it is.
    """
    return sum(_seed_hospital(ledger, hospital, last_month(today)) for hospital in _EXAMS)


def _seed_hospital(ledger: Ledger, hospital: str, month: str) -> int:
    facts = list(_facts(hospital, month))
    head = ledger.head(hospital)
    last = next(ledger.lines(hospital, head.seq - 1), None) if head.seq else None
    places = {fact.study_instance_uid: place for place, fact in enumerate(facts, 1)}
    if last is not None and last.study_instance_uid not in places:
        return 0
    missing = facts[places[last.study_instance_uid] if last else 0 :]
    for fact in missing:
        ledger.append(next_line(ledger.head(hospital), fact, fact.event_time_ms + 60_000))
    return len(missing)


def _facts(hospital: str, month: str) -> Iterator[Fact]:
    """Exams spread over the days of a month, in order."""
    kinds = [modalities for modalities, number in sorted(_EXAMS[hospital].items()) for _ in range(number)]
    first_day = date.fromisoformat(f"{month}-01")
    for number, modalities in enumerate(kinds):
        day = first_day + timedelta(days=1 + number * 25 // len(kinds))
        when = datetime.combine(day, time(9, 5 + number), UTC)
        uid = f"2.25.{uuid.uuid5(uuid.NAMESPACE_URL, f'urn:sansfilm:demonstration:{hospital}:{month}:{number}').int}"
        accession_number = f"{hospital.rpartition('-')[2].upper()}{month.replace('-', '')}{number + 1:04d}"
        yield Fact(hospital, EXAM_ARCHIVED, uid, accession_number, int(when.timestamp() * 1000), modalities)
