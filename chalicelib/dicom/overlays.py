"""Overlay planes (PS3.3 C.9.2): graphics of one bit a pixel, apart or in unused bits of the pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.tag import Tag

Array = NDArray[Any]

GROUPS = range(0x6000, 0x6020, 2)
_GROUP_SET = frozenset(GROUPS)
_ROWS, _COLUMNS, _FRAMES, _ORIGIN, _FRAME_ORIGIN, _BIT_POSITION, _DATA = (
    0x0010, 0x0011, 0x0015, 0x0050, 0x0051, 0x0102, 0x3000,
)  # fmt: skip


def _present(dataset: Dataset) -> list[int]:
    """Groups of overlays that a data set has."""
    tags = dataset.keys()  # iterating over the data set itself sorts and converts them
    return sorted({tag >> 16 for tag in tags} & _GROUP_SET)


def _value(dataset: Dataset, group: int, element: int) -> Any:
    tag = Tag(group, element)
    return dataset[tag].value if tag in dataset else None


def overlay_mask(dataset: Dataset, frame: int, shape: tuple[int, ...], unmasked: Array | None = None) -> Array | None:
    """Where overlays lie on a frame (zero-based) of `shape`: (rows x columns) of booleans, None if there are none.

    `unmasked` is the frame with its unused bits, for overlays that lie there. Overlays that are damaged are left out:
    they hide nothing.
    """
    present = _present(dataset)
    if not present:
        return None
    mask = np.zeros(shape, bool)
    found = False
    for group in present:
        try:
            plane = _plane(dataset, group, frame, unmasked)
        except (TypeError, ValueError, IndexError):
            continue
        if plane is not None:
            found = True
            _place(mask, plane, _value(dataset, group, _ORIGIN))
    return mask if found else None


def has_embedded_overlays(dataset: Dataset) -> bool:
    """Whether an overlay lies in unused bits of the pixels (retired in 2004)."""
    return any(
        _value(dataset, group, _BIT_POSITION) and _value(dataset, group, _DATA) is None
        and _value(dataset, group, _ROWS) for group in _present(dataset)
    )  # fmt: skip


def _plane(dataset: Dataset, group: int, frame: int, unmasked: Array | None) -> Array | None:
    rows, columns = _value(dataset, group, _ROWS), _value(dataset, group, _COLUMNS)
    data, bit = _value(dataset, group, _DATA), _value(dataset, group, _BIT_POSITION)
    if data is None:
        is_embedded = bool(rows) and bool(bit) and unmasked is not None
        return (unmasked >> int(bit)) & 1 == 1 if is_embedded and unmasked is not None else None
    frames, first = int(_value(dataset, group, _FRAMES) or 1), int(_value(dataset, group, _FRAME_ORIGIN) or 1)
    number = frame + 1 - first if frames > 1 else 0
    size = int(rows) * int(columns)
    if not 0 <= number < frames or not 0 < size <= len(data) * 8:
        return None
    start = number * size
    octets = np.frombuffer(data, np.uint8)[start // 8 : (start + size + 7) // 8]
    bits = np.unpackbits(octets, bitorder="little")[start % 8 : start % 8 + size]
    return bits.reshape(int(rows), int(columns)).astype(bool)


def _place(mask: Array, plane: Array, origin: Any) -> None:
    """Set the plane onto the frame; its origin is row and column of its first pixel, counted from 1."""
    top, left = (int(origin[0]) - 1, int(origin[1]) - 1) if origin is not None and len(origin) == 2 else (0, 0)
    target = mask[max(0, top) : max(0, top + plane.shape[0]), max(0, left) : max(0, left + plane.shape[1])]
    cut = plane[max(0, -top) :, max(0, -left) :][: target.shape[0], : target.shape[1]]
    target[: cut.shape[0], : cut.shape[1]] |= cut
