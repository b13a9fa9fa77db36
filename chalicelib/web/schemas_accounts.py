"""JSON Schemas of identity providers, machines, sessions and accounts."""

from __future__ import annotations

from chalicelib.access.oidc_model import ALGORITHMS, AUTHENTICATIONS, CLAIMS, ROLES
from chalicelib.web.schema_parts import STRING, TIME, Schema, list_of, object_of

NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 200}
SHORT: Schema = {"type": "string", "minLength": 1, "maxLength": 80}

ROLE_RULE = object_of(
    {
        "facts": {
            "type": "array",
            "items": SHORT,
            "minItems": 1,
            "maxItems": 10,
            "uniqueItems": True,
            "description": "All of them: groups, or profession:10, expertise:..., organization:...",
        },
        "role": {"type": "string", "enum": sorted(role.value for role in ROLES)},
        "hospital": {**SHORT, "description": "On whose behalf; none for gp alone"},
    },
    frozenset({"hospital"}),
)
IDENTITY_PROVIDER: dict[str, Schema] = {
    "name": {**SHORT, "description": "Shown on the button of the sign-in page"},
    "issuer": {**NAME, "description": "Exactly as its discovery document and ID tokens name it"},
    "client_id": NAME,
    "secret": {
        **NAME,
        "pattern": "sansfilm/oidc/",
        "description": 'ARN or name of a secret under sansfilm/oidc/: {"client_secret"} or {"private_key", "key_id"}',
    },
    "claims": {"type": "string", "enum": list(CLAIMS)},
    "rules": {
        "type": "array",
        "items": ROLE_RULE,
        "maxItems": 100,
        "description": "The first that fits decides; whom none fits is refused",
    },
    "authentication": {"type": "string", "enum": list(AUTHENTICATIONS)},
    "scopes": {**NAME, "pattern": "^openid( |$)"},
    "acr_values": {"type": "string", "maxLength": 200, "description": "Asked for and required of the ID token"},
    "algorithms": {
        "type": "array",
        "items": {"type": "string", "enum": list(ALGORITHMS)},
        "minItems": 1,
        "maxItems": 3,
        "uniqueItems": True,
    },
    "subject_claim": SHORT,
    "name_claim": SHORT,
    "groups_claim": {**SHORT, "description": "Dots lead into objects"},
    "enabled": {"type": "boolean"},
}
_REQUIRED = {"name", "issuer", "client_id", "secret", "claims", "rules"}
REGISTERED_PROVIDER = object_of(
    {
        "id": STRING,
        **IDENTITY_PROVIDER,
        "revision": {"type": "string", "description": "Changes with every change; in quotes it is the ETag"},
        "redirect_uri": {"type": "string", "description": "To be registered at the provider"},
    }
)

SERVICES: Schema = {
    "type": "array",
    "items": {"type": "string", "enum": ["store", "query", "retrieve"]},
    "minItems": 1,
    "uniqueItems": True,
    "description": "STOW-RS, QIDO-RS, WADO-RS",
}
MACHINE: dict[str, Schema] = {
    "client_id": STRING,
    "name": NAME,
    "services": SERVICES,
    "created_at": TIME,
    "secrets": {
        "type": "array",
        "items": object_of({"created_at": TIME, "expires_at": {"oneOf": [TIME, {"type": "null"}]}}),
        "description": "Those that are good now; two during a rotation",
    },
}
MACHINE_WITH_SECRET = object_of({**MACHINE, "client_secret": {"type": "string", "description": "Shown once"}})

OWN_SESSION = object_of(
    {
        "id": STRING,
        "way": {"type": "string", "description": "password, code, machine, or an identity provider's id"},
        "address": {"type": "string", "description": "From which it was begun"},
        "agent": {"type": "string", "description": "User-Agent of the browser"},
        "created_at": TIME,
        "last_seen_at": {**TIME, "description": "To the minute"},
        "expires_at": TIME,
        "is_current": {"type": "boolean"},
    }
)

ACCOUNT_SCHEMAS: dict[str, Schema] = {
    "OwnSessions": list_of("sessions", OWN_SESSION),
    "AccountState": object_of({"disabled": {"type": "boolean", "description": "It may not sign in"}}),
    "Account": object_of(
        {
            "username": STRING,
            "display_name": STRING,
            "role": STRING,
            "hospital": STRING,
            "disabled": {"type": "boolean"},
        }
    ),
    "Machines": list_of("machines", object_of(MACHINE)),
    "MachineProperties": object_of({"name": NAME, "services": SERVICES}),
    "MachineWithSecret": MACHINE_WITH_SECRET,
    "MachineRotation": object_of(
        {
            "previous_valid_s": {
                "type": "integer",
                "minimum": 0,
                "maximum": 30 * 86_400,
                "description": "How long the secret before stays good; by default seven days",
            }
        },
        frozenset({"previous_valid_s"}),
    ),
    "TokenAnswer": object_of(
        {
            "access_token": STRING,
            "token_type": {"type": "string", "enum": ["Bearer"]},
            "expires_in": {"type": "integer", "minimum": 1},
            "scope": STRING,
        }
    ),
    "TokenRefusal": object_of(
        {
            "error": {
                "type": "string",
                "enum": [
                    "invalid_request",
                    "invalid_client",
                    "invalid_scope",
                    "unsupported_grant_type",
                ],
            }
        }
    ),
    "IdentityProviders": list_of(
        "identity_providers",
        object_of({"id": STRING, "name": STRING, "claims": {"type": "string", "enum": list(CLAIMS)}}),
    ),
    "IdentityProviderProperties": object_of(IDENTITY_PROVIDER, frozenset(IDENTITY_PROVIDER) - _REQUIRED),
    "IdentityProvider": REGISTERED_PROVIDER,
    "RegisteredIdentityProviders": list_of("identity_providers", REGISTERED_PROVIDER),
}
