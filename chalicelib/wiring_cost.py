"""Builds what the costs of the archive need; see `wiring`."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from chalicelib import wiring

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb_costs import DynamoDBCosts
    from chalicelib.aws.dynamodb_rollups import DynamoDBBudgets, DynamoDBRollups
    from chalicelib.aws.s3_object_store import S3ObjectStore
    from chalicelib.billing.cost.metered_usage import MeteredUsage
    from chalicelib.billing.cost.roll_up import Parts
    from chalicelib.billing.cost.usage import LedgerUsage
    from chalicelib.billing.metered import MeteredLedger


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


@cache
def metered_usage() -> MeteredUsage:
    """Who used what, as the meters have it."""
    from chalicelib import wiring_meters
    from chalicelib.billing.cost.metered_usage import MeteredUsage
    from chalicelib.billing.cost.rollups import stored_before
    from chalicelib.billing.cost.usage import LedgerUsage

    before = partial(stored_before, rollups())
    return MeteredUsage(wiring_meters.facts(), LedgerUsage(wiring.ledger(), wiring.index_reader(), before))


@cache
def deliveries() -> S3ObjectStore:
    """Where AWS delivers its cost exports."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.s3_object_store import S3ObjectStore

    return S3ObjectStore(client("s3"), wiring.settings().cost_export_bucket)


def rated_ledger() -> MeteredLedger:
    """What hospitals pay for."""
    from chalicelib import wiring_meters

    return wiring_meters.metered_ledger()


@cache
def rollups() -> DynamoDBRollups:
    """Roll-ups of months."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_rollups import DynamoDBRollups

    return DynamoDBRollups(client("dynamodb"), wiring.settings().registry_table)


@cache
def budgets() -> DynamoDBBudgets:
    """Budgets of hospitals."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_rollups import DynamoDBBudgets

    return DynamoDBBudgets(client("dynamodb"), wiring.settings().registry_table)


def roll_up_parts() -> Parts:
    """What making roll-ups needs."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.sns_alerts import SnsAlerts
    from chalicelib.billing.cost.roll_up import Parts

    alerts = SnsAlerts(client("sns"), wiring.settings().budget_topic_arn)
    return Parts(wiring.ledger(), usage(), rollups(), budgets(), alerts)
