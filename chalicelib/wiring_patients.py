"""Builds adapters of those who sign in with a code; see `wiring`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from chalicelib import wiring

if TYPE_CHECKING:
    from chalicelib.access.patient_sign_in import PatientAccess
    from chalicelib.aws.dynamodb_proxies import DynamoDBProxies
    from chalicelib.aws.dynamodb_second_factors import DynamoDBSecondFactors


@cache
def proxies() -> DynamoDBProxies:
    """Those who act for patients."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_proxies import DynamoDBProxies

    return DynamoDBProxies(client("dynamodb"), wiring.settings().registry_table)


@cache
def second_factors() -> DynamoDBSecondFactors:
    """Applications and printed codes."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_second_factors import DynamoDBSecondFactors

    return DynamoDBSecondFactors(client("dynamodb"), wiring.settings().registry_table)


def patient_access() -> PatientAccess:
    """What signing in with a code needs."""
    from chalicelib.access.patient_sign_in import PatientAccess

    return PatientAccess(
        wiring.registry(),
        wiring.patient_codes(),
        wiring.challenges(),
        wiring.code_key(),
        wiring.patient_messenger(),
        proxies(),
        second_factors(),
    )
