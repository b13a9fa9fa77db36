"""From a month that is over to an invoice, and from an accepted dispute to a credit note.

A month is closed once, documents are numbered without gaps, and are the same however often they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Protocol

from chalicelib.billing.adjusting import adjustments, charged, counted, late_lines, usage_of, usages
from chalicelib.billing.invoice import INVOICE, SERIES, Account, Cover, Invoice, Seller
from chalicelib.billing.ledger import Ledger
from chalicelib.billing.price_list import in_force
from chalicelib.billing.rating import rate, rated
from chalicelib.errors import Conflict, Unavailable

ATTEMPTS = 20
_WHAT = {"service_code": "a service code (Chorus Pro, BT-10)", "commitment_number": "a commitment number (BT-13)"}


class Accounts(Protocol):
    """Who invoices and who is invoiced. `errors.Unavailable` when it does not answer."""

    def seller(self) -> Seller | None:
        """Who issues the region's invoices."""

    def put_seller(self, seller: Seller) -> None:
        """Register or replace; invoices that were issued keep what they say."""

    def account(self, hospital: str) -> Account | None:
        """How a hospital is invoiced."""

    def put_account(self, hospital: str, account: Account) -> None:
        """Register or replace."""


class Invoices(Protocol):
    """Invoices and credit notes; none is ever changed or removed. `errors.Unavailable` when it does not answer."""

    def of_hospital(self, hospital: str) -> list[Invoice]:
        """Every document of a hospital, read consistently, the latest month first."""

    def of_period(self, hospital: str, period: str) -> Invoice | None:
        """The invoice of a month, read consistently."""

    def last_number(self, year: int, kind: str = INVOICE) -> int:
        """The last number of a year, 0 before the first."""

    def add(self, invoice: Invoice, number: int, documents: int) -> bool:
        """Keep a document and move the year's last number to `number`, both or none.

        False when the number is not the next one, the month has an invoice, the dispute has a credit note or the
        hospital has other than `documents` documents: amounts depend on those.
        """


def issue(
    ledger: Ledger, accounts: Accounts, invoices: Invoices, hospital: str, period: str, today: date
) -> Invoice | None:
    """The invoice of a hospital's month, issued today unless it was before; None when there is nothing to pay.

    Closes the month first, so that what it rates does not change. Facts of earlier months that were recorded in it are
    lines of their own. Safe to repeat, and after a crash at any step.

    Raises
    ------
    errors.Conflict
        If the month is not over, the seller or the hospital's account is not registered, or the account lacks what the
        hospital demands of invoices.
    errors.Unavailable
        If others kept taking numbers, or a service does not answer.
    """
    known = invoices.of_period(hospital, period)
    if known is not None:
        return known
    if period >= today.strftime("%Y-%m"):
        raise Conflict("The month is not over.")
    seller, account = _parties(accounts, hospital)
    ledger.close(hospital, period)
    late, prices = late_lines(ledger, hospital, period), in_force(period, hospital)
    own = counted(ledger.usage(hospital, period))
    for lines in late.values():
        own -= usage_of(lines)

    def draft(documents: list[Invoice], number: str) -> Invoice | None:
        charges = list(rate(usages(own), prices).lines)
        covers = [Cover(period, prices.version, usages(own))]
        for month, lines in late.items():
            before, earlier_prices = charged(ledger, documents, hospital, month)
            charges += adjustments(before, lines, month, earlier_prices)
            covers.append(Cover(month, earlier_prices.version, usages(usage_of(lines))))
        rating = rated(prices.version, charges)
        return Invoice(number, hospital, period, today, rating, seller, account, tuple(covers)) if charges else None

    return numbered(invoices, hospital, INVOICE, today, draft, lambda each: not each.corrects and each.period == period)


def numbered(
    invoices: Invoices,
    hospital: str,
    kind: str,
    today: date,
    draft: Callable[[list[Invoice], str], Invoice | None],
    is_it: Callable[[Invoice], bool],
) -> Invoice | None:
    """Draft a document on those that the hospital has, with the next number, until it is kept or found.

    Raises
    ------
    errors.Unavailable
        If others kept being faster.
    """
    for _ in range(ATTEMPTS):
        documents = invoices.of_hospital(hospital)
        known = next(filter(is_it, documents), None)
        if known is not None:
            return known
        number = invoices.last_number(today.year, kind) + 1
        document = draft(documents, f"{SERIES[kind]}{today.year}-{number:06d}")
        if document is None or invoices.add(document, number, len(documents)):
            return document
    raise Unavailable("Invoices are being issued by others; try again.")


def _parties(accounts: Accounts, hospital: str) -> tuple[Seller, Account]:
    seller, account = accounts.seller(), accounts.account(hospital)
    if seller is None or account is None:
        raise Conflict("Register the seller and the hospital's billing account first.")
    if account.missing:
        needs = " and ".join(_WHAT[name] for name in account.missing)
        raise Conflict(f"The hospital demands {needs}: register it in its billing account first.")
    return seller, account
