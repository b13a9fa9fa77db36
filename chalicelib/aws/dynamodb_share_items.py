"""Items of shares in the registry table.

| item | pk | sk |
|---|---|---|
| share | `SHARE#{id}` | `SHARE` |
| use of it | `SHARE#{id}` | `USE#{session id}` |
| share of a maker | `SHARES-MADE#{subject}` | `{time}#{id}` |
| share with somebody by name | `SHARES-WITH#{kind}#{recipient}` | `{time}#{id}` |
| live share of a patient's studies | `H#{hospital}#P#{patient id}` | `SHARE#{time}#{id}` |
| live share of a hospital's studies | `SHARES-AT#{hospital}` | `{time}#{id}` |
| when something was last taken from somebody | `SHARES-ENDED#{kind}#{recipient, or id of a link}` | `AT` |

The list of shares with somebody holds a copy of each share, so that one query says what is given; a share that is
revoked leaves it, and the lists of live ones, in the transaction that revokes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from chalicelib.access.share_model import Kind, Share, Use
from chalicelib.archive.scope import PatientRef, Scope
from chalicelib.aws.dynamodb_items import Item, Value, to_item

KEPT_S = 366 * 86400
"""How long the record of a share outlives it: its maker sees who used it."""
ENDED, AT = "SHARES-ENDED#", "AT"
ENDED_KEPT_S = 3600
"""Longer than any authorizer's answer is remembered."""


def key_of(share_id: str) -> Item:
    """Where a share is."""
    return to_item({"pk": f"SHARE#{share_id}", "sk": "SHARE"})


def list_with(kind: Kind, recipient: str) -> str:
    """The list of shares with somebody."""
    return f"SHARES-WITH#{kind.value}#{recipient}"


def ended_key(kind: Kind, recipient: str) -> dict[str, Value]:
    """Where it is noted that something was taken from somebody."""
    return {"pk": f"{ENDED}{kind.value}#{recipient}", "sk": AT}


def pointers(share: Share) -> Iterator[dict[str, Value]]:
    """Places of a share in the lists of live ones."""
    for hospital, patient_id in dict.fromkeys((each.hospital, each.patient_id) for each in share.patients):
        yield {"pk": f"H#{hospital}#P#{patient_id}", "sk": f"SHARE#{place_of(share)}"}
    for hospital in dict.fromkeys(grant.hospital for grant in share.grants):
        yield {"pk": f"SHARES-AT#{hospital}", "sk": place_of(share)}


def use_item(share: Share, use: Use) -> Item:
    """The item of a use."""
    return to_item(
        {
            "pk": f"SHARE#{share.share_id}",
            "sk": f"USE#{use.session_id}",
            "used_at": use.used_at,
            "address": use.address,
            "who": use.who,
            "expires_at": share.ends_at + KEPT_S,
        }
    )


def place_of(share: Share) -> str:
    """Place of a share in a list by time."""
    return f"{share.created_at:012}#{share.share_id}"


def values_of(share: Share) -> dict[str, str | int]:
    """Attributes of a share."""
    return {
        "share_id": share.share_id,
        "maker": share.maker,
        "maker_name": share.maker_name,
        "maker_hospital": share.maker_hospital,
        "grants": json.dumps(share.scope.to_claims(), separators=(",", ":")),
        "patients": json.dumps([[p.hospital, p.patient_id, p.issuer] for p in share.patients], separators=(",", ":")),
        "kind": share.kind.value,
        "recipient": share.recipient,
        "label": share.label,
        "message": share.message,
        "created_at": share.created_at,
        "ends_at": share.ends_at,
        "maximum_uses": share.maximum_uses,
        "secret_digest": share.secret_digest,
        "passcode_hash": share.passcode_hash,
        "phone_number": share.phone_number,
        "grant_id": share.grant_id,
        "uses": share.uses,
        "passcode_failures": share.passcode_failures,
        "revoked_at": share.revoked_at,
        "revoked_by": share.revoked_by,
        "expires_at": share.ends_at + KEPT_S,
    }


def share_of(values: dict[str, Any]) -> Share:
    """The share of attributes."""
    own = {name: values[name] for name in values if name not in _OTHERWISE}
    grants = Scope.from_claims(json.loads(values["grants"])).shared
    patients = tuple(PatientRef(*patient) for patient in json.loads(values["patients"]))
    return Share(**own, grants=grants, patients=patients, kind=Kind(values["kind"]))


_OTHERWISE = frozenset({"pk", "sk", "expires_at", "grants", "patients", "kind"})
"""Attributes that are not a share's as they are."""
