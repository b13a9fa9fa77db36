"""Functional groups of enhanced multi-frame images (PS3.3 C.7.6.16): where an attribute of a frame is."""

from __future__ import annotations

from pydicom.dataset import Dataset


def functional_group(dataset: Dataset, frame: int, keyword: str) -> Dataset:
    """Item of a functional group of a frame (zero-based); the data set itself where there are no groups."""
    groups = list(dataset.get("PerFrameFunctionalGroupsSequence") or [])[frame : frame + 1]
    groups += list(dataset.get("SharedFunctionalGroupsSequence") or [])[:1]
    for group in groups:
        items = group.get(keyword)
        if items:
            item: Dataset = items[0]
            return item
    return dataset
