"""Verification of audit trails: `python -m chalicelib.access.verify_audit --help`.

Online it reads the table and the bucket of blocks and anchors; offline an export, and anchors that were kept apart.
An event that was changed, removed, inserted or moved is named. Whoever may write table and bucket cannot hide that
from an anchor, which nobody can change.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chalicelib.access import merkle
from chalicelib.access.audit import REGION, canonical, entry_of, from_json
from chalicelib.access.audit_blocks import FIRST_PREVIOUS_HASH, MOST_EVENTS, Block, BlockStore, Leaf
from chalicelib.access.audit_receipt import problems_of_receipt
from chalicelib.access.audit_search import DAY_MS

Content = tuple[Block, list[Leaf], Mapping[str, str]]
"""A block, its leaves, and the stored JSON of its events by key."""
YEAR_MS = 365.25 * DAY_MS


def contents(store: BlockStore, chain: str) -> Iterator[Content]:
    """Every block of a chain."""
    for block in store.blocks(chain):
        leaves = store.leaves(block)
        yield block, leaves, store.events(chain, leaves)


def problems_of_blocks(
    blocks: Iterable[Content],
    chain: str,
    anchors: Mapping[int, str],
    forgotten_before_ms: float = 0,
    seen: Callable[[Leaf], None] = lambda leaf: None,
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
    """
    seq, previous, sealed_at_ms = 0, FIRST_PREVIOUS_HASH, 0
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


def problems(store: BlockStore, chain: str, forgotten_before_ms: float = 0) -> Iterator[str]:
    """What is wrong with a chain: its blocks, its head, its anchors, events that no block and no marker knows."""
    head = store.head(chain)
    keys: set[str] = set()
    days: set[str] = set()

    def seen(leaf: Leaf) -> None:
        if leaf.key in keys:
            repeated.append(leaf.key)
        keys.add(leaf.key)
        days.add(_day(leaf.filed_ms))

    repeated: list[str] = []
    first = store.block(chain, 1)
    anchored = dict(_anchored(store, chain, first.sealed_at_ms)) if first else {}
    last = Block("", 0, "", "", 0, 0)

    def noted() -> Iterator[Content]:
        nonlocal last
        for content in contents(store, chain):
            last = content[0]
            yield content

    yield from problems_of_blocks(noted(), chain, anchored, forgotten_before_ms, seen)
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


def _day(when_ms: int) -> str:
    return datetime.fromtimestamp(when_ms / 1000, UTC).strftime("%Y-%m-%d")


def _anchored(store: BlockStore, chain: str, since_ms: int) -> Iterator[tuple[int, str]]:
    for day in _all_days({_day(since_ms - DAY_MS)}):
        content = store.anchor(day)
        head = json.loads(content)["chains"].get(chain) if content else None
        if head:
            yield head["seq"], head["hash"]


def export(store: BlockStore, chain: str) -> Iterator[str]:
    """A chain as lines of JSON, one a block: header, leaves, events."""
    for block, leaves, events in contents(store, chain):
        content = {"block": block.to_json(), "leaves": [list(leaf) for leaf in leaves], "events": dict(events)}
        yield canonical(content).decode("ascii")


def read_export(lines: Iterable[str]) -> Iterator[Content]:
    """Inverse of `export`.

    Raises
    ------
    ValueError
        If it is no export.
    """
    for line in lines:
        try:
            content = json.loads(line)
            leaves = [Leaf(*leaf) for leaf in content["leaves"]]
            yield Block(**content["block"]), leaves, content["events"]
        except (KeyError, TypeError) as error:
            raise ValueError("This is no export of an audit trail.") from error


def main() -> int:
    """Verify audit trails, exports or receipts; exit status 1 when one is wrong."""
    from chalicelib import wiring

    parser = argparse.ArgumentParser(prog="python -m chalicelib.access.verify_audit", description=main.__doc__)
    parser.add_argument("--hospital", help=f"only this hospital's trail ({REGION}: what is about none)")
    parser.add_argument("--export", action="store_true", help="print the hospital's trail instead of verifying it")
    parser.add_argument("--file", type=Path, help="verify this export, offline")
    parser.add_argument("--receipt", type=Path, help="verify this receipt, offline")
    parser.add_argument("--anchor", type=Path, action="append", default=[], help="an anchor that was kept (JSON)")
    arguments = parser.parse_args()
    if arguments.export and not arguments.hospital:
        parser.error("--export needs --hospital")
    kept = [path.read_bytes() for path in arguments.anchor]
    if arguments.receipt:
        return _report("receipt", _problems_of_receipt(json.loads(arguments.receipt.read_text()), kept))
    if arguments.file:
        with arguments.file.open() as lines:
            chain = json.loads(lines.readline())["block"]["chain"]
            lines.seek(0)
            heads = (json.loads(anchor)["chains"].get(chain) for anchor in kept)
            anchors = {head["seq"]: head["hash"] for head in heads if head}
            return _report(chain, problems_of_blocks(read_export(lines), chain, anchors, _forgotten_before_ms()))
    store = wiring.audit_blocks()
    if arguments.export:
        for line in export(store, arguments.hospital):
            print(line)
        return 0
    everyone = [hospital.hospital_id for hospital in wiring.registry().hospitals()] if not arguments.hospital else []
    chains = [arguments.hospital] if arguments.hospital else [*everyone, REGION]
    return max(
        _report(f"{chain}, head {store.head(chain).seq}", problems(store, chain, _forgotten_before_ms()))
        for chain in chains
    )


def _problems_of_receipt(made: Mapping[str, object], kept: Sequence[bytes]) -> Iterator[str]:
    if not kept:
        yield from problems_of_receipt(made)
    for anchor in kept:
        yield from problems_of_receipt(made, anchor)


def _forgotten_before_ms() -> float:
    from chalicelib import wiring

    return time.time() * 1000 - wiring.settings().audit_retention_years * YEAR_MS


def _report(what: str, found: Iterator[str]) -> int:
    texts = list(found)
    print(f"{what}: {'WRONG' if texts else 'intact'}")
    for text in texts:
        print(f"  {text}")
    return int(bool(texts))


if __name__ == "__main__":
    sys.exit(main())
