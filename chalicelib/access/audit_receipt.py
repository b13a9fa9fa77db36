"""Receipts: proof for one event that it is in its chain, which anybody can check without the archive.

A receipt holds the event as the patient may see it, the Merkle path to the root of its block, the headers from that
block to the next anchored one, and the name of that anchor, which is under Object Lock and may be published.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any

from chalicelib.access import merkle
from chalicelib.access.audit import AuditEvent, canonical, entry_of, public_part
from chalicelib.access.audit_blocks import Block, BlockStore, Leaf
from chalicelib.access.audit_search import key_of
from chalicelib.errors import NotReady

SEARCHED_BLOCKS = 2000
"""Blocks after an event's time that are looked through: an event may be recorded late."""
SEAL_S = 300
CLOCKS_DIFFER_MS = 300_000
"""By so much the clock of whoever recorded an event may be ahead of the sealer's."""


def receipt(store: BlockStore, event: AuditEvent) -> dict[str, Any]:
    """The receipt of a recorded event.

    Raises
    ------
    errors.NotReady
        If it is in no block yet.
    """
    leaf = Leaf(key_of(event), merkle.leaf_hash(entry_of(event)))
    found = _block_of(store, event.chain, leaf)
    if found is None:
        raise NotReady("The event is sealed within minutes: ask again then.", SEAL_S)
    block, leaves = found
    headers = [block]
    anchor = _anchor_after(store, block)
    if anchor:
        headers += islice(store.blocks(block.chain, block.seq), anchor["seq"] - block.seq)
    return {
        "event": public_part(event),
        "proof": merkle.proof([each.hash for each in leaves], leaves.index(leaf)),
        "blocks": [each.to_json() for each in headers],
        "anchor": anchor,
    }


def problems_of_receipt(made: Mapping[str, Any], anchor: bytes | None = None) -> Iterator[str]:
    """What is wrong with a receipt; with the content of its anchor, that too.

    Parameters
    ----------
    made
        As `receipt` makes it, from anywhere.
    """
    try:
        blocks = [Block(**header) for header in made["blocks"]]
        root = merkle.root_by_proof(merkle.leaf_hash(canonical(made["event"])), made["proof"])
        first = blocks[0]
        stated = made.get("anchor")
    except (KeyError, TypeError, ValueError, IndexError):
        yield "this is no receipt"
        return
    if root != first.root:
        yield "the event is not the one that was recorded"
    for before, block in pairwise(blocks):
        if (block.seq, block.previous_hash, block.chain) != (before.seq + 1, before.hash, before.chain):
            yield f"block {block.seq} does not follow block {before.seq}"
    if stated and (stated["seq"], stated["hash"]) != (blocks[-1].seq, blocks[-1].hash):
        yield "the blocks do not lead to the anchor"
    if anchor is not None:
        head = json.loads(anchor).get("chains", {}).get(blocks[-1].chain)
        if head != {"seq": blocks[-1].seq, "hash": blocks[-1].hash}:
            yield "the anchor names another block"


def _block_of(store: BlockStore, chain: str, leaf: Leaf) -> tuple[Block, list[Leaf]] | None:
    """The block that holds a leaf, looked for from the first that was sealed after the event's time."""
    first = first_sealed_after(store, chain, leaf.filed_ms - CLOCKS_DIFFER_MS)
    for block in islice(store.blocks(chain, first - 1), SEARCHED_BLOCKS):
        leaves = store.leaves(block)
        if leaf in leaves:
            return block, leaves
    return None


def first_sealed_after(store: BlockStore, chain: str, when_ms: int) -> int:
    """Seq of the first block that was not sealed before a time; one behind the head if all were."""
    low, high = 1, store.head(chain).seq + 1
    while low < high:
        middle = (low + high) // 2
        block = store.block(chain, middle)
        if block is not None and block.sealed_at_ms < when_ms:
            low = middle + 1
        else:
            high = middle
    return low


def _anchor_after(store: BlockStore, block: Block) -> dict[str, Any] | None:
    """The first anchor that covers a block; None while there is none."""
    day = datetime.fromtimestamp(block.sealed_at_ms / 1000, UTC) - timedelta(days=1)
    for _ in range(4):
        name = day.strftime("%Y-%m-%d")
        content = store.anchor(name)
        head = json.loads(content)["chains"].get(block.chain) if content else None
        if head and head["seq"] >= block.seq:
            return {"day": name, "seq": head["seq"], "hash": head["hash"]}
        day += timedelta(days=1)
    return None
