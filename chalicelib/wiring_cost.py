"""Builds what the costs of the archive need; see `wiring`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from chalicelib import wiring

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb_costs import DynamoDBCosts
    from chalicelib.billing.cost.usage import LedgerUsage


@cache
def costs() -> DynamoDBCosts:
    """Imported costs."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_costs import DynamoDBCosts

    return DynamoDBCosts(client("dynamodb"), wiring.settings().registry_table, wiring.object_store())


@cache
def usage() -> LedgerUsage:
    """Who used what."""
    from chalicelib.billing.cost.usage import LedgerUsage

    return LedgerUsage(wiring.ledger(), wiring.index_reader())
