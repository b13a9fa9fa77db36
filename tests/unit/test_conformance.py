"""The conformance statement says what the code does."""

from __future__ import annotations

import re

from chalicelib.web import conformance as dicomweb
from scp_fargate import dimse_status
from scp_fargate.conformance import STATEMENT, TABLES, query_statuses, with_tables


def test_tables_are_up_to_date() -> None:
    text = STATEMENT.read_text()
    assert text == with_tables(text), "run `python -m scp_fargate.conformance`"
    assert set(re.findall(r"<!-- table: ([a-z-]+) -->", text)) == set(TABLES)


def test_tables_of_dicomweb_are_up_to_date() -> None:
    text = dicomweb.STATEMENT.read_text()
    assert text == dicomweb.with_tables(text), "run `python -m chalicelib.web.conformance`"
    assert set(re.findall(r"<!-- table: ([a-z-]+) -->", text)) == set(dicomweb.TABLES)


def test_every_status_of_queries_is_told() -> None:
    told = query_statuses()
    section = list(vars(dimse_status).items())
    begin = [name for name, _ in section].index("PENDING")
    for name, code in section[begin:]:
        if isinstance(code, int):
            assert f"| {code:04X} |" in told, name
