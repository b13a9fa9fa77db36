"""Schemathesis: whatever the OpenAPI documents allow is answered as they say, and never by a failure."""

from __future__ import annotations

import time
import warnings
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis.checks import CHECKS

from chalicelib import wiring
from chalicelib.access.model import Role
from chalicelib.aws.lambda_patient_functions import LambdaPatientMessenger
from chalicelib.aws.lambda_renderer import LambdaRenderer
from chalicelib.web import openapi, openapi_dicomweb
from tests.dicom_files import data_set, part10
from tests.http.conftest import HttpClient, Issue
from tests.http.dicomweb import ApplicationAdapter, RenderedFunction, archive
from tests.http.patients import MessagesFunction

EXAMPLES = 12
LONGEST_S = 30
"""For one document; on a machine so busy that it is not enough the last operations get fewer examples."""
LEFT_OUT = ("SelfTest", "storeInstances", "StoreInstances", "echo", "signOut")
"""What the ingest service answers, and what would end the session of this test."""
UNDER_TEST = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


@pytest.mark.parametrize(
    ("document", "base", "role"),
    [(openapi_dicomweb.document, "/dicomweb", Role.RADIOLOGIST), (openapi.document, "", Role.OPERATOR)],
)
def test_answers_are_as_described(
    http: HttpClient, bearer: Issue, monkeypatch: pytest.MonkeyPatch, document: Any, base: str, role: Role
) -> None:
    function = RenderedFunction()
    monkeypatch.setattr(wiring, "renderer", lambda: LambdaRenderer(function, "rendered"))  # type: ignore[arg-type]
    messages = LambdaPatientMessenger(MessagesFunction(), "messages")
    monkeypatch.setattr(wiring, "patient_messenger", lambda: messages)
    archive(part10(data_set()))
    session = requests.Session()
    session.mount("http://", ApplicationAdapter(http))
    session.headers.update(bearer(role, "nord" if base else ""))
    schema = schemathesis.openapi.from_dict(document())
    schema.config.update(base_url=f"http://archive.test{base}")
    checks = [CHECKS.get_one(name) for name in UNDER_TEST]
    deadline = time.monotonic() + LONGEST_S
    for result in schema.get_all_operations():
        operation = result.ok()
        if str(operation.definition.raw.get("operationId", "")).startswith(LEFT_OUT):
            continue

        @hypothesis.given(case=operation.as_strategy())
        @hypothesis.settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def check(case: schemathesis.Case) -> None:
            if time.monotonic() < deadline:
                case.call_and_validate(session=session, checks=checks, allow_redirects=False)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check()
