"""UIDs (PS3.5 9.1)."""

from __future__ import annotations

import re

_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*", re.ASCII)


def is_valid(uid: str) -> bool:
    """Whether a text may be used as a UID: 1 to 64 characters, digits and dots, no empty component.

    Leading zeros are tolerated, because modalities in the field send them; a path or a wildcard never passes.

    >>> is_valid("1.2.840.10008.1.1"), is_valid("1..2"), is_valid("../x"), is_valid("1" * 65)
    (True, False, False, False)
    """
    return len(uid) <= 64 and _UID.fullmatch(uid) is not None
