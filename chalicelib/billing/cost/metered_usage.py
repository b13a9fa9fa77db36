"""Usage as the metered facts have it, exams from the ledger (docs/adr/0032, docs/adr/0037).

What the meters know of a hospital's month replaces what the ledger and the index would estimate of it: instances and
bytes in, byte-days, requests and bytes out, conversions, pictures, SMS segments, reports, shares, restores. Headers of
blocks say all that is needed but for byte-days, which are of the day before the one they were sealed on: their facts
are read. Facts that no modality is known of are spread over the hospital's modalities in whole units, so that none is
lost: byte-days as the ledger and the index would have it, the others as the month's exams.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from chalicelib.billing import facts
from chalicelib.billing.cost.shares import shared
from chalicelib.billing.cost.usage import (
    EXAMS,
    INSTANCES,
    NO_MODALITY,
    Cell,
    UsageSource,
    Used,
    days_of,
    main_modality,
)
from chalicelib.billing.fact_blocks import FactBlock, FactBlocks, last_block_until
from chalicelib.billing.stored_bytes import CATCH_UP_DAYS

BYTES_THROUGH_INGEST = "bytes through ingest"
"""What the containers take in, and what they send over DIMSE."""
HTTP = ", HTTP"
"""Of what goes out: without DIMSE."""
CONVERSIONS = "pictures and conversions"
"""What the rendering function is called for."""
_OUT = (facts.REQUESTS_OUT, facts.BYTES_OUT)
_NAMES = {facts.INSTANCES_IN: INSTANCES}
Sums = dict[tuple[str, str, str], int]
"""Quantity by day, meter of allocation and modality, "" where none is known."""


class MeteredUsage:
    """Implements `usage.UsageSource`.

    Parameters
    ----------
    otherwise
        Exams, and whatever a hospital's facts say nothing of: an archive that is older than its meters.
    """

    def __init__(self, blocks: FactBlocks, otherwise: UsageSource) -> None:
        self._blocks = blocks
        self._otherwise = otherwise

    def usage(self, hospitals: Sequence[str], period: str) -> Iterator[Used]:
        """Usage of a month."""
        for hospital in hospitals:
            yield from self._of_hospital(hospital, period)

    def _of_hospital(self, hospital: str, period: str) -> Iterator[Used]:
        sums = self._sums(hospital, period)
        metered = {meter for _, meter, _ in sums}
        estimated: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for each in self._otherwise.usage([hospital], period):
            estimated[each.meter][each.cell.modality] += each.quantity
            if each.meter not in metered:
                yield each
        # A correction may take back more than a day had: it is the month that has to be whole.
        for (day, meter, modality), quantity in sorted(_not_negative(sums).items()):
            weights = {modality: 1} if modality else +estimated[meter] or +estimated[EXAMS] or {NO_MODALITY: 1}
            for name, part in _spread(quantity, weights).items():
                yield Used(Cell(hospital, name), day, meter, part)

    def _sums(self, hospital: str, period: str) -> Sums:
        """What the blocks of a month add up to."""
        sums: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        days = days_of(period)
        for block in self._of_month(hospital, days):
            if any(kind.startswith(facts.BYTE_DAYS) for kind in block.totals):
                for day, quantity in _byte_days(self._blocks, block):
                    if days[0] <= day <= days[-1]:
                        sums[day, facts.BYTE_DAYS, ""] += quantity
            if block.day <= days[-1]:
                for (meter, modality), quantity in used_for(block.totals).items():
                    sums[block.day, meter, modality] += quantity
        return sums

    def _of_month(self, hospital: str, days: Sequence[str]) -> Iterator[FactBlock]:
        """Blocks sealed in the month, and later ones as long as they may tell of its byte-days."""
        begin = datetime.fromisoformat(f"{days[0]}T00:00:00+00:00") - timedelta(days=1)
        before = last_block_until(self._blocks, hospital, int(begin.astimezone(UTC).timestamp() * 1000))
        last = (date.fromisoformat(days[-1]) + timedelta(days=CATCH_UP_DAYS)).isoformat()
        for block in self._blocks.blocks(hospital, before.seq if before else 0):
            if block.day > last:
                return
            if block.day >= days[0]:
                yield block


def used_for(totals: Mapping[str, int]) -> Counter[tuple[str, str]]:
    """Sums of a block by meter of allocation and modality, without byte-days.

    >>> sorted(used_for({"bytes out, DIMSE#": 5, "bytes out, viewer#": 2, "bytes in#CT\\\\SR": 7}).items())
    [(('bytes in', 'CT'), 7), (('bytes out', ''), 7), (('bytes out, HTTP', ''), 2), (('bytes through ingest', ''), 5), \
(('bytes through ingest', 'CT'), 7)]
    """
    found: Counter[tuple[str, str]] = Counter()
    for kind, quantity in totals.items():
        name, _, modalities = kind.partition("#")
        meter, _, variant = name.partition(", ")
        modality = main_modality(modalities) if modalities else ""
        if meter == facts.BYTE_DAYS:
            continue
        found[_NAMES.get(meter, meter), modality] += quantity
        if meter in _OUT and variant != "DIMSE":
            found[meter + HTTP, modality] += quantity
        if meter == facts.BYTES_IN or (meter, variant) == (facts.BYTES_OUT, "DIMSE"):
            found[BYTES_THROUGH_INGEST, modality] += quantity
        if meter in (facts.RENDERINGS, facts.TRANSCODES):
            found[CONVERSIONS, modality] += quantity
    return found


def _byte_days(blocks: FactBlocks, block: FactBlock) -> Iterator[tuple[str, int]]:
    for event in blocks.events(block):
        if event["data"]["meter"] == facts.BYTE_DAYS:
            yield event["subject"], event["data"]["quantity"]


def _spread(quantity: int, weights: Mapping[str, int]) -> dict[str, int]:
    parts = shared(Decimal(quantity), weights, Decimal(1))
    return {name: int(part) for name, part in parts.items() if part}


def _not_negative(sums: Mapping[tuple[str, str, str], int]) -> Sums:
    """Quantities of which none is negative; what a day lacks is taken from the other days of the meter and modality."""
    found = {key: quantity for key, quantity in sums.items() if quantity > 0}
    owed: Counter[tuple[str, str]] = Counter()
    for (_, meter, modality), quantity in sums.items():
        owed[meter, modality] -= min(quantity, 0)
    for key in sorted(found):
        taken = min(owed[key[1:]], found[key])
        owed[key[1:]] -= taken
        found[key] -= taken
    return {key: quantity for key, quantity in found.items() if quantity}
