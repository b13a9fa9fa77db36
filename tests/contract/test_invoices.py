"""Invoices on DynamoDB and S3: a month is closed once, numbers have no gaps, documents follow a crash."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any

import pytest

from chalicelib import errors, wiring, wiring_billing
from chalicelib.access.model import Hospital
from chalicelib.billing import disputes, verify
from chalicelib.billing import ledger as billing
from chalicelib.billing.crediting import credit
from chalicelib.billing.disputes import Contested, Reason, State
from chalicelib.billing.invoice import DOCUMENTS, Invoice, document_key
from chalicelib.billing.invoicing import issue
from chalicelib.functions import invoices as function
from tests.emulator import Cloud
from tests.unit.billing.invoices import PUBLIC, SELLER

TODAY = date(2026, 11, 2)
OCTOBER = datetime(2026, 10, 15, tzinfo=UTC).timestamp()
NOVEMBER = datetime(2026, 11, 2, tzinfo=UTC).timestamp()


@pytest.fixture(autouse=True)
def _accounts(cloud: Cloud) -> None:
    wiring.accounts().put_seller(SELLER)
    for hospital in ("nord", "sud", "ouest"):
        wiring.registry().put_hospital(Hospital(hospital, hospital))
        wiring.accounts().put_account(hospital, PUBLIC)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    def set_time(seconds: float) -> None:
        monkeypatch.setattr("chalicelib.billing.ledger.time.time", lambda: seconds)

    set_time(OCTOBER)
    return set_time


def exams(hospital: str, *modalities: str, first: int = 0) -> None:
    for number, modality in enumerate(modalities, first):
        fact = billing.Fact(hospital, billing.EXAM_ARCHIVED, f"1.2.{number}", f"A{number}", 0, modality)
        billing.append(wiring.ledger(), fact)


def issued(hospital: str, period: str = "2026-10", today: date = TODAY) -> Invoice | None:
    return issue(wiring.ledger(), wiring.accounts(), wiring.invoices(), hospital, period, today)


def test_a_month_is_invoiced_once_and_what_comes_late_is_in_the_next(at: Callable[[float], None]) -> None:
    exams("nord", "CT", "CT\\SR", "US")
    made = issued("nord")
    assert made is not None
    assert (made.number, str(made.rating.total)) == ("SF2026-000001", "3.00")
    at(NOVEMBER)
    exams("nord", "MR", first=10)
    assert issued("nord", today=date(2026, 12, 1)) == made
    assert wiring.invoices().of_hospital("nord") == [made]
    later = issued("nord", "2026-11", date(2026, 12, 1))
    assert later is not None
    assert [(line.item, line.quantity) for line in later.rating.lines] == [("examen-irm", 1)]
    assert later.number == "SF2026-000002"
    assert [each.period for each in wiring.invoices().of_hospital("nord")] == ["2026-11", "2026-10"]


def test_a_writer_whose_clock_is_behind_finds_the_month_closed(at: Callable[[float], None]) -> None:
    exams("nord", "CT")
    issued("nord")
    with pytest.MonkeyPatch.context() as fast:
        fast.setattr("chalicelib.billing.ledger.time.sleep", lambda _: at(NOVEMBER))
        exams("nord", "CT", first=5)
    lines = list(wiring.ledger().lines("nord"))
    assert [line.period for line in lines] == ["2026-10", "2026-11"]
    assert list(verify.problems(wiring.ledger(), "nord")) == []


def test_numbers_have_no_gaps_whoever_asks_at_once(at: Callable[[float], None]) -> None:
    hospitals = ["nord", "sud", "ouest"]
    for hospital in hospitals:
        exams(hospital, "CT")
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(issued, hospitals * 3))
    numbers = {invoice.hospital: invoice.number for invoice in made if invoice}
    assert sorted(numbers.values()) == ["SF2026-000001", "SF2026-000002", "SF2026-000003"]
    assert len({invoice.number for invoice in made if invoice}) == 3
    january = issued("nord", "2026-12", date(2027, 1, 2))
    assert january is None
    assert wiring.invoices().last_number(2026) == 3


def accepted(invoice: Invoice, accession: str) -> disputes.Dispute:
    store, wanted = wiring_billing.disputes(), Contested(invoice.number, accession, Reason.DUPLICATE, "Déjà facturé")
    made = disputes.contest(wiring.ledger(), wiring.invoices(), store, invoice.hospital, wanted, "Finances", 1)
    with pytest.raises(errors.Conflict, match="already"):
        disputes.contest(wiring.ledger(), wiring.invoices(), store, invoice.hospital, wanted, "Finances", 1)
    assert store.dispute(invoice.hospital, made.dispute_id) == made
    assert made in store.of_hospital(invoice.hospital)
    return disputes.decide(store, invoice.hospital, made.dispute_id, State.ACCEPTED, "", "Exploitation", 2)


def test_credit_notes_have_numbers_of_their_own_without_gaps(at: Callable[[float], None]) -> None:
    exams("nord", "CT", "MR", "US", "CT")
    exams("sud", "CT")
    made = [issued("nord"), issued("sud")]
    asked = [accepted(made[0], f"A{number}") for number in range(4)] + [accepted(made[1], "A0")]  # type: ignore[arg-type]
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda each: credit(wiring.ledger(), wiring.invoices(), each, TODAY), asked))
    again = [credit(wiring.ledger(), wiring.invoices(), each, TODAY) for each in asked]
    assert sorted(note.number for note in again) == [f"AV2026-00000{number}" for number in range(1, 6)]
    assert wiring.invoices().last_number(2026) == 2
    assert sum(note.rating.total_without_vat for note in again[:4]) == made[0].rating.total_without_vat  # type: ignore[union-attr]
    assert len(wiring.invoices().of_hospital("nord")) == 5


def test_the_monthly_run_makes_credit_notes_that_a_crash_left_out(at: Callable[[float], None]) -> None:
    exams("nord", "CT")
    invoice = issued("nord")
    assert invoice is not None
    accepted(invoice, "A0")
    function.handler({"period": "2026-10"}, None)
    note = next(each for each in wiring.invoices().of_hospital("nord") if each.corrects)
    assert all(wiring.object_store().head(document_key(note, name)) for name in note.documents)


@pytest.mark.parametrize("step", ["close", "usage", "last_number", "add"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_any_step_leaves_one_invoice(
    at: Callable[[float], None], monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    exams("nord", "CT")
    owner: Any = wiring.ledger() if step in ("close", "usage") else wiring.invoices()
    genuine = getattr(owner, step)

    def dies(*arguments: Any) -> Any:
        if after:
            genuine(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(owner, step, dies)
        with pytest.raises(KeyboardInterrupt):
            issued("nord")
    made = issued("nord")
    assert made is not None
    assert made.number == "SF2026-000001"
    assert wiring.invoices().last_number(2026) == 1


def test_nothing_to_pay_a_month_under_way_no_account(at: Callable[[float], None]) -> None:
    assert issued("sud") is None
    with pytest.raises(errors.Conflict, match="not over"):
        issued("nord", "2026-11")
    with pytest.raises(errors.Conflict, match="account"):
        issued("unknown")


def test_documents_that_a_crash_left_out_are_written_later(
    at: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    exams("nord", "CT", "US")
    with monkeypatch.context() as patched:
        patched.setattr(function.invoice_documents, "detail_csv", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            function.handler({"period": "2026-10", "hospital": "nord"}, None)
    outcome = function.handler({"period": "2026-10"}, None)
    assert outcome["hospitals"] == {"nord": {"number": outcome["hospitals"]["nord"]["number"]}} | {
        "ouest": {"number": ""},
        "sud": {"number": ""},
    }
    (made,) = wiring.invoices().of_hospital("nord")
    for name, content_type in DOCUMENTS.items():
        key = document_key(made, name)
        assert wiring.object_store().head(key) is not None, name
        assert content_type
    assert b"A1" in wiring.object_store().read(document_key(made, "detail.csv"))
