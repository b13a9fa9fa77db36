"""Facts and blocks in memory, which can die before or after any write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from chalicelib.billing.fact_blocks import FactBlock, FactHead, usage_of
from chalicelib.billing.facts import Event, MeterFact, to_event
from chalicelib.billing.ledger import Usage


class Killed(BaseException):
    """The process died."""


class MemoryFacts:
    """`FactStore` and `FactBlocks`; `before_write` is called before each write and after it."""

    def __init__(self) -> None:
        self.facts: dict[str, Event] = {}
        self.markers: dict[str, Event] = {}
        self.heads: dict[str, FactHead] = {}
        self.kept: dict[tuple[str, int], tuple[FactBlock, list[Event]]] = {}
        self.sums: dict[tuple[str, str], Counter[str]] = {}
        self.closed: set[tuple[str, str]] = set()
        self.tick: Callable[[], None] = lambda: None
        self.now_ms = 1_795_600_000_000

    def record(self, fact: MeterFact) -> bool:
        self.tick()
        is_new = fact.fact_id not in self.facts
        if is_new:
            self.now_ms += 1
            event = to_event(fact, self.now_ms)
            self.facts[fact.fact_id] = self.markers[fact.fact_id] = event
        self.tick()
        return is_new

    def event(self, fact_id: str) -> Event | None:
        return self.facts.get(fact_id)

    def head(self, hospital: str) -> FactHead:
        return self.heads.get(hospital, FactHead())

    def unsealed(self, hospital: str, limit: int) -> list[Event]:
        return [event for event in self.markers.values() if event["source"] == f"/hospitals/{hospital}"][:limit]

    def append(self, block: FactBlock, events: Sequence[Event]) -> bool:
        self.tick()
        head = self.head(block.hospital)
        if (head.seq + 1, head.hash) != (block.seq, block.previous_hash):
            return False
        if (block.hospital, block.period) in self.closed:
            return False
        self.kept[block.hospital, block.seq] = block, list(events)
        self.heads[block.hospital] = FactHead(block.seq, block.hash, block.sealed_at_ms, False)
        self.sums.setdefault((block.hospital, block.period), Counter()).update(block.totals)
        self.tick()
        return True

    def clear(self, block: FactBlock, events: Sequence[Event]) -> None:
        for event in events:
            self.tick()
            self.markers.pop(event["id"], None)
        head = self.heads[block.hospital]
        if head.seq == block.seq:
            self.heads[block.hospital] = replace(head, cleared=True)
        self.tick()

    def block(self, hospital: str, seq: int) -> FactBlock | None:
        found = self.kept.get((hospital, seq))
        return found[0] if found else None

    def blocks(self, hospital: str, after_seq: int = 0) -> Iterator[FactBlock]:
        return iter([self.kept[key][0] for key in sorted(self.kept) if key[0] == hospital and key[1] > after_seq])

    def events(self, block: FactBlock) -> list[Event]:
        return self.kept[block.hospital, block.seq][1]

    def close(self, hospital: str, period: str) -> None:
        self.closed.add((hospital, period))

    def usage(self, hospital: str, period: str) -> list[Usage]:
        return usage_of(self.sums.get((hospital, period), Counter()))
