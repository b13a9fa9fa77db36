"""The trail as a table for a spreadsheet."""

from __future__ import annotations

import csv
import io

import pytest

from chalicelib.access.audit import Action, Who, event_now
from chalicelib.access.audit_search import to_csv
from chalicelib.archive.scope import PatientRef


@pytest.mark.parametrize("hostile", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", 'a";=1', "a\r\n=1;b"])
def test_no_cell_is_a_formula_and_no_value_leaves_its_cell(hostile: str) -> None:
    """Names come from identity providers, patients' ids from modalities, queries from whoever asks."""
    who = Who("dr@nord", display_name=hostile, address=hostile, organization=hostile)
    event = event_now(Action.SEARCH, who, patient=PatientRef("nord", hostile), detail={"query": hostile})
    text = to_csv([event]).decode("utf-8-sig")
    _, row, *rest = csv.reader(io.StringIO(text, newline=""), delimiter=";")
    assert rest == []
    assert not [cell for cell in row if cell[:1] in tuple("=+-@\t\r")]
    assert sum(hostile in cell for cell in row) >= 4
