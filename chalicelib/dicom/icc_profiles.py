"""ICC profiles of rendered pictures (PS3.18 8.3.5.1.5, PS3.3 C.11.15): the source's own, sRGB, Adobe RGB, ROMM RGB."""

from __future__ import annotations

import struct
from functools import cache
from io import BytesIO

from PIL import Image, ImageCms
from pydicom.dataset import Dataset

_D50 = (0.9642, 1.0, 0.8249)
# Columns are red, green and blue primaries adapted to D50, then gamma: Adobe RGB (1998) 4.3.4, ISO 22028-2 table 2.
_SPACES = {
    "adobergb": (
        "Adobe RGB (1998) compatible",
        ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)),
        563 / 256,
    ),
    "rommrgb": (
        "ROMM RGB compatible",
        ((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491)),
        1.8,
    ),
}


def _s15(number: float) -> bytes:
    return struct.pack(">i", round(number * 65536))


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_s15, values))


def _description(text: str) -> bytes:
    ascii_text = text.encode() + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(ascii_text)) + ascii_text + bytes(78)


def _matrix_profile(name: str, primaries: tuple[tuple[float, float, float], ...], gamma: float) -> bytes:
    """A display profile of three primaries and one gamma (ICC.1:2001-04, 6.3.1.2)."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    tags = {
        b"desc": _description(name),
        b"cprt": b"text\0\0\0\0No copyright, use freely.\0",
        b"wtpt": _xyz(_D50),
        **{tag: _xyz(primary) for tag, primary in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    offset = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for tag, content in tags.items():
        table += tag + struct.pack(">II", offset + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    header = struct.pack(
        ">I4sI4s4s4s6H4s4sIIIQI", offset + len(data), bytes(4), 0x02400000, b"mntr", b"RGB ", b"XYZ ",
        2020, 1, 1, 0, 0, 0, b"acsp", bytes(4), 0, 0, 0, 0, 0,
    )  # fmt: skip
    header += b"".join(map(_s15, _D50)) + bytes(4)
    return header.ljust(128, b"\0") + table + data


@cache
def profile(name: str) -> bytes:
    """ICC profile `srgb`, `adobergb` or `rommrgb`."""
    if name == "srgb":
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return _matrix_profile(*_SPACES[name])


def source_profile(dataset: Dataset) -> bytes:
    """The profile that an image brings, b"" if none; whole slide images have it in their optical path."""
    for item in (dataset, *(dataset.get("OpticalPathSequence") or [])[:1]):
        content = item.get("ICCProfile")
        if isinstance(content, bytes) and content:
            return content
    return b""


def with_profile(image: Image.Image, dataset: Dataset, wanted: str) -> tuple[Image.Image, bytes]:
    """The picture in a colour space and the profile to embed; a source without a profile is taken for sRGB.

    `wanted` is `yes`, `srgb`, `adobergb` or `rommrgb`. Shades of gray stay as they are unless a space is named.
    """
    own = source_profile(dataset) if image.mode == "RGB" else b""
    if wanted == "yes":
        if not own and image.mode != "RGB":
            image = image.convert("RGB")
        return image, own or profile("srgb")
    target = profile(wanted)
    image = image.convert("RGB")
    if (own or profile("srgb")) == target:
        return image, target
    return _converted(image, own, target), target


def _converted(image: Image.Image, own: bytes, target: bytes) -> Image.Image:
    for source in (own, profile("srgb")):
        try:
            converted = ImageCms.profileToProfile(
                image, ImageCms.ImageCmsProfile(BytesIO(source)), ImageCms.ImageCmsProfile(BytesIO(target))
            )
        except (ImageCms.PyCMSError, OSError):
            continue  # The source's profile is damaged or absent.
        if converted is not None:
            return converted
    return image
