"""The demonstration region's last month: seeded once, in order, invoiced like any other."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from chalicelib import wiring
from chalicelib.access.model import Hospital
from chalicelib.billing import ledger as billing
from chalicelib.billing import verify
from chalicelib.billing.invoice import is_siret
from chalicelib.billing.invoicing import issue
from localstack import invoiced_month
from tests.emulator import Cloud

TODAY = date(2026, 11, 2)


def test_last_month_is_seeded_once_and_invoiced(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, accounts = wiring.ledger(), wiring.accounts()
    wiring.registry().put_hospital(Hospital("hopital-nord", "Hôpital Nord"))
    invoiced_month.seed_accounts(accounts)
    with monkeypatch.context() as patched:
        tries = iter(range(7))
        genuine = ledger.append
        patched.setattr(ledger, "append", lambda line: genuine(line) if next(tries, None) is not None else 1 / 0)
        with pytest.raises(ZeroDivisionError):
            invoiced_month.seed_last_month(ledger, TODAY)
    assert invoiced_month.seed_last_month(ledger, TODAY) == 43 - 7
    assert invoiced_month.seed_last_month(ledger, TODAY) == 0
    made = [
        issue(ledger, accounts, wiring.invoices(), hospital, "2026-10", TODAY) for hospital in sorted(accounts_of())
    ]
    assert [str(each.rating.total) for each in made if each] == ["3.36", "22.44", "9.12"]
    assert all(list(verify.problems(ledger, hospital)) == [] for hospital in accounts_of())
    patched_time(monkeypatch)
    billing.append(ledger, billing.Fact("hopital-nord", billing.EXAM_ARCHIVED, "1.2.3", "A1", 0, "CT"))
    before = ledger.head("hopital-nord")
    assert invoiced_month.seed_last_month(ledger, TODAY) == 0
    invoiced_month.seed_last_month(ledger, date(2026, 12, 1))
    assert ledger.head("hopital-nord") == before


def patched_time(monkeypatch: pytest.MonkeyPatch) -> None:
    november = datetime(2026, 11, 2, tzinfo=UTC).timestamp()
    monkeypatch.setattr("chalicelib.billing.ledger.time.time", lambda: november)


def test_what_an_operator_registered_stays(cloud: Cloud) -> None:
    accounts, own = wiring.accounts(), invoiced_month.ACCOUNTS["clinique-ouest"]
    accounts.put_account("hopital-nord", own)
    invoiced_month.seed_accounts(accounts)
    assert accounts.account("hopital-nord") == own
    assert all(is_siret(account.buyer.siret) for account in invoiced_month.ACCOUNTS.values())
    assert is_siret(invoiced_month.SELLER.siret)


def accounts_of() -> list[str]:
    return list(invoiced_month.ACCOUNTS)
