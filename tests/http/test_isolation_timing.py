"""No answer's time tells of an exam that is not shown: the work for what is hidden is that for what is not there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.access.model import Role
from chalicelib.archive.scope import PatientRef, Scope
from chalicelib.aws.clients import client
from chalicelib.aws.signed_requests import SignedRequests
from chalicelib.web import auditing
from tests.http.conftest import HttpClient, Issue
from tests.http.sharing import FIRST, OTHER_STUDY
from tests.http.test_isolation import ROWS, TARGETS, Headers, exams, guest_of, role, url

__all__ = ["exams"]  # a fixture


def test_what_is_hidden_costs_the_same_work_as_what_is_not_there(
    exams: HttpClient, bearer: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer's time tells of an exam: the same reads, one by one, in every route; S3 is not asked at all."""
    work: list[str] = []
    ask = SignedRequests.request
    monkeypatch.setattr(SignedRequests, "request", lambda self, *args, **more: _noted(work, self, ask, *args, **more))
    client("dynamodb").meta.events.register("before-call", lambda model, **_: work.append(model.name), unique_id="spy")
    monkeypatch.setattr(wiring.audit_trail(), "record", lambda event: None)
    strangers = (
        (role(Role.RADIOLOGIST, "sud"), ("first series", "report")),
        (role(Role.GP, "", Scope((), (PatientRef("nord", "P1"),))), ("another study", "study of another hospital")),
        (guest_of(series=(FIRST,)), ("another study",)),
    )
    for who, targets in strangers:
        headers = who(exams, bearer)

        def done(address: str, headers: Headers = headers) -> tuple[int, list[str]]:
            auditing._recorded.clear()
            work.clear()
            return exams.get(address, headers=headers).status_code, list(work)

        for path in ROWS:
            if "{study}" in path:
                missing = done(url(path, ("1.2.99", "1.2.99.1", "1.2.99.1.1")))
                assert not [call for call in missing[1] if call == "GetObject"]
                for target in targets:
                    assert done(url(path, TARGETS[target])) == missing, (path, target)
        for search, nobody, somebody in SEARCHES:
            assert done(f"{search}={nobody}") == done(f"{search}={somebody}"), (search, targets)


SEARCHES = (
    ("/dicomweb/studies?PatientID", "P99", "P2"),
    ("/dicomweb/patients?PatientID", "P99", "P2"),
    ("/dicomweb/studies?StudyInstanceUID", "1.2.99", OTHER_STUDY),
    ("/dicomweb/series?SeriesInstanceUID", "1.2.99.1", f"{OTHER_STUDY}.1"),
    ("/dicomweb/studies?AccessionNumber", "A99", "A2"),
)
"""What nobody has, and what another patient of the hospital has."""


def _noted(work: list[str], requests: Any, ask: Callable[..., Any], *args: Any, **more: Any) -> Any:
    headers = args[2] if len(args) > 2 else more.get("headers", {})
    work.append(str(headers.get("x-amz-target", "GetObject")).rpartition(".")[2])
    return ask(requests, *args, **more)


def test_head_tells_what_get_tells_and_no_more(exams: HttpClient, bearer: Issue) -> None:
    """HEAD has no route of its own: it goes the way of GET, and so do its refusals."""
    for who, target in (
        (role(Role.RADIOLOGIST, "sud"), "first series"),
        (guest_of(series=(FIRST,), download=False), "first series"),
    ):
        headers = who(exams, bearer)
        for path in ROWS:
            address = url(path, TARGETS[target])
            told, found = (exams.request(method, address, headers) for method in ("HEAD", "GET"))
            assert (told.status_code, told.body) == (found.status_code, b""), address
