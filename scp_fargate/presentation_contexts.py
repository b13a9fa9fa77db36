"""Which presentation contexts are accepted (PS3.8 9.3.2): storage of every kind in every transfer syntax, verification.

Nothing is converted on reception (D2), so that the sender's first transfer syntax is always as good as the next.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydicom.uid import UID
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import Verification

STANDARD_ROOT = "1.2.840.10008."
IMAGE_STORAGE_ROOT = "1.2.840.10008.5.1.4.1.1."
"""Every composite storage SOP class lies here but for a few older or newer ones, which are known by name."""
OTHER_STORAGE = (
    "Storage Commitment", "Media Storage Directory",
    "Hanging Protocol", "Color Palette", "Generic Implant", "Implant Assembly", "Implant Template",
    "CT Defined Procedure", "XA Defined Procedure", "Protocol Approval", "Inventory", "Repository",
)  # fmt: skip
"""Other services, and non-patient objects (PS3.4 GG), which have no study to be archived under."""


def is_storage(abstract_syntax: str) -> bool:
    """Whether an abstract syntax is a storage SOP class of composite instances, private and future ones included.

    >>> is_storage("1.2.840.10008.5.1.4.1.1.2"), is_storage("1.2.276.0.7230010.3.1.0.1")
    (True, True)
    >>> is_storage("1.2.840.10008.5.1.4.1.2.2.1"), is_storage("1.2.840.10008.1.20.1")
    (False, False)
    """
    if not abstract_syntax.startswith(STANDARD_ROOT):
        return bool(abstract_syntax)
    uid = UID(abstract_syntax)
    if uid.name == abstract_syntax:
        return abstract_syntax.startswith(IMAGE_STORAGE_ROOT)
    if uid.type != "SOP Class" or uid.name.startswith(OTHER_STORAGE):
        return False
    return abstract_syntax.startswith(IMAGE_STORAGE_ROOT) or "Storage" in uid.name


def supported_contexts(requested: Iterable[PresentationContext], services: frozenset[str]) -> list[PresentationContext]:
    """Contexts that this calling application entity may use, one per abstract syntax.

    What is not in the answer is refused at negotiation as "abstract syntax not supported" (PS3.8 table 9-18).

    Parameters
    ----------
    services
        What the calling application entity may do; verification is always allowed.
    """
    transfer_syntaxes: dict[UID, list[UID]] = {}
    for context in requested:
        abstract_syntax = context.abstract_syntax
        if abstract_syntax == Verification or ("store" in services and is_storage(abstract_syntax or "")):
            transfer_syntaxes.setdefault(abstract_syntax, []).extend(context.transfer_syntax)
    return [_context(abstract_syntax, syntaxes) for abstract_syntax, syntaxes in transfer_syntaxes.items()]


def _context(abstract_syntax: UID, transfer_syntaxes: list[UID]) -> PresentationContext:
    context = PresentationContext()
    context.abstract_syntax = abstract_syntax
    for transfer_syntax in transfer_syntaxes:
        context.add_transfer_syntax(transfer_syntax)
    return context
