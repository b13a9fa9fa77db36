"""Stores in memory that behave as those on DynamoDB do, and may be told to crash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from chalicelib.billing.disputes import Dispute, State
from chalicelib.billing.invoice import INVOICE, Account, Invoice, Seller
from chalicelib.billing.ledger import Fact, Head, Line, Usage, modality_values, next_line


class Crash(BaseException):
    """The process dies."""


@dataclass
class Stores:
    """A ledger of one hospital, its accounts, invoices and disputes."""

    now_ms: int = 0
    lines_: list[Line] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)
    numbers: dict[tuple[int, str], int] = field(default_factory=dict)
    disputes: dict[str, Dispute] = field(default_factory=dict)
    seller_: Seller | None = None
    account_: Account | None = None
    crash: str = ""
    """`before` or `after` the next document is kept."""

    def record(self, fact: Fact) -> None:
        """As `ledger.append`, at `now_ms`."""
        if all(line.study_instance_uid != fact.study_instance_uid for line in self.lines_):
            last = self.lines_[-1] if self.lines_ else None
            head = Head(last.seq, last.hash, last.recorded_at) if last else Head()
            self.lines_.append(next_line(head, fact, self.now_ms))

    def period(self, hospital: str, period: str) -> tuple[int, int] | None:
        seqs = [line.seq for line in self.lines_ if line.period == period]
        return (seqs[0], seqs[-1]) if seqs else None

    def lines(self, hospital: str, after_seq: int = 0, last_seq: int | None = None) -> Iterator[Line]:
        return iter(self.lines_[after_seq:last_seq])

    def close(self, hospital: str, period: str) -> None: ...

    def usage(self, hospital: str, period: str) -> list[Usage]:
        counts = Counter((line.event, line.modalities) for line in self.lines_ if line.period == period)
        return [Usage(event, modality_values(text), count) for (event, text), count in sorted(counts.items())]

    def seller(self) -> Seller | None:
        return self.seller_

    def account(self, hospital: str) -> Account | None:
        return self.account_

    def of_hospital(self, hospital: str) -> list[Invoice]:
        return sorted(self.invoices, key=lambda each: each.period, reverse=True)

    def of_period(self, hospital: str, period: str) -> Invoice | None:
        return next((each for each in self.invoices if each.period == period and not each.corrects), None)

    def last_number(self, year: int, kind: str = INVOICE) -> int:
        return self.numbers.get((year, kind), 0)

    def add(self, invoice: Invoice, number: int, documents: int) -> bool:
        crash, self.crash = self.crash, ""
        if crash == "before":
            raise Crash
        series = (invoice.issued_on.year, invoice.kind)
        if documents != len(self.invoices) or number != self.numbers.get(series, 0) + 1:
            return False
        self.numbers[series] = number
        self.invoices.append(invoice)
        if crash:
            raise Crash
        return True

    def dispute(self, hospital: str, dispute_id: str) -> Dispute | None:
        return self.disputes.get(dispute_id)

    def decide(self, dispute: Dispute) -> bool:
        was_open = self.disputes[dispute.dispute_id].state is State.OPEN
        if was_open:
            self.disputes[dispute.dispute_id] = dispute
        return was_open


class DisputeStore:
    """Disputes alone: their `add` is not that of invoices."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def of_hospital(self, hospital: str) -> list[Dispute]:
        return list(self._stores.disputes.values())

    def dispute(self, hospital: str, dispute_id: str) -> Dispute | None:
        return self._stores.dispute(hospital, dispute_id)

    def add(self, dispute: Dispute) -> bool:
        return self._stores.disputes.setdefault(dispute.dispute_id, dispute) is dispute

    def decide(self, dispute: Dispute) -> bool:
        return self._stores.decide(dispute)
