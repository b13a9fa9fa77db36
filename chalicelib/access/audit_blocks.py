"""Blocks of the audit trail: events under one Merkle root, each block naming the one before it (docs/adr/0024)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Protocol

from chalicelib.access import merkle
from chalicelib.access.audit import canonical

FIRST_PREVIOUS_HASH = "0" * 64
MOST_EVENTS = 10_000
"""Of one block; what is left goes into the next one."""


class Leaf(NamedTuple):
    """An event as a block knows it."""

    key: str
    """`{filed ms, 13 digits}#{event id}`."""
    hash: str
    """Leaf hash of what `audit.entry_of` says."""

    @property
    def event_id(self) -> str:
        """Id of the event."""
        return self.key.partition("#")[2]

    @property
    def filed_ms(self) -> int:
        """Time that the event is filed at."""
        return int(self.key.partition("#")[0])


@dataclass(frozen=True)
class Block:
    """Header of a block."""

    chain: str
    seq: int
    """From 1, without gaps."""
    previous_hash: str
    root: str
    count: int
    sealed_at_ms: int
    """Never less than that of the block before."""

    @property
    def hash(self) -> str:
        """SHA-256 of the header's canonical JSON."""
        return hashlib.sha256(canonical(asdict(self))).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """The header as it is stored and exported."""
        return asdict(self)


@dataclass(frozen=True)
class Head:
    """The end of a chain."""

    seq: int = 0
    hash: str = FIRST_PREVIOUS_HASH
    sealed_at_ms: int = 0
    cleared: bool = True
    """Whether the markers of the last block's events are gone."""


class BlockStore(Protocol):
    """Where blocks are. `errors.Unavailable` when it does not answer."""

    def head(self, chain: str) -> Head:
        """The end of a chain."""

    def unsealed(self, chain: str, limit: int) -> list[Leaf]:
        """Events that have a marker, at most `limit`."""

    def append(self, block: Block, leaves: Sequence[Leaf]) -> bool:
        """Write a block behind the head; False if the head has moved."""

    def clear(self, block: Block, leaves: Sequence[Leaf]) -> None:
        """Remove the markers of a block's events; safe to repeat."""

    def block(self, chain: str, seq: int) -> Block | None:
        """One header."""

    def blocks(self, chain: str, after_seq: int = 0) -> Iterator[Block]:
        """Headers in order."""

    def leaves(self, block: Block) -> list[Leaf]:
        """Leaves of a block, sorted; empty if they are lost."""

    def events(self, chain: str, leaves: Sequence[Leaf]) -> dict[str, str]:
        """Stored JSON of events by the keys of their leaves; those that are lost are missing."""

    def event_keys(self, chain: str, day: str) -> Iterator[str]:
        """Keys of all events of a day (UTC) that are in the table."""

    def put_anchor(self, day: str, content: bytes) -> bool:
        """Write the anchor of a day unless there is one."""

    def anchor(self, day: str) -> bytes | None:
        """The anchor of a day."""


def seal(store: BlockStore, chain: str, now_ms: int, most_events: int = MOST_EVENTS) -> Block | None:
    """Put events that no block has into one; None if there are none, or if somebody else is at it.

    A sealer that died between writing a block and removing its markers is finished first, so that no event is in
    two blocks.
    """
    head = store.head(chain)
    if not head.cleared:
        last = store.block(chain, head.seq)
        if last is not None:
            store.clear(last, store.leaves(last))
    leaves = sorted(store.unsealed(chain, most_events))
    if not leaves:
        return None
    root = merkle.root([leaf.hash for leaf in leaves])
    block = Block(chain, head.seq + 1, head.hash, root, len(leaves), max(now_ms, head.sealed_at_ms))
    if not store.append(block, leaves):
        return None
    store.clear(block, leaves)
    return block


def anchor_of(store: BlockStore, chains: Sequence[str], day: str, now_ms: int) -> bytes:
    """The heads of all chains, for an object that nobody can change."""
    heads = {chain: store.head(chain) for chain in chains}
    content = {chain: {"seq": head.seq, "hash": head.hash} for chain, head in heads.items() if head.seq}
    return canonical({"day": day, "made_at_ms": now_ms, "chains": content})
