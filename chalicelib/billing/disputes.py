"""Disputes: a hospital's finance department contests a line of an invoice by accession number, operators decide."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

from chalicelib.billing.adjusting import origin
from chalicelib.billing.invoice import Invoice
from chalicelib.billing.invoicing import Invoices
from chalicelib.billing.ledger import EXAM_ARCHIVED, Ledger, Line
from chalicelib.errors import Conflict, NotFound


class Reason(Enum):
    """Why a line is contested."""

    NOT_OURS = "not-ours"
    DUPLICATE = "duplicate"
    NOT_ARCHIVED = "not-archived"
    WRONG_KIND = "wrong-kind"
    OTHER = "other"


class State(Enum):
    """Where a dispute is."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REFUSED = "refused"


@dataclass(frozen=True)
class Step:
    """An entry of a dispute's history."""

    state: State
    at_ms: int
    by: str
    """Display name."""
    text: str


@dataclass(frozen=True)
class Dispute:
    """A contested line."""

    dispute_id: str
    """The same for the same fact: a line is contested once."""
    hospital: str
    invoice: str
    """Number."""
    origin: str
    """Month that the fact belongs to; the invoice's, or an earlier one that it adjusts."""
    seq: int
    accession_number: str
    study_instance_uid: str
    event: str
    modalities: str
    reason: Reason
    history: tuple[Step, ...]

    @property
    def state(self) -> State:
        """Its last."""
        return self.history[-1].state


@dataclass(frozen=True)
class Contested:
    """What somebody contests."""

    invoice: str
    accession_number: str
    reason: Reason
    text: str = ""
    study_instance_uid: str = ""
    """Needed when several exams of the month have the accession number."""


class Disputes(Protocol):
    """Where disputes are kept. `errors.Unavailable` when it does not answer."""

    def of_hospital(self, hospital: str) -> list[Dispute]:
        """Every dispute of a hospital, read consistently, the latest first."""

    def dispute(self, hospital: str, dispute_id: str) -> Dispute | None:
        """One of them, read consistently."""

    def add(self, dispute: Dispute) -> bool:
        """Keep a new one; False when the line has one."""

    def decide(self, dispute: Dispute) -> bool:
        """Replace an open one by one that is decided; False when it is not open any more."""


def contest(
    ledger: Ledger, invoices: Invoices, disputes: Disputes, hospital: str, wanted: Contested, by: str, now_ms: int
) -> Dispute:
    """Contest a line of an invoice.

    Raises
    ------
    errors.NotFound
        If there is no such invoice, or no such exam on it.
    errors.Conflict
        If the line was contested, or several exams have that accession number.
    """
    invoice = _invoice(invoices, hospital, wanted.invoice)
    line = _line(ledger, invoice, wanted)
    dispute = Dispute(
        dispute_id_of(line),
        hospital,
        invoice.number,
        origin(line, invoice.period) if invoice.covers else invoice.period,
        line.seq,
        line.accession_number,
        line.study_instance_uid,
        line.event,
        line.modalities,
        wanted.reason,
        (Step(State.OPEN, now_ms, by, wanted.text),),
    )
    if not disputes.add(dispute):
        raise Conflict("That line was contested already.")
    return dispute


def dispute_id_of(line: Line) -> str:
    """Identifier of the dispute about a line, whether there is one or not: a fact is contested once."""
    return hashlib.sha256(f"{line.study_instance_uid}|{line.event}".encode()).hexdigest()[:20]


def decide(
    disputes: Disputes, hospital: str, dispute_id: str, state: State, text: str, by: str, now_ms: int
) -> Dispute:
    """Accept or refuse a dispute; accepting one again finds it accepted, so that a lost credit note can be made.

    Raises
    ------
    errors.NotFound
        If there is none.
    errors.Conflict
        If it was decided otherwise.
    """
    known = disputes.dispute(hospital, dispute_id)
    if known is None:
        raise NotFound("There is no such dispute.")
    if known.state is State.OPEN:
        decided = replace(known, history=(*known.history, Step(state, now_ms, by, text)))
        if disputes.decide(decided):
            return decided
        known = disputes.dispute(hospital, dispute_id) or known
    if known.state is not state or state is State.REFUSED:
        raise Conflict("The dispute was decided already.")
    return known


def _invoice(invoices: Invoices, hospital: str, number: str) -> Invoice:
    for document in invoices.of_hospital(hospital):
        if document.number == number and not document.corrects:
            return document
    raise NotFound("There is no such invoice.")


def _line(ledger: Ledger, invoice: Invoice, wanted: Contested) -> Line:
    first, last = ledger.period(invoice.hospital, invoice.period) or (1, 0)
    found = [
        line
        for line in ledger.lines(invoice.hospital, first - 1, last)
        if line.accession_number == wanted.accession_number
        and line.event == EXAM_ARCHIVED
        and wanted.study_instance_uid in ("", line.study_instance_uid)
    ]
    if not found:
        raise NotFound("No exam of that invoice has that accession number.")
    if len(found) > 1:
        raise Conflict("Several exams of that invoice have that accession number: name the study.")
    return found[0]
