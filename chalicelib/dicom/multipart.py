"""multipart/related bodies (RFC 2387; PS3.18 8.6.1.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.dicom.media_types import MULTIPART


def boundary_of(seed: str) -> str:
    """A boundary that is always the same for the same content and that no content can foresee.

    `seed` holds digests of the parts, so bytes that contain the boundary would have to contain their own hash.
    """
    return "sansfilm-" + hashlib.sha256(seed.encode()).hexdigest()[:40]


def content_type(part_type: str, boundary: str) -> str:
    """Content-Type of the whole.

    >>> content_type("application/dicom", "b")
    'multipart/related; type="application/dicom"; boundary=b'
    """
    return f'{MULTIPART}; type="{part_type}"; boundary={boundary}'


@dataclass(frozen=True)
class PartHeader:
    """Header of one part."""

    content_type: str
    content_location: str = ""

    def encode(self, boundary: str, first: bool) -> bytes:
        """Delimiter line and header fields, up to where the content starts."""
        lines = [f"--{boundary}", f"Content-Type: {self.content_type}"]
        if self.content_location:
            lines.append(f"Content-Location: {self.content_location}")
        return (("" if first else "\r\n") + "\r\n".join(lines) + "\r\n\r\n").encode()


def closing(boundary: str) -> bytes:
    """What follows the last part."""
    return f"\r\n--{boundary}--\r\n".encode()


def encode(parts: Iterable[tuple[PartHeader, bytes]], boundary: str) -> bytes:
    """A whole body in memory."""
    pieces: list[bytes] = []
    for header, content in parts:
        pieces += (header.encode(boundary, first=not pieces), content)
    return b"".join((*pieces, closing(boundary)))
