"""Lines of the ledger as Parquet: each once, and proof against change."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.billing.fact_export import Export
from chalicelib.billing.ledger import EXAM_ARCHIVED, Fact, Line, digest, to_json
from chalicelib.billing.line_export import export_lines, lines_to_parquet, problems_of_exports
from tests.unit.billing.stores import Stores

DAY_MS = 86_400_000
NOON_MS = int(datetime(2026, 10, 5, 12, tzinfo=UTC).timestamp() * 1000)


class Files:
    """`FactExports` in memory: nothing that is there is replaced."""

    def __init__(self) -> None:
        self.kept: dict[Export, bytes] = {}

    def exported(self, hospital: str) -> list[Export]:
        return sorted(self.kept, key=lambda each: each.first)

    def put(self, export: Export, facts: bytes, headers: bytes) -> None:
        self.kept.setdefault(export, facts)

    def read(self, export: Export) -> tuple[bytes, bytes]:
        return self.kept[export], b""


def ledger_of(days: list[int]) -> Any:
    kept = Stores()
    for number, day in enumerate(sorted(days)):
        kept.now_ms = NOON_MS + day * DAY_MS
        modality = "" if number % 3 == 0 else "CT\\SR"
        kept.record(Fact("nord", EXAM_ARCHIVED, f"1.2.{number}", f"É{number}", kept.now_ms, modality))
    return kept


@settings(max_examples=4, deadline=None)
@given(days=st.lists(st.integers(0, 4), max_size=8), runs=st.lists(st.integers(0, 6), max_size=4))
def test_every_line_of_a_day_that_is_over_is_exported_once(days: list[int], runs: list[int]) -> None:
    kept, files = ledger_of(days), Files()
    for run in [*sorted(runs), 6]:
        export_lines(kept, files, "nord", f"2026-10-{5 + run:02d}")
    assert list(problems_of_exports(kept, files, "nord")) == []
    exported = [seq for export in files.exported("nord") for seq in range(export.first, export.last + 1)]
    assert exported == [line.seq for line in kept.lines_]
    assert export_lines(kept, files, "nord", "2026-10-31") == []


def test_another_tool_reads_it(tmp_path: Path) -> None:
    kept = ledger_of([0, 0])
    (tmp_path / "lines.parquet").write_bytes(lines_to_parquet(kept.lines_))
    rows = duckdb.sql(f"SELECT seq, accession_number, modalities, period FROM '{tmp_path}/lines.parquet'").fetchall()
    assert rows == [(1, "É0", "", "2026-10"), (2, "É1", "CT\\SR", "2026-10")]


def changed(line: Line, **values: Any) -> Line:
    """A line that somebody forged, its hash made to fit."""
    content = {**to_json(line), **values}
    del content["hash"]
    return Line(hash=digest(content), **content)  # type: ignore[arg-type]


def test_what_was_changed_or_left_out_is_found() -> None:
    kept = ledger_of([0, 0, 1])
    first, second, third = kept.lines_
    forged = changed(first, accession_number="FORGED")

    def found(*groups: list[Line]) -> list[str]:
        files = Files()
        for group in groups:
            day = "2026-10-05" if group[0].seq < 3 else "2026-10-06"
            files.put(Export("nord", day, group[0].seq, group[-1].seq), lines_to_parquet(group), b"")
        return list(problems_of_exports(kept, files, "nord"))

    assert found([first, second], [third]) == []
    assert found([forged, second]) == ["export 2026-10-05 of lines 1 to 2: line 2 does not follow the line before it"]
    assert found([forged]) == ["export 2026-10-05 of lines 1 to 1 is of another chain than the ledger's"]
    assert found([first], [third])[0] == "export 2026-10-06 of lines 3 to 3 does not follow line 1"
    files = Files()
    files.put(Export("nord", "2026-10-05", 1, 1), b"nothing", b"")
    assert list(problems_of_exports(kept, files, "nord")) == ["export 2026-10-05 of lines 1 to 1 cannot be read"]
    assert json.loads(json.dumps(to_json(first))) == to_json(first)
