"""Lines of the ledger of exams as Parquet, and read back (docs/adr/0004, docs/adr/0037).

An export is what was recorded on one day (Paris): a row for each line, with its canonical JSON, from which its hash and
so the whole chain is computed again without the table.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from chalicelib.access.audit import canonical
from chalicelib.billing.cost.usage import day_of
from chalicelib.billing.fact_export import MOST_FACTS, Export, FactExports, rows_of, to_parquet
from chalicelib.billing.ledger import FIRST_PREVIOUS_HASH, Ledger, Line, digest, to_json
from chalicelib.errors import NotFound

COLUMNS = {
    "seq": "BIGINT",
    "event": "VARCHAR",
    "hospital": "VARCHAR",
    "study_instance_uid": "VARCHAR",
    "accession_number": "VARCHAR",
    "modalities": "VARCHAR",
    "event_time": "TIMESTAMP",
    "recorded_at": "TIMESTAMP",
    "period": "VARCHAR",
    "hash": "VARCHAR",
    "previous_hash": "VARCHAR",
    "line": "VARCHAR",
}
_SAME = ("seq", "event", "hospital", "study_instance_uid", "accession_number", "hash", "previous_hash")


def export_lines(ledger: Ledger, exports: FactExports, hospital: str, today: str) -> list[Export]:
    """Export all lines of days before `today` that are not exported yet; return what was made. Safe to repeat."""
    known = exports.exported(hospital)
    lines = ledger.lines(hospital, known[-1].last if known else 0)
    made = []
    for export, group in _files(hospital, (line for line in lines if day_of(line) < today)):
        exports.put(export, lines_to_parquet(group), b"")
        made.append(export)
    return made


def lines_to_parquet(lines: Iterable[Line]) -> bytes:
    """A row for each line."""
    return to_parquet((_row(line) for line in lines), COLUMNS)


def problems_of_exports(ledger: Ledger, exports: FactExports, hospital: str) -> Iterator[str]:
    """What is wrong with a hospital's exports: gaps, changed rows, a chain that is not the ledger's."""
    seq, previous_hash = 0, FIRST_PREVIOUS_HASH
    for export in exports.exported(hospital):
        name = f"export {export.day} of lines {export.first} to {export.last}"
        if export.first != seq + 1:
            yield f"{name} does not follow line {seq}"
        try:
            for row in rows_of(exports.read(export)[0]):
                content = json.loads(row["line"])
                stated = content.pop("hash")
                if stated != digest(content) or not _fits(row, {**content, "hash": stated}):
                    yield f"{name}: line {row['seq']} was changed"
                elif (row["seq"], content["previous_hash"]) != (seq + 1, previous_hash):
                    yield f"{name}: line {row['seq']} does not follow the line before it"
                seq, previous_hash = row["seq"], stated
        except (NotFound, ValueError, KeyError):
            yield f"{name} cannot be read"
            return
        if seq != export.last:
            yield f"{name} ends at line {seq}"
        last = next(ledger.lines(hospital, export.last - 1, export.last), None)
        if last is None or last.hash != previous_hash:
            yield f"{name} is of another chain than the ledger's"


def _files(hospital: str, lines: Iterable[Line]) -> Iterator[tuple[Export, list[Line]]]:
    """Lines by day, and by as many as a file takes."""
    for day, of_day in groupby(lines, key=day_of):
        found = list(of_day)
        for start in range(0, len(found), MOST_FACTS):
            group = found[start : start + MOST_FACTS]
            yield Export(hospital, day, group[0].seq, group[-1].seq), group


def _row(line: Line) -> dict[str, Any]:
    named = {name: getattr(line, name) for name in COLUMNS if name != "line"}
    return named | {"line": canonical(to_json(line)).decode("ascii")}


def _fits(row: Mapping[str, Any], content: Mapping[str, Any]) -> bool:
    times = all(
        f"{row[name]:%Y-%m-%dT%H:%M:%S}.{row[name].microsecond // 1000:03d}Z" == content[name]
        for name in ("event_time", "recorded_at")
    )
    is_same = times and all(row[name] == content[name] for name in _SAME)
    return is_same and row["modalities"] == content.get("modalities", "") and row["period"] == Line(**content).period
