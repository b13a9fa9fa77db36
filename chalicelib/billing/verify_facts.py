"""Verification of metered facts: `python -m chalicelib.billing.verify_facts [--hospital H]`.

Recomputes every chain from its blocks' facts, checks facts against their schemas and months against their sums, reads
the Parquet exports back and compares them with the blocks. Prints the head of each chain: keep it elsewhere, whoever
could rewrite the whole table could not rewrite that.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from chalicelib.access import merkle
from chalicelib.access.audit import canonical
from chalicelib.billing.fact_blocks import (
    FIRST_PREVIOUS_HASH,
    FactBlock,
    FactBlocks,
    FactHead,
    block_of,
    usage_of,
)
from chalicelib.billing.fact_export import FACT_COLUMNS, Export, FactExports, rows_of
from chalicelib.billing.facts import Event, leaf_of
from chalicelib.errors import NotFound

SCHEMAS = Path(__file__).with_name("schemas")


def problems(
    store: FactBlocks, exports: FactExports, hospital: str, known_head: FactHead | None = None
) -> Iterator[str]:
    """What is wrong with a hospital's facts: changed, missing, repeated or reordered ones, wrong sums or exports.

    Parameters
    ----------
    known_head
        A head that was printed earlier: the chain must still pass through it.
    """
    head = store.head(hospital)
    before = FactHead()
    running: Mapping[str, int] = {}
    headers: dict[int, FactBlock] = {}
    sums: dict[str, Counter[str]] = {}
    ids: set[str] = set()
    for block in store.blocks(hospital):
        if block.seq > head.seq:
            break  # sealed meanwhile
        events = store.events(block)
        yield from _problems_of_block(block, events, before, running, ids)
        if known_head and block.seq == known_head.seq and block.hash != known_head.hash:
            yield f"block {block.seq} is not the one that was known"
        ids.update(event["id"] for event in events)
        sums.setdefault(block.period, Counter()).update(block.totals)
        headers[block.seq] = block
        before, running = FactHead(block.seq, block.hash, block.sealed_at_ms), block.running
    if (before.seq, before.hash) != (head.seq, head.hash if head.seq else FIRST_PREVIOUS_HASH):
        yield f"the head names block {head.seq}, the last block is {before.seq}"
    if known_head and known_head.seq > before.seq:
        yield f"block {known_head.seq} was known and is gone"
    for period, counted in sums.items():
        if store.usage(hospital, period) != usage_of(counted) and store.head(hospital).seq == head.seq:
            yield f"the sums of {period} are not those of its blocks"
    for export in exports.exported(hospital):
        yield from problems_of_export(exports, export, headers)


def _problems_of_block(
    block: FactBlock, events: Sequence[Event], before: FactHead, running: Mapping[str, int], ids: set[str]
) -> Iterator[str]:
    name = f"block {block.seq}"
    if block.seq != before.seq + 1:
        yield f"block {before.seq + 1} is missing"
    if block.previous_hash != before.hash:
        yield f"{name} does not follow the block before it"
    if block.sealed_at_ms < before.sealed_at_ms:
        yield f"{name} was sealed before the block before it"
    if not events:
        yield f"the facts of {name} are lost"
        return
    expected = block_of(block.hospital, before, running, events, block.sealed_at_ms)
    if expected.root != block.root or expected.count != block.count:
        yield f"facts of {name} were changed"
    elif expected.to_json() != block.to_json():
        yield f"the header of {name} does not fit its facts"
    for event in events:
        if event["id"] in ids:
            yield f"{name} repeats fact {event['id']}"
        if reason := _invalid(event):
            yield f"fact {event['id']} of {name}: {reason}"
        if event["source"] != f"/hospitals/{block.hospital}":
            yield f"fact {event['id']} of {name} is of another hospital"


def problems_of_export(exports: FactExports, export: Export, headers: Mapping[int, FactBlock]) -> Iterator[str]:
    """What of an export differs from the blocks that it says it holds."""
    name = f"export {export.day} of blocks {export.first} to {export.last}"
    try:
        facts, stated = exports.read(export)
        leaves: dict[int, list[str]] = {}
        for row in rows_of(facts):
            event = json.loads(row["event"])
            if not _fits(row, event):
                yield f"{name}: the columns of fact {row['id']} are not those of its event"
            leaves.setdefault(row["block"], []).append(leaf_of(event))
        known = {row["seq"]: row["header"] for row in rows_of(stated)}
    except (NotFound, ValueError, KeyError):
        yield f"{name} cannot be read"
        return
    for seq in sorted({*range(export.first, export.last + 1), *leaves, *known}):
        block = headers.get(seq)
        if block is None:
            yield f"{name} has block {seq}, which the chain has not"
        elif merkle.root(leaves.get(seq, [])) != block.root:
            yield f"{name}: the facts of block {seq} are not those that were sealed"
        elif known.get(seq) != canonical(block.to_json()).decode("ascii"):
            yield f"{name}: the header of block {seq} is another one"


def _fits(row: Mapping[str, Any], event: Event) -> bool:
    names = [name for name in FACT_COLUMNS if name not in ("event", "block", "time", "ingesttime")]
    times = all(
        f"{row[name]:%Y-%m-%dT%H:%M:%S}.{row[name].microsecond // 1000:03d}Z" == event[name]
        for name in ("time", "ingesttime")
    )
    return times and all(row[name] == event.get(name, event["data"].get(name)) for name in names)


@cache
def _schema(name: str) -> Callable[[Any], Any] | None:
    import fastjsonschema

    path = SCHEMAS / f"{name}.json"
    return fastjsonschema.compile(json.loads(path.read_text("utf-8"))) if path.is_file() else None


def _invalid(event: Event) -> str:
    """Why a fact is not as its schema says."""
    import fastjsonschema

    validate = _schema(str(event.get("type", "")).removeprefix("fr.sansfilm.").replace("/", ""))
    if validate is None:
        return "its type has no schema"
    try:
        validate(event)
    except fastjsonschema.JsonSchemaException as error:
        return str(error)
    return ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify the facts of the hospitals named, or of all; exit status 1 when something is wrong."""
    from chalicelib import wiring, wiring_meters

    parser = argparse.ArgumentParser(prog="python -m chalicelib.billing.verify_facts", description=__doc__)
    parser.add_argument("--hospital", help="only this hospital's facts")
    parser.add_argument("--known-head", metavar="SEQ:HASH", help="a head printed earlier (with --hospital)")
    options = parser.parse_args(arguments)
    if options.known_head and not options.hospital:
        parser.error("--known-head needs --hospital")
    seq, _, known_hash = (options.known_head or "").partition(":")
    known = FactHead(int(seq), known_hash) if seq else None
    store, exports = wiring_meters.facts(), wiring_meters.fact_exports()
    hospitals = [options.hospital] if options.hospital else [h.hospital_id for h in wiring.registry().hospitals()]
    wrong = False
    for hospital in hospitals:
        found = list(problems(store, exports, hospital, known))
        head, count = store.head(hospital), len(exports.exported(hospital))
        print(f"{hospital}: {'WRONG' if found else 'intact'}, {count} exports, head {head.seq}:{head.hash}")
        for problem in found:
            print(f"  {problem}")
        wrong = wrong or bool(found)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
