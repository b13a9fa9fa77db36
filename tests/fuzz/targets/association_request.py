"""A-ASSOCIATE-RQ (PS3.8 9.3.2): pynetdicom's decoder behind our limit, and what we make of what it says."""

from __future__ import annotations

from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.presentation import PresentationContext

from scp_fargate.application_entity import _configure_pynetdicom
from scp_fargate.c_find import extensions, negotiate
from scp_fargate.identifier import FIND_MODELS
from scp_fargate.presentation_contexts import supported_contexts
from tests.fuzz.messages import ASSOCIATION_REQUESTS

_configure_pynetdicom()
SEEDS = ASSOCIATION_REQUESTS
EVERY_SERVICE = frozenset({"store", "query", "retrieve"})


def fuzz(data: bytes) -> None:
    """A whole PDU.

    pynetdicom raises whatever it likes at what it cannot read, and the association ends: that it ends soon and in
    little memory is what counts. What it could read must not surprise us.
    """
    try:
        pdu = A_ASSOCIATE_RQ()
        pdu.decode(data)
        request = pdu.to_primitive()
        requested = list(request.presentation_context_definition_list)
        items = list(request.user_information)
    except Exception:
        return
    storage = {str(context.abstract_syntax) for context in requested}
    for services, receives in ((EVERY_SERVICE, storage), (frozenset[str](), ())):
        for context in supported_contexts(requested, services, receives):
            assert isinstance(context, PresentationContext)
            assert context.transfer_syntax
    for item in items:
        information = getattr(item, "service_class_application_information", None)
        if information is not None and item.sop_class_uid in FIND_MODELS:
            assert len(negotiate(information)) >= 3
            extensions(negotiate(information))
