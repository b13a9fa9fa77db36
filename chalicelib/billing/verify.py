"""Verification of ledgers: `python -m chalicelib.billing.verify [--hospital H]`.

Checks chains and their Parquet exports, and prints the head of each chain. Keep it elsewhere: whoever could rewrite the
whole table could not rewrite that.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator

from chalicelib.billing.ledger import FIRST_PREVIOUS_HASH, Head, Ledger, digest, modality_values, to_json
from chalicelib.billing.line_export import problems_of_exports


def problems(ledger: Ledger, hospital: str, known_head: Head | None = None) -> Iterator[str]:
    """What is wrong with a hospital's chain: changed, missing, repeated or reordered lines, a head that is elsewhere.

    Parameters
    ----------
    known_head
        A head that was printed earlier: the chain must still pass through it.
    """
    head = ledger.head(hospital)
    seq, previous_hash, recorded_at = 0, FIRST_PREVIOUS_HASH, ""
    facts: set[tuple[str, str]] = set()
    used: dict[str, Counter[tuple[str, tuple[str, ...]]]] = {}
    for line in ledger.lines(hospital, last_seq=head.seq):
        content = to_json(line)
        stated = content.pop("hash")
        if line.seq != seq + 1:
            yield f"line {seq + 1} is missing: line {line.seq} follows line {seq}"
        if line.previous_hash != previous_hash:
            yield f"line {line.seq} does not follow the line before it"
        if stated != digest(content):
            yield f"line {line.seq} was changed"
        if line.hospital != hospital:
            yield f"line {line.seq} is of another hospital"
        if line.recorded_at < recorded_at:
            yield f"line {line.seq} was recorded before the line before it"
        if (line.study_instance_uid, line.event) in facts:
            yield f"line {line.seq} repeats a fact"
        if known_head and line.seq == known_head.seq and line.hash != known_head.hash:
            yield f"line {line.seq} is not the one that was known"
        facts.add((line.study_instance_uid, line.event))
        used.setdefault(line.period, Counter())[line.event, modality_values(line.modalities)] += 1
        seq, previous_hash, recorded_at = line.seq, line.hash, line.recorded_at
    if (head.seq, head.hash) != (seq, previous_hash):
        yield f"the head names line {head.seq}, the last line is {seq}"
    beyond = next(ledger.lines(hospital, head.seq), None)
    if beyond is not None and ledger.head(hospital) == head:
        yield f"line {beyond.seq} is beyond the head"
    if known_head and known_head.seq > seq:
        yield f"line {known_head.seq} was known and is gone"
    for period, counted in used.items():
        stated_usage = {(usage.event, usage.modalities): usage.quantity for usage in ledger.usage(hospital, period)}
        if stated_usage != counted and ledger.head(hospital) == head:
            yield f"the counts of {period} are not those of its lines"


def main() -> int:
    """Verify the ledgers of the hospitals named, or of all; exit status 1 when one is wrong."""
    from chalicelib import wiring, wiring_meters

    parser = argparse.ArgumentParser(prog="python -m chalicelib.billing.verify", description=main.__doc__)
    parser.add_argument("--hospital", help="only this hospital's ledger")
    parser.add_argument("--known-head", metavar="SEQ:HASH", help="a head printed earlier (with --hospital)")
    arguments = parser.parse_args()
    if arguments.known_head and not arguments.hospital:
        parser.error("--known-head needs --hospital")
    known = None
    if arguments.known_head:
        seq, _, known_hash = arguments.known_head.partition(":")
        known = Head(int(seq), known_hash)
    ledger, exports = wiring.ledger(), wiring_meters.line_exports()
    hospitals = [arguments.hospital] if arguments.hospital else [h.hospital_id for h in wiring.registry().hospitals()]
    wrong = False
    for hospital in hospitals:
        found = [*problems(ledger, hospital, known), *problems_of_exports(ledger, exports, hospital)]
        head, count = ledger.head(hospital), len(exports.exported(hospital))
        print(f"{hospital}: {'WRONG' if found else 'intact'}, {count} exports, head {head.seq}:{head.hash}")
        for problem in found:
            print(f"  {problem}")
        wrong = wrong or bool(found)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
