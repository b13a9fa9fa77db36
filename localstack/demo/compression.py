"""The transfer syntaxes that some modalities store in, so that the region holds every one that is common."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.uid import UID


def compressed(instance: Dataset, transfer_syntax_uid: UID) -> Dataset:
    """The instance with its pixels encoded without loss; its SOP Instance UID stays."""
    instance.compress(transfer_syntax_uid, generate_instance_uid=False)
    return instance
