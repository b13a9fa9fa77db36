"""The short cut for DynamoDB's items: what botocore's own parser gives."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.parsers import ResponseParserFactory
from botocore.session import get_session

from chalicelib.aws.dynamodb_parser import ParserFactory

ITEM = {
    "pk": {"S": "H#nord"},
    "count": {"N": "3"},
    "body": {"B": "AAECAw=="},
    "sets": {"SS": ["CT", "MR"]},
    "flag": {"BOOL": True},
    "none": {"NULL": True},
}
NESTED = {"list": {"L": [{"B": "AAE="}, {"M": {"inner": {"B": "Ag=="}}}]}, "binaries": {"BS": ["AAE=", "Ag=="]}}


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        ("Query", {"Items": [ITEM, NESTED, {}], "Count": 3, "LastEvaluatedKey": {"pk": {"S": "x"}}}),
        ("GetItem", {"Item": ITEM}),
        ("GetItem", {}),
        ("BatchGetItem", {"Responses": {"table": [ITEM, ITEM | NESTED]}, "UnprocessedKeys": {}}),
        ("DescribeTable", {"Table": {"TableName": "t", "CreationDateTime": 1.5}}),
    ],
)
def test_agrees_with_botocore(operation: str, answer: dict[str, Any]) -> None:
    shape = get_session().get_service_model("dynamodb").operation_model(operation).output_shape
    response = {"body": json.dumps(answer).encode(), "headers": {}, "status_code": 200}
    parsers = [factory.create_parser("json") for factory in (ResponseParserFactory(), ParserFactory())]
    theirs, mine = (parser.parse(response, shape) for parser in parsers)
    assert mine == theirs


def test_errors_are_read_as_before() -> None:
    shape = get_session().get_service_model("dynamodb").operation_model("GetItem").output_shape
    body = {"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "gone"}
    response = {"body": json.dumps(body).encode(), "headers": {}, "status_code": 400}
    assert ParserFactory().create_parser("json").parse(response, shape)["Error"]["Code"] == "ResourceNotFoundException"
