"""Budgets of hospitals: an amount a month, and an alert once when it is passed or will be (ADR 0033)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

OK, EXPECTED, WARNED, PASSED = "ok", "expected-to-pass", "near", "passed"
RANK = (OK, EXPECTED, WARNED, PASSED)


@dataclass(frozen=True)
class Budget:
    """What a hospital means to spend in a month, in euros without VAT."""

    amount: Decimal
    warn_percent: int = 80
    """Of the amount, from which on the hospital is warned."""


class Budgets(Protocol):
    """Where budgets are kept. `errors.Unavailable` when it does not answer."""

    def budget(self, hospital: str) -> Budget | None:
        """A hospital's budget."""

    def put_budget(self, hospital: str, budget: Budget | None) -> None:
        """Set or remove it."""

    def claim_alert(self, hospital: str, period: str, state: str, budget: Budget) -> bool:
        """Whether nobody was told yet that the month is in that state of this budget; True only once."""


class Alerts(Protocol):
    """Who is told."""

    def send(self, subject: str, text: str) -> None:
        """Tell whoever subscribed. Raises `errors.Unavailable` if it does not answer."""


def state_of(budget: Budget, spent: Decimal, expected: Decimal) -> str:
    """Where a month stands: what was spent, and what is expected for the whole of it.

    >>> hundred = Budget(Decimal(100))
    >>> state_of(hundred, Decimal(50), Decimal(90)), state_of(hundred, Decimal(50), Decimal(101))
    ('ok', 'expected-to-pass')
    """
    if spent > budget.amount:
        return PASSED
    if spent * 100 >= budget.amount * budget.warn_percent:
        return WARNED
    return EXPECTED if expected > budget.amount else OK


def alert(
    budgets: Budgets, alerts: Alerts, hospital: str, name: str, period: str, spent: Decimal, expected: Decimal
) -> str:
    """Tell once that a month is near or beyond its budget, or will be; the state, `ok` without a budget.

    An alert is claimed before it is sent: one that is lost is not sent again, and none is sent twice.
    """
    budget = budgets.budget(hospital)
    if budget is None:
        return OK
    state = state_of(budget, spent, expected)
    if state != OK and budgets.claim_alert(hospital, period, state, budget):
        alerts.send(*message(name, period, state, budget, spent, expected))
    return state


def message(name: str, period: str, state: str, budget: Budget, spent: Decimal, expected: Decimal) -> tuple[str, str]:
    """Subject and text, in French; nothing of patients."""
    what = {
        PASSED: "a dépassé son budget",
        WARNED: f"a consommé {budget.warn_percent} % de son budget",
        EXPECTED: "devrait dépasser son budget",
    }[state]
    text = (
        f"{name} {what} de {budget.amount} euros hors taxes pour {period}.\n"
        f"Consommé à ce jour : {spent} euros. Prévision pour le mois : {expected} euros.\n"
        "Détail : page Tableau de bord du portail Sans Film."
    )
    return f"Sans Film : budget {period}", text
