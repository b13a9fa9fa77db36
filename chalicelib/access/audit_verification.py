"""What is wrong with a chain of the audit trail: all of it, or what came since the last verified anchor.

Reading every event of twenty years each time would take longer every day. An anchor lies in an object that nobody can
change, and names a block whose hash is over all blocks before it. So verification begins at the newest anchor that an
earlier one reached without finding anything, and reads what was sealed since that anchor's day began (docs/adr/0029).
What happens to older events in the table meanwhile is found by reading everything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Protocol

from chalicelib.access import merkle
from chalicelib.access.audit import entry_of, from_json
from chalicelib.access.audit_blocks import FIRST_PREVIOUS_HASH, MOST_EVENTS, Block, BlockStore, Leaf
from chalicelib.access.audit_receipt import CLOCKS_DIFFER_MS, first_sealed_after
from chalicelib.access.audit_search import DAY_MS

Content = tuple[Block, list[Leaf], Mapping[str, str]]
"""A block, its leaves, and the stored JSON of its events by key."""
MOST_TEXTS = 20
"""Problems that are kept of one verification."""


@dataclass(frozen=True)
class Verification:
    """What a verification found."""

    at_ms: int
    from_block: int
    """First block that it read."""
    blocks: int
    """Last block that it read."""
    problems: tuple[str, ...] = ()
    anchor_day: str = ""
    """Day of the newest anchor that is known to be right: where the next one begins."""


class Verifications(Protocol):
    """The last verification of each chain. `errors.Unavailable` when it does not answer."""

    def last(self, chain: str) -> Verification | None:
        """The last one."""

    def put(self, chain: str, found: Verification) -> None:
        """Keep one in place of the last."""


@dataclass(frozen=True)
class Start:
    """Where a verification begins."""

    seq: int = 1
    previous_hash: str = FIRST_PREVIOUS_HASH
    sealed_at_ms: int = 0
    """Of the block before."""
    day: str = ""
    """First day whose events are compared with those of the blocks; "" for all."""


def start_at(store: BlockStore, chain: str, anchor_day: str) -> Start:
    """Where to begin so that all that was filed from an anchor's day on is read; the beginning if there is no such.

    The blocks from there lead to the anchored one, so that its hash vouches for all before them.
    """
    content = store.anchor(anchor_day) if anchor_day else None
    head = json.loads(content)["chains"].get(chain) if content else None
    if not head:
        return Start()
    began_ms = int(datetime.fromisoformat(anchor_day).replace(tzinfo=UTC).timestamp() * 1000)
    seq = min(first_sealed_after(store, chain, began_ms - CLOCKS_DIFFER_MS), head["seq"])
    before = store.block(chain, seq - 1) if seq > 1 else None
    return Start(seq, before.hash, before.sealed_at_ms, anchor_day) if before else Start()


def verify(
    store: BlockStore, known: Verifications, chain: str, now_ms: int, forgotten_before_ms: float, *, is_full: bool
) -> Verification:
    """Verify a chain and keep what was found; one that is wrong is begun at the same place again."""
    last = known.last(chain)
    anchor_day = last.anchor_day if last else ""
    start = Start() if is_full else start_at(store, chain, anchor_day)
    reached = store.head(chain).seq
    found = tuple(islice(problems(store, chain, forgotten_before_ms, start), MOST_TEXTS))
    if not found:
        anchor_day = newest_anchor(store, chain, reached, now_ms, anchor_day) or anchor_day
    made = Verification(now_ms, start.seq, reached, found, anchor_day)
    known.put(chain, made)
    return made


def newest_anchor(store: BlockStore, chain: str, reached: int, now_ms: int, since_day: str) -> str:
    """Day of the newest anchor of a chain that names a block up to `reached`; "" if there is none."""
    day = day_of(now_ms)
    for _ in range(400):
        content = store.anchor(day)
        head = json.loads(content)["chains"].get(chain) if content else None
        if head and head["seq"] <= reached:
            return day
        day = day_of(int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000) - DAY_MS)
        if day < since_day:
            break
    return ""


def contents(store: BlockStore, chain: str, after_seq: int = 0) -> Iterator[Content]:
    """Every block of a chain behind one."""
    for block in store.blocks(chain, after_seq):
        leaves = store.leaves(block)
        yield block, leaves, store.events(chain, leaves)


def problems_of_blocks(
    blocks: Iterable[Content],
    chain: str,
    anchors: Mapping[int, str],
    forgotten_before_ms: float = 0,
    seen: Callable[[Leaf], None] = lambda leaf: None,
    start: Start = Start(),
) -> Iterator[str]:
    """What is wrong with blocks.

    Parameters
    ----------
    anchors
        Hashes of blocks by seq that are known from elsewhere.
    forgotten_before_ms
        Events filed before may be gone: their time is over.
    seen
        Told every leaf.
    start
        What the first block follows.
    """
    seq, previous, sealed_at_ms = start.seq - 1, start.previous_hash, start.sealed_at_ms
    for block, leaves, events in blocks:
        if (block.seq, block.chain) != (seq + 1, chain):
            yield f"block {seq + 1} is missing: block {block.seq} follows block {seq}"
        if block.previous_hash != previous:
            yield f"block {block.seq} does not follow the block before it"
        if block.sealed_at_ms < sealed_at_ms:
            yield f"block {block.seq} was sealed before the block before it"
        if anchors.get(block.seq, block.hash) != block.hash:
            yield f"block {block.seq} is not the one that was anchored"
        yield from _problems_of_leaves(block, leaves)
        for leaf in leaves:
            seen(leaf)
            body = events.get(leaf.key)
            if body is None and leaf.filed_ms >= forgotten_before_ms:
                yield f"event {leaf.key} of block {block.seq} was removed"
            elif body is not None and _leaf_hash(body) != leaf.hash:
                yield f"event {leaf.key} of block {block.seq} was changed"
        seq, previous, sealed_at_ms = block.seq, block.hash, block.sealed_at_ms
    for known in sorted(anchors):
        if known > seq:
            yield f"block {known} was anchored and is gone"


def _problems_of_leaves(block: Block, leaves: Sequence[Leaf]) -> Iterator[str]:
    if merkle.root([leaf.hash for leaf in leaves]) != block.root or len(leaves) != block.count:
        yield f"the leaves of block {block.seq} were changed, removed or reordered"
    if list(leaves) != sorted(set(leaves)):
        yield f"the leaves of block {block.seq} are not in order"


def _leaf_hash(body: str) -> str:
    try:
        return merkle.leaf_hash(entry_of(from_json(json.loads(body))))
    except (ValueError, KeyError, TypeError):
        return ""


def problems(
    store: BlockStore,
    chain: str,
    forgotten_before_ms: float = 0,
    start: Start = Start(),
) -> Iterator[str]:
    """What is wrong with a chain: its blocks, its head, its anchors, events that no block and no marker knows."""
    head = store.head(chain)
    keys: set[str] = set()
    days: set[str] = {start.day} if start.day else set()

    def seen(leaf: Leaf) -> None:
        if leaf.key in keys:
            repeated.append(leaf.key)
        keys.add(leaf.key)
        if not start.day:
            days.add(day_of(leaf.filed_ms))

    repeated: list[str] = []
    first = store.block(chain, start.seq)
    anchored = dict(_anchored(store, chain, first.sealed_at_ms)) if first else {}
    last = Block("", 0, "", "", 0, 0)

    def noted() -> Iterator[Content]:
        nonlocal last
        for content in contents(store, chain, start.seq - 1):
            last = content[0]
            yield content

    yield from problems_of_blocks(noted(), chain, anchored, forgotten_before_ms, seen, start)
    yield from (f"event {key} is in two blocks" for key in repeated)
    if head.seq and (last.seq < head.seq or (last.seq == head.seq and last.hash != head.hash)):
        yield f"the head names block {head.seq}, which is not the last block"
    for day in _all_days(days):
        # Markers are read after events: what was recorded meanwhile is no surprise.
        unknown = {key for key in store.event_keys(chain, day) if key not in keys}
        if unknown:
            unknown -= {leaf.key for leaf in store.unsealed(chain, 100 * MOST_EVENTS)}
            unknown -= {leaf.key for block in store.blocks(chain, last.seq) for leaf in store.leaves(block)}
        yield from (f"event {key} was inserted: no block has it" for key in sorted(unknown))


def _all_days(days: set[str]) -> list[str]:
    """Days between the first and now."""
    if not days:
        return []
    first = datetime.fromisoformat(min(days)).replace(tzinfo=UTC)
    last = max(datetime.now(UTC), datetime.fromisoformat(max(days)).replace(tzinfo=UTC))
    return [(first + timedelta(days=n)).strftime("%Y-%m-%d") for n in range((last - first).days + 1)]


def day_of(when_ms: int) -> str:
    """Day of a time, UTC."""
    return datetime.fromtimestamp(when_ms / 1000, UTC).strftime("%Y-%m-%d")


def _anchored(store: BlockStore, chain: str, since_ms: int) -> Iterator[tuple[int, str]]:
    for day in _all_days({day_of(since_ms - DAY_MS)}):
        content = store.anchor(day)
        head = json.loads(content)["chains"].get(chain) if content else None
        if head:
            yield head["seq"], head["hash"]
