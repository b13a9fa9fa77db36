"""Blocks of facts: many under one Merkle root, per hospital a chain, each of one month (docs/adr/0030).

A month is that of sealing in Paris: a month that was closed takes no block any more, so that what is rated stays.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from chalicelib.access import merkle
from chalicelib.access.audit import canonical
from chalicelib.billing.facts import Event, leaf_of, used_as
from chalicelib.billing.ledger import Usage, modality_values

FIRST_PREVIOUS_HASH = "0" * 64
MOST_EVENTS = 5_000
"""Of one block; what is left goes into the next one."""
MOST_KINDS = 100
"""Sums of one block; they are written in one expression."""


@dataclass(frozen=True)
class FactBlock:
    """Header of a block."""

    hospital: str
    period: str
    """`YYYY-MM`."""
    day: str
    """`YYYY-MM-DD` of sealing, in Paris."""
    seq: int
    """From 1, without gaps over all months."""
    previous_hash: str
    root: str
    count: int
    sealed_at_ms: int
    """Never less than that of the block before."""
    totals: Mapping[str, int] = field(default_factory=dict)
    """Sums of this block by `{name of rating}#{modalities}`."""
    running: Mapping[str, int] = field(default_factory=dict)
    """Sums of the chain up to and with this block by meter and variant, whatever the modality."""

    @property
    def hash(self) -> str:
        """SHA-256 of the header's canonical JSON."""
        return hashlib.sha256(canonical(self.to_json())).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """The header as it is stored, hashed and exported."""
        return asdict(self)


@dataclass(frozen=True)
class FactHead:
    """The end of a hospital's chain."""

    seq: int = 0
    hash: str = FIRST_PREVIOUS_HASH
    sealed_at_ms: int = 0
    cleared: bool = True
    """Whether the markers of the last block's facts are gone."""


class FactBlocks(Protocol):
    """Where blocks are. `errors.Unavailable` when it does not answer."""

    def head(self, hospital: str) -> FactHead:
        """The end of a chain."""

    def unsealed(self, hospital: str, limit: int) -> list[Event]:
        """Facts that no block has, about `limit`."""

    def append(self, block: FactBlock, events: Sequence[Event]) -> bool:
        """Write a block behind the head and add to the month; False if the head moved or the month is closed."""

    def clear(self, block: FactBlock, events: Sequence[Event]) -> None:
        """Remove the markers of a block's facts; safe to repeat."""

    def block(self, hospital: str, seq: int) -> FactBlock | None:
        """One header."""

    def blocks(self, hospital: str, after_seq: int = 0) -> Iterator[FactBlock]:
        """Headers in order."""

    def events(self, block: FactBlock) -> list[Event]:
        """Facts of a block in order; empty if they are lost."""

    def close(self, hospital: str, period: str) -> None:
        """No block is added to that month any more."""

    def usage(self, hospital: str, period: str) -> list[Usage]:
        """Sums of a month: one read, however many facts."""


def seal(store: FactBlocks, hospital: str, now_ms: int, most_events: int = MOST_EVENTS) -> FactBlock | None:
    """Put facts that no block has into one; None if there are none, or if somebody else is at it.

    A sealer that died between writing a block and removing its markers is finished first, so that no fact is in two
    blocks.
    """
    head = store.head(hospital)
    last = store.block(hospital, head.seq) if head.seq else None
    if not head.cleared and last is not None:
        store.clear(last, store.events(last))
    events = _few_kinds(sorted(store.unsealed(hospital, most_events), key=_order))
    if not events:
        return None
    block = block_of(hospital, head, last.running if last else {}, events, max(now_ms, head.sealed_at_ms))
    if not store.append(block, events):
        return None
    store.clear(block, events)
    return block


def block_of(
    hospital: str, head: FactHead, running: Mapping[str, int], events: Sequence[Event], sealed_at_ms: int
) -> FactBlock:
    """The block of some facts behind a head."""
    totals = totals_of(events)
    sums = Counter(running)
    for kind, quantity in totals.items():
        sums[kind.partition("#")[0]] += quantity
    day = paris_day(sealed_at_ms)
    root = merkle.root([leaf_of(event) for event in events])
    return FactBlock(
        hospital, day[:7], day, head.seq + 1, head.hash, root, len(events), sealed_at_ms, totals, dict(sums)
    )


def totals_of(events: Iterable[Event]) -> dict[str, int]:
    """Sums by `{name of rating}#{modalities}`."""
    sums: Counter[str] = Counter()
    for event in events:
        sums[_kind(event)] += event["data"]["quantity"]
    return dict(sorted(sums.items()))


def usage_of(totals: Mapping[str, int]) -> list[Usage]:
    """Sums as rating takes them; what corrections brought to nothing is left out."""
    kinds = ((*kind.partition("#")[::2], quantity) for kind, quantity in sorted(totals.items()))
    return [Usage(name, modality_values(modalities), quantity) for name, modalities, quantity in kinds if quantity]


def last_block_until(store: FactBlocks, hospital: str, time_ms: int) -> FactBlock | None:
    """The last block that was sealed at that time or before: found in some twenty reads of a chain of a million."""
    first, end = 0, store.head(hospital).seq
    found: FactBlock | None = None
    while first < end:
        middle = (first + end + 1) // 2
        block = store.block(hospital, middle)
        if block is not None and block.sealed_at_ms <= time_ms:
            first, found = middle, block
        else:
            end = middle - 1
    return found


def paris_day(time_ms: int) -> str:
    """Day in Paris.

    >>> paris_day(1_767_222_000_000)
    '2026-01-01'
    """
    from zoneinfo import ZoneInfo

    return datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(ZoneInfo("Europe/Paris")).strftime("%Y-%m-%d")


def _kind(event: Event) -> str:
    data = event["data"]
    return f"{used_as(data['meter'], data.get('variant', ''))}#{data.get('modalities', '')}"


def _order(event: Event) -> tuple[str, str]:
    return event["ingesttime"], event["id"]


def _few_kinds(events: Sequence[Event]) -> list[Event]:
    """The first facts, of at most `MOST_KINDS` kinds."""
    kinds: set[str] = set()
    for number, event in enumerate(events):
        kinds.add(_kind(event))
        if len(kinds) > MOST_KINDS:
            return list(events[:number])
    return list(events)
