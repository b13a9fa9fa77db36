"""Builds what metering needs; see `wiring`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from chalicelib import wiring

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb_facts import DynamoDBFacts
    from chalicelib.aws.s3_fact_exports import S3FactExports, S3LineExports
    from chalicelib.billing.metered import MeteredLedger
    from chalicelib.billing.read_meter import ReadMeter


@cache
def facts() -> DynamoDBFacts:
    """Metered facts and their blocks."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_facts import DynamoDBFacts
    from chalicelib.aws.s3_object_store import S3ObjectStore

    objects = S3ObjectStore(client("s3"), wiring.settings().audit_bucket)
    return DynamoDBFacts(client("dynamodb"), wiring.settings().meters_table, objects)


@cache
def metered_ledger() -> MeteredLedger:
    """What is rated: exams and all other meters."""
    from chalicelib.billing.metered import MeteredLedger

    return MeteredLedger(wiring.ledger(), facts())


@cache
def fact_exports() -> S3FactExports:
    """Facts as Parquet."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.s3_fact_exports import S3FactExports
    from chalicelib.aws.s3_object_store import S3ObjectStore

    return S3FactExports(S3ObjectStore(client("s3"), wiring.settings().audit_bucket))


@cache
def line_exports() -> S3LineExports:
    """Lines of the ledger of exams as Parquet."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.s3_fact_exports import S3LineExports
    from chalicelib.aws.s3_object_store import S3ObjectStore

    return S3LineExports(S3ObjectStore(client("s3"), wiring.settings().audit_bucket))


@cache
def read_meter() -> ReadMeter:
    """What this process sends."""
    from chalicelib.billing.read_meter import ReadMeter

    return ReadMeter(facts)
