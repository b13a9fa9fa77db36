"""Lossless encoding of frames: RLE, JPEG-LS, JPEG 2000, HTJ2K (PS3.5 8.2, Annex A.4 and G)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _rle(array: Array, bits_stored: int) -> bytes:
    from rle.utils import encode_pixel_data

    return bytes(
        encode_pixel_data(
            np.ascontiguousarray(array).tobytes(),
            byteorder="<",
            rows=array.shape[0],
            columns=array.shape[1],
            samples_per_pixel=_samples(array),
            bits_allocated=array.dtype.itemsize * 8,
        )
    )


def _jpeg_ls(array: Array, bits_stored: int) -> bytes:
    from jpeg_ls import encode_pixel_data

    # JPEG-LS knows no sign: bits above the stored ones would be out of its range.
    unsigned = array.view(f"u{array.dtype.itemsize}") & ((1 << bits_stored) - 1)
    return bytes(
        encode_pixel_data(
            np.ascontiguousarray(unsigned).tobytes(),
            rows=array.shape[0],
            columns=array.shape[1],
            samples_per_pixel=_samples(array),
            bits_stored=bits_stored,
            planar_configuration=0,
        )
    )


def _jpeg_2000(array: Array, bits_stored: int) -> bytes:
    from openjpeg.utils import encode_array

    # Without a colour transform, so that Photometric Interpretation stays what it is.
    return bytes(encode_array(np.ascontiguousarray(array), bits_stored, 0 if _samples(array) > 1 else 2, False))


def _htj2k(array: Array, bits_stored: int) -> bytes:
    from imagecodecs import htj2k_encode

    # The encoder's progression is by resolution (RPCL); with tile-part lengths that is what the RPCL syntax asks for.
    encoded = htj2k_encode(np.ascontiguousarray(array), reversible=True, rgb=False, tlm=True)
    return bytes(encoded)


def _samples(array: Array) -> int:
    return array.shape[2] if array.ndim == 3 else 1


RLE, JPEG_LS, JPEG_2000 = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"
HTJ2K, HTJ2K_RPCL = "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202"
ENCODERS: dict[str, Callable[[Array, int], bytes]] = {
    JPEG_2000: _jpeg_2000,
    JPEG_LS: _jpeg_ls,
    HTJ2K: _htj2k,
    HTJ2K_RPCL: _htj2k,
    RLE: _rle,
}


def encode(array: Array, bits_stored: int, transfer_syntax_uid: str) -> bytes:
    """A decoded frame, (rows x columns) or (rows x columns x 3) of 8 or 16 bit integers, compressed without loss.

    Raises
    ------
    KeyError
        If there is no encoder for the transfer syntax.
    """
    return ENCODERS[transfer_syntax_uid](array.astype(array.dtype.newbyteorder("="), copy=False), bits_stored)
