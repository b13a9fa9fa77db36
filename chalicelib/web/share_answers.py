"""What the routes of shares answer with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from itertools import groupby
from typing import Any

from chalicelib import wiring
from chalicelib.access.share_model import Kind, Share
from chalicelib.archive.model import StudyRecord
from chalicelib.archive.restricted import reader_within
from chalicelib.archive.scope import Scope, SharedStudy

Rows = dict[tuple[str, str], StudyRecord]


def rows_of(found: Iterable[Share], scope: Scope) -> Rows:
    """Studies of shares, as far as a scope shows them."""
    reader = reader_within(wiring.index_reader(), scope)
    wanted = sorted({(grant.hospital, grant.study_instance_uid) for share in found for grant in share.grants})
    rows: Rows = {}
    for hospital, group in groupby(wanted, key=lambda each: each[0]):
        for row in reader.studies(hospital, [uid for _, uid in group]):
            if scope.permits(hospital, row.study_instance_uid, row.value("00100020"), row.value("00100021")):
                rows[hospital, row.study_instance_uid] = row
    return rows


def named_of(grants: Iterable[SharedStudy]) -> list[StudyRecord]:
    """Studies that a share names, whatever is kept back of them now: for the audit trail alone."""
    found = (wiring.index_reader().study(grant.hospital, grant.study_instance_uid) for grant in grants)
    return [study for study in found if study]


def shown_share(share: Share, rows: Rows) -> dict[str, Any]:
    """A share as its maker sees it."""
    return {
        **shown_terms(share),
        "recipient": shown_recipient(share),
        "label": share.label,
        "message": share.message,
        "studies": [shown_study(grant, rows) for grant in share.grants],
        "maximum_uses": share.maximum_uses,
        "has_passcode": bool(share.passcode_hash),
        "phone_number_ends_in": share.phone_number[-2:],
        "under_access": bool(share.grant_id),
        "revoked_by": share.revoked_by,
    }


def shown_of_others(share: Share, rows: Rows, *, is_own: bool) -> dict[str, Any]:
    """A share as those see it whose studies it gives: theirs alone, and not what one professional wrote to another."""
    return {
        **shown_terms(share),
        "from": shown_maker(share),
        "recipient": shown_recipient(share),
        "studies": [shown_study(grant, rows) for grant in share.grants if is_shown(grant, rows)],
        "is_own": is_own,
    }


def shown_terms(share: Share) -> dict[str, Any]:
    """What says nothing of studies or people."""
    return {
        "id": share.share_id,
        "kind": share.kind.value,
        **shown_gives(share),
        "created_at": shown_instant(share.created_at),
        "expires_at": shown_instant(share.ends_at),
        "state": share.state.value,
        "uses": share.uses,
    }


def is_shown(grant: SharedStudy, rows: Rows) -> bool:
    """Whether rows have the study of a grant."""
    return (grant.hospital, grant.study_instance_uid) in rows


def shown_recipient(share: Share) -> str:
    """With whom it is shared, in words."""
    if share.kind is Kind.HOSPITAL:
        hospital = wiring.registry().hospital(share.recipient)
        return hospital.name if hospital else share.recipient
    if share.kind is Kind.PROFESSIONAL:
        return " · ".join(filter(None, (share.label, f"RPPS {share.recipient}")))
    if share.kind is Kind.USER:
        user = wiring.registry().user(share.recipient)
        return user.display_name if user else share.recipient
    return share.label


def shown_study(grant: SharedStudy, rows: Rows) -> dict[str, Any]:
    """What is shared of a study."""
    row = rows.get((grant.hospital, grant.study_instance_uid))
    return {
        "hospital": grant.hospital,
        "study_instance_uid": grant.study_instance_uid,
        "series": list(grant.series),
        "patient_name": row.value("00100010") if row else "",
        "study_date": row.value("00080020") if row else "",
        "description": row.value("00081030") if row else "",
        "modalities": list(row.modalities) if row else [],
    }


def shown_gives(share: Share) -> dict[str, bool]:
    """The same for all of a share's studies."""
    return {name: all(getattr(grant, name) for grant in share.grants) for name in ("reports", "download")}


def shown_maker(share: Share) -> dict[str, str]:
    """Who shares, and where."""
    hospital = wiring.registry().hospital(share.maker_hospital) if share.maker_hospital else None
    return {"name": share.maker_name, "hospital": hospital.name if hospital else ""}


def shown_instant(seconds: int) -> str:
    """Seconds since the epoch as RFC 3339."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def network_of(address: str) -> str:
    """The network that a caller is in: enough to recognize a place, not to find a household."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    return str(ip_network(f"{parsed}/{24 if parsed.version == 4 else 48}", strict=False))


def log_share(what: str, share: Share) -> None:
    """A line in the log, which names nobody."""
    wiring.logger("api").info(what, extra={"share": share.share_id, "kind": share.kind.value})
