"""Which presentation contexts are accepted (PS3.8 9.3.2): storage of every kind in every transfer syntax, verification,
query, retrieve and storage commitment.

Nothing is converted on reception (D2), so that the sender's first transfer syntax is always as good as the next.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification

from scp_fargate.identifier import FIND_MODELS, RETRIEVE_MODELS

STANDARD_ROOT = "1.2.840.10008."
IMAGE_STORAGE_ROOT = "1.2.840.10008.5.1.4.1.1."
"""Every composite storage SOP class lies here but for a few older or newer ones, which are known by name."""
OTHER_STORAGE = (
    "Storage Commitment", "Media Storage Directory",
    "Hanging Protocol", "Color Palette", "Generic Implant", "Implant Assembly", "Implant Template",
    "CT Defined Procedure", "XA Defined Procedure", "Protocol Approval", "Inventory", "Repository",
)  # fmt: skip
"""Other services, and non-patient objects (PS3.4 GG), which have no study to be archived under."""
IDENTIFIER_SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
"""Transfer syntaxes of queries and retrievals, in order of preference."""
LAST_CHOICE = (ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)


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


def may_store(context: PresentationContext) -> bool:
    """Whether C-STORE requests may come under an accepted context: one of storage, whose SCP the archive is."""
    return is_storage(context.abstract_syntax or "") and context.as_scp is not False


def supported_contexts(
    requested: Iterable[PresentationContext], services: frozenset[str], receives: Collection[str] = ()
) -> list[PresentationContext]:
    """Contexts that this calling application entity may use, one per abstract syntax.

    What is not in the answer is refused at negotiation as "abstract syntax not supported" (PS3.8 table 9-18).

    Parameters
    ----------
    services
        What the calling application entity may do; verification is always allowed.
    receives
        Storage SOP classes for which it proposes the SCP role, to receive instances by C-GET (PS3.7 D.3.3.4).
    """
    transfer_syntaxes: dict[UID, list[UID]] = {}
    for context in requested:
        transfer_syntaxes.setdefault(context.abstract_syntax or UID(""), []).extend(context.transfer_syntax)
    contexts = (
        _context(uid, syntaxes, services, uid in receives) for uid, syntaxes in transfer_syntaxes.items() if syntaxes
    )
    return [context for context in contexts if context is not None]


def service_of(abstract_syntax: str) -> str | None:
    """Service of the registry that an abstract syntax needs, "" for none, None when the archive does not offer it.

    Who may store may also ask whether what was stored is safe ("commitment").

    >>> service_of("1.2.840.10008.5.1.4.1.2.2.1"), service_of("1.2.840.10008.5.1.4.1.1.2")
    ('query', 'store')
    """
    if abstract_syntax == Verification:
        return ""
    if abstract_syntax == StorageCommitmentPushModel:
        return "commitment"
    if abstract_syntax in FIND_MODELS:
        return "query"
    if abstract_syntax in RETRIEVE_MODELS:
        return "retrieve"
    return "store" if is_storage(abstract_syntax) else None


def _context(
    abstract_syntax: UID, transfer_syntaxes: list[UID], services: frozenset[str], receives: bool
) -> PresentationContext | None:
    service = service_of(abstract_syntax)
    needed = "store" if service == "commitment" else service
    context = PresentationContext()
    context.abstract_syntax = abstract_syntax
    if service == "store" and receives:
        context.scu_role, context.scp_role = "store" in services, "retrieve" in services
        if not (context.scu_role or context.scp_role):
            return None
        # Instances are sent in these; what the archive cannot convert to comes last.
        transfer_syntaxes = sorted(transfer_syntaxes, key=lambda syntax: syntax in LAST_CHOICE)
    elif needed is None or (needed and needed not in services):
        return None
    elif service in ("query", "retrieve", "commitment"):
        transfer_syntaxes = [syntax for syntax in IDENTIFIER_SYNTAXES if syntax in transfer_syntaxes] or [
            *IDENTIFIER_SYNTAXES
        ]
    for transfer_syntax in transfer_syntaxes:
        context.add_transfer_syntax(transfer_syntax)
    return context
