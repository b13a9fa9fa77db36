"""Decoding of JPEG (PS3.5 8.2.1) by libjpeg-turbo: sequential with 8 and 12 bits, lossless with up to 16.

A plugin for pydicom's decoders. The one that pydicom would take, pylibjpeg-libjpeg, is under the GPL and slower.
"""

from __future__ import annotations

from imagecodecs import jpeg8_decode
from pydicom.pixels.decoders.base import DecodeRunner, get_decoder
from pydicom.uid import UID, JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1

PLUGIN = "libjpeg-turbo"
TRANSFER_SYNTAXES = (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1)
DECODER_DEPENDENCIES = dict.fromkeys(TRANSFER_SYNTAXES, ("imagecodecs",))


def is_available(uid: str) -> bool:
    """Whether a transfer syntax is decoded here."""
    return UID(uid) in TRANSFER_SYNTAXES


def decode_frame(encoded: bytes, runner: DecodeRunner) -> bytearray:
    """A frame as pydicom's runner wants it: colour by pixel, of the colour space in which it was compressed.

    Raises
    ------
    imagecodecs.Jpeg8Error
        If it cannot be decoded.
    """
    # Told that colours are RGB on both sides, the decoder leaves them alone; pydicom knows what they are.
    colours = "RGB" if runner.samples_per_pixel > 1 else None
    array = jpeg8_decode(encoded, colorspace=colours, outcolorspace=colours)
    runner.set_option("planar_configuration", 0)
    runner.set_option("bits_allocated", array.dtype.itemsize * 8)
    return bytearray(array)


for _uid in TRANSFER_SYNTAXES:
    get_decoder(_uid).add_plugin(PLUGIN, (__name__, "decode_frame"))
