"""Operators register identity providers: `/api/identity-providers/{provider}`, `/api/operations/identity-providers`."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint, Response

from chalicelib import errors, wiring, wiring_accounts
from chalicelib.access.model import Permission
from chalicelib.access.oidc_model import IdentityProvider
from chalicelib.access.oidc_registration import provider_from
from chalicelib.access.oidc_sign_in import redirect_uri
from chalicelib.access.ports import ABSENT
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import current_session, handles_errors, path_value, respond, respond_json
from chalicelib.web.registry import NO_STORE, precondition
from chalicelib.web.schemas import json_body

routes = Blueprint(__name__)

PROVIDER = "/api/identity-providers/{provider}"


@routes.route("/api/operations/identity-providers", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def list_registered_identity_providers() -> Response:
    """Every provider with its rules, those that the sign-in page does not offer too; never a secret."""
    current_session(routes.current_request, Permission.OPERATE)
    found = wiring_accounts.identity_providers().providers()
    return respond_json({"identity_providers": list(map(_values, found))}, 200, NO_STORE)


@routes.route(PROVIDER, methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def read_identity_provider(provider: str) -> Response:
    """A provider, with its revision as ETag; where its secret is, never the secret."""
    current_session(routes.current_request, Permission.OPERATE)
    found = wiring_accounts.identity_providers().provider(path_value(provider))
    if found is None:
        raise errors.NotFound("No identity provider is registered by that id.")
    return _shown(found)


@routes.route(PROVIDER, methods=["PUT"], authorizer=sessions_authorizer)
@handles_errors
def put_identity_provider(provider: str) -> Response:
    """Register a provider, or replace the one that If-Match names."""
    request = routes.current_request
    current_session(request, Permission.OPERATE)
    body = json_body(request, "IdentityProviderProperties")
    named = provider_from(wiring.registry(), path_value(provider), body, public_url=wiring.settings().public_url)
    revision = precondition(request)
    try:
        made = wiring_accounts.identity_providers().put(named, revision or ABSENT)
    except errors.PreconditionFailed:
        if revision is None:
            raise errors.PreconditionRequired(
                "It is registered already: to replace it, send If-Match with its ETag."
            ) from None
        raise
    return _shown(IdentityProvider(**{**vars(named), "revision": made}), 201 if not revision else 200)


@routes.route(PROVIDER, methods=["DELETE"], authorizer=sessions_authorizer)
@handles_errors
def delete_identity_provider(provider: str) -> Response:
    """Remove the provider that If-Match names; sessions that it began go on until they end."""
    request = routes.current_request
    current_session(request, Permission.OPERATE)
    revision = precondition(request)
    if not revision:
        raise errors.PreconditionRequired("Name what is to be removed: If-Match with its ETag.")
    providers = wiring_accounts.identity_providers()
    if providers.provider(path_value(provider)) is None:
        raise errors.NotFound("No identity provider is registered by that id.")
    providers.delete(path_value(provider), revision)
    return respond(b"", "application/json", 204, NO_STORE)


def _shown(provider: IdentityProvider, status: int = 200) -> Response:
    return respond_json(_values(provider), status, {**NO_STORE, "ETag": f'"{provider.revision}"'})


def _values(provider: IdentityProvider) -> dict[str, Any]:
    values: dict[str, Any] = {name: value for name, value in vars(provider).items() if name != "provider_id"}
    values["rules"] = [
        {"facts": sorted(rule.facts), "role": rule.role.value, **({"hospital": rule.hospital} if rule.hospital else {})}
        for rule in provider.rules
    ]
    return {
        "id": provider.provider_id,
        **values,
        "algorithms": list(provider.algorithms),
        "redirect_uri": redirect_uri(wiring.settings().public_url, provider.provider_id),
    }
