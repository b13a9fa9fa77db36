"""Builds adapters of sign-in, sessions, machines and the edge; see `wiring`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from chalicelib import wiring

if TYPE_CHECKING:
    from chalicelib.access.address_throttle import AddressThrottle
    from chalicelib.access.edge_proof import EdgeProof
    from chalicelib.access.machines import MachineAccess
    from chalicelib.access.oidc_sign_in import OidcAccess
    from chalicelib.access.share_opening import ShareAccess
    from chalicelib.aws.dynamodb_accounts import DynamoDBAccounts
    from chalicelib.aws.dynamodb_identity_providers import DynamoDBIdentityProviders, DynamoDBPendingSignIns
    from chalicelib.aws.dynamodb_machines import DynamoDBMachines
    from chalicelib.aws.https_provider_client import HttpsProviderClient


@cache
def accounts() -> DynamoDBAccounts:
    """Users who signed in, and their sessions."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_accounts import DynamoDBAccounts

    return DynamoDBAccounts(client("dynamodb"), wiring.dynamodb_reads(), wiring.settings().registry_table)


@cache
def identity_providers() -> DynamoDBIdentityProviders:
    """Registered OpenID providers."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_identity_providers import DynamoDBIdentityProviders

    return DynamoDBIdentityProviders(client("dynamodb"), wiring.settings().registry_table)


@cache
def pending_sign_ins() -> DynamoDBPendingSignIns:
    """Sign-ins under way at a provider."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_identity_providers import DynamoDBPendingSignIns

    return DynamoDBPendingSignIns(client("dynamodb"), wiring.settings().registry_table)


@cache
def provider_client() -> HttpsProviderClient:
    """Talks to OpenID providers."""
    from chalicelib.aws.https_provider_client import HttpsProviderClient

    return HttpsProviderClient(wiring.secret)


def share_access() -> ShareAccess:
    """What opening the link of a share needs."""
    from chalicelib.access.share_opening import ShareAccess

    return ShareAccess(
        wiring.shares(),
        wiring.registry(),
        wiring.session_signer(),
        wiring.challenges(),
        wiring.code_key(),
        wiring.patient_messenger(),
        wiring.settings().public_url,
    )


@cache
def oidc_access() -> OidcAccess:
    """What signing in with a provider needs."""
    from chalicelib.access.address_throttle import AddressThrottle
    from chalicelib.access.oidc_sign_in import MOST_BEGUN, MOST_REFUSED, OidcAccess

    registry = wiring.registry()
    return OidcAccess(
        registry,
        accounts(),
        identity_providers(),
        pending_sign_ins(),
        provider_client(),
        wiring.session_signer(),
        wiring.settings().public_url,
        AddressThrottle(registry, "OIDC-BEGUN", MOST_BEGUN),
        AddressThrottle(registry, "OIDC-REFUSED", MOST_REFUSED),
    )


@cache
def share_throttle() -> AddressThrottle:
    """How often links are looked at or opened from one address."""
    from chalicelib.access.address_throttle import AddressThrottle
    from chalicelib.access.shares import MOST_CALLS

    return AddressThrottle(wiring.registry(), "SHARE", MOST_CALLS)


@cache
def machines() -> DynamoDBMachines:
    """Machines of hospitals."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_machines import DynamoDBMachines

    return DynamoDBMachines(client("dynamodb"), wiring.settings().registry_table)


@cache
def machine_access() -> MachineAccess:
    """What signing in as a machine needs."""
    from chalicelib.access.machines import MachineAccess

    return MachineAccess(wiring.registry(), machines(), wiring.code_key(), wiring.session_signer())


@cache
def edge_proof() -> EdgeProof:
    """What the edge proves itself with."""
    from chalicelib.access.edge_proof import EdgeProof

    name = wiring.settings().edge_secret
    return EdgeProof(lambda: wiring.secret(name).get("value", "") if name else "")
