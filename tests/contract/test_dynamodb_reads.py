"""`DynamoDBReads`: what boto3's client gives, and that client for whatever is not a plain success."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from chalicelib.aws.dynamodb_reads import DynamoDBReads
from tests.contract.answering_server import Server, client_of
from tests.emulator import Cloud

CREDENTIALS = Credentials("test", "test")
VALUES: dict[str, Any] = {
    "count": {"N": "3"},
    "body": {"B": bytes(range(256))},
    "sets": {"SS": ["CT", "MR"]},
    "flag": {"BOOL": True},
    "none": {"NULL": True},
    "list": {"L": [{"B": b"\0\1"}, {"M": {"inner": {"B": b"\2"}, "name": {"S": "LEFÈVRE"}}}]},
    "binaries": {"BS": [b"\0\1", b"\2"]},
}


@pytest.fixture
def table(cloud: Cloud) -> str:
    name = cloud.settings["index_table"]
    for number in range(3):
        cloud.client("dynamodb").put_item(TableName=name, Item={"pk": {"S": "é"}, "sk": {"S": str(number)}, **VALUES})
    return name


def without_metadata(answer: Any) -> dict[str, Any]:
    kept = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
    # The order of a set is nobody's.
    for item in kept.get("Items", ()):
        item["binaries"]["BS"].sort()
    return kept


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("get_item", {"Key": {"pk": {"S": "é"}, "sk": {"S": "1"}}, "ConsistentRead": True}),
        ("get_item", {"Key": {"pk": {"S": "é"}, "sk": {"S": "1"}}, "ProjectionExpression": "body"}),
        ("get_item", {"Key": {"pk": {"S": "é"}, "sk": {"S": "9"}}}),
        ("query", {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "é"}}, "Limit": 2}),
        ("query", {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "x"}}}),
    ],
)  # fmt: skip
def test_a_read_is_that_of_boto3(cloud: Cloud, table: str, operation: str, parameters: dict[str, Any]) -> None:
    client = cloud.client("dynamodb")
    theirs = getattr(client, operation)(TableName=table, **parameters)
    reads = DynamoDBReads(client_of(client.meta.endpoint_url), CREDENTIALS)
    assert without_metadata(getattr(reads, operation)(TableName=table, **parameters)) == without_metadata(theirs)


def test_a_batch_is_that_of_boto3(cloud: Cloud, table: str) -> None:
    client = cloud.client("dynamodb")
    keys = [{"pk": {"S": "é"}, "sk": {"S": str(number)}} for number in (0, 2, 5)]
    request = {table: {"Keys": keys, "ConsistentRead": True, "ProjectionExpression": "sk, body, #l",
                       "ExpressionAttributeNames": {"#l": "list"}}}  # fmt: skip
    mine = DynamoDBReads(client_of(client.meta.endpoint_url), CREDENTIALS).batch_get_item(RequestItems=request)
    theirs = client.batch_get_item(RequestItems=request)
    by_key = [sorted(answer["Responses"][table], key=lambda item: item["sk"]["S"]) for answer in (mine, theirs)]
    assert by_key[0] == by_key[1] != []
    assert not mine["UnprocessedKeys"]


@pytest.mark.parametrize(
    "answering",
    [[b"HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\n{}"], [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"], [b""]],
    indirect=True,
)
def test_boto3_reads_what_did_not_come(cloud: Cloud, table: str, answering: Server) -> None:
    reads = DynamoDBReads(client_of(answering.endpoint_url), CREDENTIALS)
    reads._client = cloud.client("dynamodb")
    answer = reads.get_item(TableName=table, Key={"pk": {"S": "é"}, "sk": {"S": "1"}})
    assert answer["Item"]["body"] == VALUES["body"]
    with pytest.raises(ClientError):
        reads.query(TableName="none", KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": "x"}})


@pytest.mark.parametrize("token", [None, "session-token"])
def test_the_signature_is_that_of_botocore(monkeypatch: pytest.MonkeyPatch, token: str | None) -> None:
    endpoint, now, digest = "https://dynamodb.eu-west-3.amazonaws.com", time.gmtime(), "ab" * 32
    credentials = Credentials("AKID", "secret", token)
    given = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "DynamoDB_20120810.GetItem"}
    headers = DynamoDBReads(client_of(endpoint), credentials).signed("POST", "/", given, now, digest)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: datetime(*now[:6]))
    request = AWSRequest("POST", endpoint + "/", headers={**given, "x-amz-content-sha256": digest})
    SigV4Auth(credentials, "dynamodb", "eu-west-3").add_auth(request)
    assert headers["authorization"] == request.headers["Authorization"]
