"""What rating sees: the ledger of exams with the sums of all other meters beside it."""

from __future__ import annotations

from chalicelib.billing.fact_blocks import FactBlocks
from chalicelib.billing.ledger import Ledger, Usage


class MeteredLedger:
    """A ledger whose months hold the metered facts too; everything else is the ledger's own."""

    def __init__(self, ledger: Ledger, facts: FactBlocks) -> None:
        self._facts = facts
        self.head, self.line_of_fact, self.append = ledger.head, ledger.line_of_fact, ledger.append
        self.lines, self.period = ledger.lines, ledger.period
        self._ledger = ledger

    def close(self, hospital: str, period: str) -> None:
        """Neither a line nor a block is added to that month any more."""
        self._ledger.close(hospital, period)
        self._facts.close(hospital, period)

    def usage(self, hospital: str, period: str) -> list[Usage]:
        """What was recorded in a month: two reads, however much."""
        return [*self._ledger.usage(hospital, period), *self._facts.usage(hospital, period)]
