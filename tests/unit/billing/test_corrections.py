"""Adjustments and credit notes: a month's documents add up to what rating says of its facts, whatever happened."""

from __future__ import annotations

import io
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from chalicelib.billing import adjusting, crediting, disputes, price_list
from chalicelib.billing import invoice_documents as documents
from chalicelib.billing.cost import paid
from chalicelib.billing.disputes import Contested, Reason, State
from chalicelib.billing.invoice import Invoice, from_json, to_json
from chalicelib.billing.invoicing import issue
from chalicelib.billing.ledger import EXAM_ARCHIVED, Fact
from chalicelib.billing.price_list import PriceList, parse
from chalicelib.billing.rating import rate
from chalicelib.errors import BadRequest, Conflict, NotFound
from tests.unit.billing.invoices import PUBLIC, SELLER
from tests.unit.billing.stores import Crash, DisputeStore, Stores
from tests.unit.billing.test_invoice import broken_rules

MONTHS = ("2026-09", "2026-10", "2026-11")
PRICES: PriceList = parse(
    {
        "version": "tiers",
        "valid_from": "2026-01-01",
        "currency": "EUR",
        "minimum": "4",
        "prices": [
            {
                "item": "ct", "event": EXAM_ARCHIVED, "modalities": ["CT"], "label": {"fr": "Scanner", "en": "CT"},
                "free": 1, "tiers": [{"up_to": 2, "unit_price": "1.105"}, {"unit_price": "0.333333"}], "vat_rate": "20",
            },
            {
                "item": "other", "event": EXAM_ARCHIVED, "label": {"fr": "Autre", "en": "Other"},
                "per": 3, "tiers": [{"unit_price": "1"}], "vat_rate": "5.5",
            },
        ],
    }
)  # fmt: skip


def at(month: str, day: int = 10) -> int:
    return int(datetime.fromisoformat(f"{month}-{day:02d}T12:00:00").replace(tzinfo=UTC).timestamp() * 1000)


def after(month: str) -> date:
    year, number = map(int, month.split("-"))
    return date(year, number + 1, 2)


def stores(account: Any = PUBLIC) -> Stores:
    return Stores(seller_=SELLER, account_=account)


def exam(number: int, month: str, modality: str = "CT") -> Fact:
    return Fact("nord", EXAM_ARCHIVED, f"1.2.{number}", f"A{number}", at(month), modality)


def invoiced(kept: Stores, month: str) -> Invoice | None:
    return issue(kept, kept, kept, "nord", month, after(month))  # type: ignore[arg-type]


def accepted(kept: Stores, invoice: str, accession: str) -> disputes.Dispute:
    store = DisputeStore(kept)
    made = disputes.contest(kept, kept, store, "nord", Contested(invoice, accession, Reason.NOT_OURS), "F", 1)  # type: ignore[arg-type]
    return disputes.decide(store, "nord", made.dispute_id, State.ACCEPTED, "", "O", 2)


def credited(kept: Stores, dispute: disputes.Dispute, today: date = date(2026, 12, 5)) -> Invoice:
    return crediting.credit(kept, kept, dispute, today)  # type: ignore[arg-type]


@pytest.fixture
def october() -> tuple[Stores, Invoice]:
    """Two exams of October on an invoice, and a third that came in November."""
    kept = stores()
    kept.now_ms = at("2026-10")
    kept.record(exam(1, "2026-10"))
    kept.record(exam(2, "2026-10", "US"))
    first = invoiced(kept, "2026-10")
    assert first is not None
    kept.now_ms = at("2026-11")
    kept.record(exam(3, "2026-10"))
    kept.record(exam(4, "2026-11"))
    return kept, first


def test_what_comes_late_is_a_line_of_its_own_that_names_month_and_exam(october: tuple[Stores, Invoice]) -> None:
    kept, first = october
    later = invoiced(kept, "2026-11")
    assert later is not None
    own, late = later.rating.lines
    assert (own.period, own.quantity, late.period, late.quantity) == ("", 1, "2026-10", 1)
    assert late.label_fr == f"Régularisation 2026-10 : {own.label_fr}"
    assert "A3" in late.detail
    assert [cover.period for cover in later.covers] == ["2026-11", "2026-10"]
    assert invoiced(kept, "2026-10") == first
    assert from_json(to_json(later)) == later


def test_documents_of_corrections_keep_every_rule(october: tuple[Stores, Invoice], tmp_path: Path) -> None:
    kept, first = october
    later = invoiced(kept, "2026-11")
    assert later is not None
    note = credited(kept, accepted(kept, later.number, "A3"))
    assert from_json(to_json(note)) == note
    for made in (later, note):
        assert broken_rules(documents.cii_xml(made), "cii", tmp_path) == []
        assert broken_rules(documents.ubl_xml(made), "ubl", tmp_path) == []
    xml = documents.cii_xml(note)
    assert b"<ram:TypeCode>381<" in xml
    assert later.number.encode() in xml
    assert b"<CreditNote " in documents.ubl_xml(note).replace(b"<ubl:", b"<").replace(b"<default:", b"<")
    pages = PdfReader(io.BytesIO(documents.factur_x(note))).pages
    text = " ".join(page.extract_text() for page in pages).replace("\xa0", " ")
    for mention in ("Avoir n°", "AV2026-000001", f"{later.number} du 02/12/2026", "A3", "Net à votre crédit", "272-1"):
        assert mention in text, mention
    assert note.rating.total == Decimal("1.32")
    assert first.number not in text


@pytest.mark.parametrize("code", ["service_code", "commitment_number"])
def test_what_a_hospital_demands_is_there_before_a_number_is_taken(code: str) -> None:
    kept = stores(replace(PUBLIC, **{code: "", f"{code}_required": True}))
    kept.now_ms = at("2026-10")
    kept.record(exam(1, "2026-10"))
    with pytest.raises(Conflict, match="demands a"):
        invoiced(kept, "2026-10")
    assert kept.numbers == {}
    kept.account_ = replace(PUBLIC, **{f"{code}_required": True})
    assert invoiced(kept, "2026-10") is not None


def test_a_line_is_contested_once_and_decided_once(october: tuple[Stores, Invoice]) -> None:
    kept, first = october
    store = DisputeStore(kept)

    def contest(**changes: Any) -> disputes.Dispute:
        wanted = Contested(**{"invoice": first.number, "accession_number": "A1", "reason": Reason.OTHER, **changes})
        return disputes.contest(kept, kept, store, "nord", wanted, "F", 1)  # type: ignore[arg-type]

    made = contest()
    with pytest.raises(Conflict, match="already"):
        contest()
    for changes in ({"invoice": "SF2026-000009"}, {"accession_number": "A4"}, {"study_instance_uid": "1.2.2"}):
        with pytest.raises(NotFound):
            contest(**changes)
    with pytest.raises(Conflict, match="not accepted"):
        credited(kept, made)
    refused = disputes.decide(store, "nord", made.dispute_id, State.REFUSED, "Images reçues", "O", 2)
    assert [step.state for step in refused.history] == [State.OPEN, State.REFUSED]
    for state in (State.ACCEPTED, State.REFUSED):
        with pytest.raises(Conflict, match="decided"):
            disputes.decide(store, "nord", made.dispute_id, state, "", "O", 3)
    with pytest.raises(NotFound):
        disputes.decide(store, "nord", "0", State.REFUSED, "", "O", 3)


def test_invoices_of_earlier_releases_are_credited_too(october: tuple[Stores, Invoice]) -> None:
    kept, first = october
    kept.invoices = [replace(first, covers=())]
    note = credited(kept, accepted(kept, first.number, "A1"))
    assert str(note.rating.total_without_vat) == "1.10"


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("fact"), st.integers(0, 9), st.sampled_from(["CT", "US", "CT\\SR"]), st.integers(0, 2)),
        st.tuples(st.just("month"), st.sampled_from(["", "before", "after"])),
        st.tuples(st.just("dispute"), st.integers(0, 9), st.sampled_from(["", "before", "after"])),
    ),
    max_size=25,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_documents_add_up_to_the_rating_of_the_facts(steps: list[tuple[Any, ...]]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(adjusting, "in_force", lambda period, hospital: PRICES)
        patched.setattr(adjusting, "of_version", lambda version, hospital: PRICES)
        patched.setattr("chalicelib.billing.invoicing.in_force", lambda period, hospital: PRICES)
        patched.setattr(paid, "in_force", lambda period, hospital: PRICES)
        patched.setattr(paid, "of_version", lambda version, hospital: PRICES)
        kept, given_back = stores(), set()
        month = 0
        for name, *rest in [*steps, *[("month", "")] * 3]:
            if month == len(MONTHS):
                break
            kept.now_ms = at(MONTHS[month], 20)
            if name == "fact":
                number, modality, first = rest
                kept.record(exam(number, MONTHS[min(first, month)], modality))  # duplicates are the ledger's to find
            elif name == "month":
                kept.crash = rest[0]
                with suppress(Crash):
                    invoiced(kept, MONTHS[month])
                kept.crash = ""
                once = invoiced(kept, MONTHS[month])
                assert once == invoiced(kept, MONTHS[month])
                month += 1
            else:
                given_back |= dispute_one(kept, rest[0], rest[1])
        check(kept, given_back)
        check_margins(kept)


def dispute_one(kept: Stores, number: int, crash: str) -> set[str]:
    """Contest an exam if it was invoiced, accept, credit, with a crash; UIDs given back."""
    for invoice in list(kept.invoices):
        if not invoice.corrects:
            with suppress(NotFound, Conflict, BadRequest):
                dispute = accepted(kept, invoice.number, f"A{number}")
                kept.crash = crash
                with suppress(Crash):
                    credited(kept, dispute)
                kept.crash = ""
                assert credited(kept, dispute) == credited(kept, dispute)
                return {dispute.study_instance_uid}
    return set()


def check(kept: Stores, given_back: set[str]) -> None:
    numbers = [each.number for each in kept.invoices]
    for series in ("SF", "AV"):
        of_series = [number for number in numbers if number.startswith(series)]
        assert of_series == [f"{series}2026-{count:06d}" for count in range(1, len(of_series) + 1)]
    for document in kept.invoices:
        rating = document.rating
        assert rating.total_without_vat == sum(line.amount for line in rating.lines)
        assert rating.total == rating.total_without_vat + sum(each.amount for each in rating.vat)
    billed = {month: Decimal(0) for month in MONTHS}
    for document in kept.invoices:
        for line in document.rating.lines:
            billed[line.period or document.period] += -line.amount if document.corrects else line.amount
    left: dict[str, Counter[adjusting.Kind]] = {month: Counter() for month in MONTHS}
    for line in kept.lines_:
        if line.study_instance_uid not in given_back:
            left[adjusting.origin(line, line.period)] += adjusting.usage_of([line])
    for month in MONTHS:
        assert billed[month] == rate(adjusting.usages(left[month]), PRICES).total_without_vat, month


def test_a_credit_note_is_taken_off_the_modality_of_its_exam(october: tuple[Stores, Invoice]) -> None:
    kept, first = october
    before = paid.paid_by_modality(kept, kept, "nord", "2026-10")  # type: ignore[arg-type]
    assert (before["CT"], before["US"]) == (Decimal("1.10"), Decimal("0.30"))
    note = credited(kept, accepted(kept, first.number, "A1"))
    after = paid.paid_by_modality(kept, kept, "nord", "2026-10")  # type: ignore[arg-type]
    assert after == before | {"CT": Decimal("1.10") - note.rating.total_without_vat}
    corrections = paid.corrections_by_modality(kept, after, "nord", "2026-10")  # type: ignore[arg-type]
    assert corrections == {"CT": -note.rating.total_without_vat}
    later = invoiced(kept, "2026-11")
    assert later is not None
    november = paid.paid_by_modality(kept, kept, "nord", "2026-11")  # type: ignore[arg-type]
    assert november == {"CT": later.rating.total_without_vat}
    assert [line.period for line in later.rating.lines] == ["", "2026-10"]


def check_margins(kept: Stores) -> None:
    """What is paid of a month, by modality, is its invoice minus its credit notes, to the cent."""
    whole = Decimal(0)
    for month in MONTHS:
        found = paid.paid_by_modality(kept, kept, "nord", month)  # type: ignore[arg-type]
        invoice = kept.of_period("nord", month)
        if invoice is None:
            assert sum(found.values()) == rate(kept.usage("nord", month), PRICES).total_without_vat
            continue
        notes = [each for each in kept.invoices if each.corrects and each.corrects.invoice == invoice.number]
        credited_ = sum((each.rating.total_without_vat for each in notes), Decimal(0))
        assert sum(found.values()) == invoice.rating.total_without_vat - credited_
        assert set(found) <= {"CT", "US", "MR", ""}
        whole += sum(found.values())
    assert whole == sum((-1 if each.corrects else 1) * each.rating.total_without_vat for each in kept.invoices)


def test_the_price_list_of_the_invoice_is_found_by_its_version() -> None:
    assert price_list.of_version("2026-01", "nord") == price_list.in_force("2026-10", "nord")
    with pytest.raises(NotFound):
        price_list.of_version("1999-01", "nord")
