"""From a month that is over to an invoice: closed once, numbered without gaps, the same however often it is asked."""

from __future__ import annotations

from datetime import date
from typing import Protocol

from chalicelib.billing.invoice import Account, Invoice, Seller
from chalicelib.billing.ledger import Ledger
from chalicelib.billing.price_list import in_force
from chalicelib.billing.rating import rate
from chalicelib.errors import Conflict, Unavailable

ATTEMPTS = 20


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
    """Invoices issued; none is ever changed or removed. `errors.Unavailable` when it does not answer."""

    def of_hospital(self, hospital: str) -> list[Invoice]:
        """Every invoice of a hospital, the latest month first."""

    def of_period(self, hospital: str, period: str) -> Invoice | None:
        """The invoice of a month, read consistently."""

    def last_number(self, year: int) -> int:
        """The last number of a year, 0 before the first."""

    def add(self, invoice: Invoice, number: int) -> bool:
        """Keep an invoice and move the year's last number to `number`, both or none.

        False when the number is not the next one or the month has an invoice.
        """


def issue(
    ledger: Ledger, accounts: Accounts, invoices: Invoices, hospital: str, period: str, today: date
) -> Invoice | None:
    """The invoice of a hospital's month, issued today unless it was before; None when there is nothing to pay.

    Closes the month first, so that what it rates does not change. Safe to repeat, and after a crash at any step.

    Raises
    ------
    errors.Conflict
        If the month is not over, or the seller or the hospital's account is not registered.
    errors.Unavailable
        If others kept taking numbers, or a service does not answer.
    """
    known = invoices.of_period(hospital, period)
    if known is not None:
        return known
    if period >= today.strftime("%Y-%m"):
        raise Conflict("The month is not over.")
    seller, account = accounts.seller(), accounts.account(hospital)
    if seller is None or account is None:
        raise Conflict("Register the seller and the hospital's billing account first.")
    ledger.close(hospital, period)
    rating = rate(ledger.usage(hospital, period), in_force(period, hospital))
    if not rating.lines:
        return None
    for _ in range(ATTEMPTS):
        number = invoices.last_number(today.year) + 1
        name = f"SF{today.year}-{number:06d}"
        invoice = Invoice(name, hospital, period, today, rating, seller, account)
        if invoices.add(invoice, number):
            return invoice
        known = invoices.of_period(hospital, period)
        if known is not None:
            return known
    raise Unavailable("Invoices are being issued by others; try again.")
