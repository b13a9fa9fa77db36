"""Verification of audit trails: `python -m chalicelib.access.verify_audit --help`.

Online it reads the table and the bucket of blocks and anchors, since the last verified anchor or, with --full, all of
it; offline an export, and anchors that were kept apart.
An event that was changed, removed, inserted or moved is named. Whoever may write table and bucket cannot hide that
from an anchor, which nobody can change.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from chalicelib.access.audit import REGION, canonical
from chalicelib.access.audit_blocks import Block, BlockStore, Leaf
from chalicelib.access.audit_receipt import problems_of_receipt
from chalicelib.access.audit_search import DAY_MS
from chalicelib.access.audit_verification import Content, Start, contents, problems, problems_of_blocks, start_at

YEAR_MS = 365.25 * DAY_MS


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
    parser.add_argument("--full", action="store_true", help="read all of it, not only what came since the last anchor")
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
    return max(_verify(store, chain, is_full=arguments.full) for chain in chains)


def _verify(store: BlockStore, chain: str, *, is_full: bool) -> int:
    from chalicelib import wiring

    last = None if is_full else wiring.audit_verifications().last(chain)
    start = start_at(store, chain, last.anchor_day) if last else Start()
    since = f", from block {start.seq} (anchor of {start.day})" if start.day else ""
    return _report(
        f"{chain}, head {store.head(chain).seq}{since}", problems(store, chain, _forgotten_before_ms(), start)
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
