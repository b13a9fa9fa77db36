"""Builds adapters of disputes; see `wiring`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from chalicelib import wiring

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb_disputes import DynamoDBDisputes


@cache
def disputes() -> DynamoDBDisputes:
    """Lines of invoices that hospitals contest."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_disputes import DynamoDBDisputes

    return DynamoDBDisputes(client("dynamodb"), wiring.settings().registry_table)
