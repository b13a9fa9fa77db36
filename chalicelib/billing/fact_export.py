"""Sealed facts as Parquet, and Parquet read back (docs/adr/0030).

An export is what blocks of one day hold: a row for each fact, with its canonical JSON, from which its hash is
computed again. DuckDB writes and reads; files are partitioned by hospital and period as Athena expects.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from chalicelib.access.audit import canonical
from chalicelib.billing.fact_blocks import FactBlock, FactBlocks
from chalicelib.billing.facts import Event

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_FACTS = 200_000
"""Of one file; a day with more has several."""
ROWS = 10_000
FACT_COLUMNS = {
    "id": "VARCHAR",
    "type": "VARCHAR",
    "source": "VARCHAR",
    "subject": "VARCHAR",
    "time": "TIMESTAMP",
    "ingesttime": "TIMESTAMP",
    "meter": "VARCHAR",
    "variant": "VARCHAR",
    "occurrence": "VARCHAR",
    "quantity": "BIGINT",
    "modalities": "VARCHAR",
    "accession_number": "VARCHAR",
    "corrects": "VARCHAR",
    "event": "VARCHAR",
    "block": "BIGINT",
}
BLOCK_COLUMNS = {"seq": "BIGINT", "hash": "VARCHAR", "root": "VARCHAR", "count": "BIGINT", "header": "VARCHAR"}


@dataclass(frozen=True, order=True)
class Export:
    """The blocks `first` to `last` of a hospital, all sealed on one day (Paris)."""

    hospital: str
    day: str
    first: int
    last: int


class FactExports(Protocol):
    """Where exports are, unchangeable. `errors.Unavailable` when it does not answer."""

    def exported(self, hospital: str) -> list[Export]:
        """What is there, in order."""

    def put(self, export: Export, facts: bytes, headers: bytes) -> None:
        """Write both files unless they are there; the export is there when both are."""

    def read(self, export: Export) -> tuple[bytes, bytes]:
        """Facts and headers. Raises `errors.NotFound` if one is gone."""


def export_days(store: FactBlocks, exports: FactExports, hospital: str, today: str) -> list[Export]:
    """Export all blocks of days before `today` that are not exported yet; return what was made. Safe to repeat."""
    known = exports.exported(hospital)
    blocks = store.blocks(hospital, known[-1].last if known else 0)
    made = []
    for export, group in _files(hospital, (block for block in blocks if block.day < today)):
        facts = ((block, event) for block in group for event in store.events(block))
        exports.put(export, facts_to_parquet(facts), headers_to_parquet(group))
        made.append(export)
    return made


def facts_to_parquet(facts: Iterable[tuple[FactBlock, Event]]) -> bytes:
    """A row for each fact."""
    return to_parquet((_row(block, event) for block, event in facts), FACT_COLUMNS)


def headers_to_parquet(blocks: Iterable[FactBlock]) -> bytes:
    """A row for each block."""
    rows = (
        {"seq": b.seq, "hash": b.hash, "root": b.root, "count": b.count, "header": _text(b.to_json())} for b in blocks
    )
    return to_parquet(rows, BLOCK_COLUMNS)


def rows_of(content: bytes) -> Iterator[dict[str, Any]]:
    """Rows of a Parquet file in order.

    Raises
    ------
    ValueError
        If it is none.
    """
    import duckdb

    with _Workspace() as (folder, connection):
        path = folder / "in.parquet"
        path.write_bytes(content)
        try:
            found = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
            names = [column[0] for column in found.description or ()]
            while rows := found.fetchmany(ROWS):
                yield from (dict(zip(names, row, strict=True)) for row in rows)
        except duckdb.Error as error:
            raise ValueError("This is no Parquet file.") from error


def _files(hospital: str, blocks: Iterable[FactBlock]) -> Iterator[tuple[Export, list[FactBlock]]]:
    """Blocks by day, and by as many facts as a file takes."""
    for day, of_day in groupby(blocks, key=lambda block: block.day):
        group: list[FactBlock] = []
        for block in of_day:
            if group and sum(each.count for each in group) + block.count > MOST_FACTS:
                yield Export(hospital, day, group[0].seq, group[-1].seq), group
                group = []
            group.append(block)
        yield Export(hospital, day, group[0].seq, group[-1].seq), group


def _row(block: FactBlock, event: Event) -> dict[str, Any]:
    named = {name: event.get(name, event["data"].get(name)) for name in FACT_COLUMNS}
    return named | {"event": _text(event), "block": block.seq}


def _text(content: Any) -> str:
    return canonical(content).decode("ascii")


def to_parquet(rows: Iterable[dict[str, Any]], columns: dict[str, str]) -> bytes:
    """A file of rows. They go through a file of JSON lines: never are they in memory together."""
    with _Workspace() as (folder, connection):
        lines, target = folder / "rows.json", folder / "out.parquet"
        with lines.open("w", encoding="ascii") as file:
            for row in rows:
                file.write(json.dumps(row) + "\n")
        described = ", ".join(f"{name}: '{kind}'" for name, kind in columns.items())
        source = f"read_json('{lines}', format='newline_delimited', columns={{{described}}})"
        copying = f"COPY (SELECT * FROM {source}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)"  # noqa: S608 - ours
        connection.execute(copying)
        return target.read_bytes()


class _Workspace:
    """A temporary folder and a DuckDB that keeps the order of rows, with one thread and bounded memory."""

    def __enter__(self) -> tuple[Path, DuckDBPyConnection]:
        import duckdb

        self._temporary = tempfile.TemporaryDirectory()
        folder = Path(self._temporary.name)
        settings: dict[str, str | bool | int | float | list[str]] = {
            "threads": "1",
            "memory_limit": "512MB",
            "temp_directory": str(folder / "spill"),
        }
        self._connection = duckdb.connect(config=settings)
        return folder, self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._temporary.cleanup()
