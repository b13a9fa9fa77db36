"""Who may start which Lambda: a row for each, so that a new one without a row fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Templates = dict[str, dict[str, Any]]

API, INGEST = "role ApiHandlerRole", "role TaskTaskRole"
GATEWAY, RULE, QUEUE = "apigateway.amazonaws.com", "events.amazonaws.com", "a queue"
STARTED_BY: dict[str, set[str]] = {
    "RenderedFunction": {API, INGEST},
    "InvoicesFunction": {API, RULE},
    "PatientsMessagesFunction": {API},
    "PatientsSheetFunction": {API},
    "IndexInstanceFunction": {QUEUE},
    "StudyReadyFunction": {QUEUE},
    "PackSeriesFunction": {QUEUE},
    "SealAuditTrailFunction": {RULE},
    "MetersSealFunction": {RULE},
    "MetersExportFunction": {RULE},
    "CostsRollUpFunction": {RULE},
    "CostExportsReconcileFunction": {RULE},
    "APIHandler": {GATEWAY},
    "Sessions": {GATEWAY},
    "BucketNotificationsHandler": set(),  # CDK's own, for deployments
}
"""By how the logical ids of functions begin."""


def test_each_function_is_started_by_those_alone_who_need_it(templates: Templates) -> None:
    found: dict[str, set[str]] = {}
    for logical_id, kind, _ in _resources(templates):
        if kind in ("AWS::Lambda::Function", "AWS::Serverless::Function"):
            (row,) = [name for name in STARTED_BY if logical_id.startswith(name)]
            found[row] = set()
    for function, starter in _starters(templates):
        found[function].add(starter)
    assert found == STARTED_BY


def test_nothing_else_starts_a_function(templates: Templates) -> None:
    """No function has an address of its own, and no service may start one for somebody else's resource."""
    for _, kind, properties in _resources(templates):
        assert kind != "AWS::Lambda::Url"
        if kind == "AWS::Lambda::Permission":
            assert "SourceArn" in properties, properties


def _resources(templates: Templates) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for template in templates.values():
        for logical_id, resource in template["Resources"].items():
            yield logical_id, resource["Type"], resource.get("Properties", {})


def _starters(templates: Templates) -> Iterator[tuple[str, str]]:
    for _, kind, properties in _resources(templates):
        if kind == "AWS::Lambda::Permission":
            yield from ((name, properties["Principal"]) for name in _named(properties["FunctionName"]))
        elif kind == "AWS::Lambda::EventSourceMapping":
            yield from ((name, QUEUE) for name in _named(properties["FunctionName"]))
        elif kind == "AWS::IAM::Policy":
            yield from _granted(properties)


def _granted(policy: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for statement in policy["PolicyDocument"]["Statement"]:
        actions = json.dumps(statement["Action"])
        if "lambda:" in actions or '"*"' in actions:
            for role in policy["Roles"]:
                yield from ((name, _role(role["Ref"])) for name in _named(statement["Resource"]))


def _named(reference: Any) -> set[str]:
    """Functions that a reference names, another stack's included."""
    text = json.dumps(reference)
    assert reference != "*"
    return {name for name in STARTED_BY if name in text}


def _role(logical_id: str) -> str:
    return next((role for role in (API, INGEST) if logical_id.startswith(role.removeprefix("role "))), logical_id)
