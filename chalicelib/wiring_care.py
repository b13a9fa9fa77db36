"""Builds the adapters of care relations and break-glass; see `wiring`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from chalicelib import wiring

if TYPE_CHECKING:
    from chalicelib.access.care_relations import Care
    from chalicelib.aws.dynamodb_broken_glasses import DynamoDBBrokenGlasses
    from chalicelib.aws.dynamodb_care_relations import DynamoDBCareRelations


@cache
def care_relations() -> DynamoDBCareRelations:
    """Care relations and oppositions."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_care_relations import DynamoDBCareRelations

    return DynamoDBCareRelations(client("dynamodb"), wiring.dynamodb_reads(), wiring.settings().registry_table)


@cache
def broken_glasses() -> DynamoDBBrokenGlasses:
    """Uses of break-glass."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_broken_glasses import DynamoDBBrokenGlasses

    return DynamoDBBrokenGlasses(client("dynamodb"), wiring.settings().registry_table)


def care() -> Care:
    """What care relations need."""
    from chalicelib.access.care_relations import Care

    return Care(care_relations(), wiring.access_grants(), wiring.registry(), wiring.index_reader())
