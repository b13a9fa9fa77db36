"""Annotation of rendered pictures (PS3.18 8.3.5.1.1): patient and technique as text in the picture."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset

_SMALLEST_TEXT_PIXELS, _LARGEST_TEXT_PIXELS = 10, 40
_LINES_ACROSS = 36
"""Lines of text that a picture is high, within the bounds above."""


def plain(text: str) -> str:
    """Capitals without accents, as French identity traits are kept.

    >>> plain("Lefèvre^Œuvre")
    'LEFEVRE OEUVRE'
    """
    return " ".join(ascii_text(text.replace("^", " ")).upper().split())


def ascii_text(text: str) -> str:
    """Without accents: the font that Pillow brings has no letters but those of ASCII.

    >>> ascii_text("Lésion à 12 mm")
    'Lesion a 12 mm'
    """
    for letter, letters in (("Œ", "OE"), ("œ", "oe"), ("Æ", "AE"), ("æ", "ae")):
        text = text.replace(letter, letters)
    folded = unicodedata.normalize("NFKD", text)
    kept = "".join(character for character in folded if not unicodedata.combining(character))
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in kept)


def _text(dataset: Dataset, keyword: str) -> str:
    value = dataset.get(keyword)
    return "" if value is None else plain(str(value).split("=")[0])


def _date(dataset: Dataset, keyword: str) -> str:
    text = _text(dataset, keyword)
    return f"{text[6:8]}/{text[4:6]}/{text[:4]}" if len(text) == 8 and text.isdigit() else text


def patient_lines(dataset: Dataset) -> list[str]:
    """Who it is: name, identifier, birth date and sex."""
    return [
        _text(dataset, "PatientName"),
        _text(dataset, "PatientID"),
        f"{_date(dataset, 'PatientBirthDate')} {_text(dataset, 'PatientSex')}".strip(),
    ]


def technique_lines(dataset: Dataset) -> list[str]:
    """How the image was made: institution, modality and date, series, slice, exposure."""

    def measured(keyword: str, unit: str) -> str:
        value: Any = dataset.get(keyword)
        try:
            return f"{float(value):g} {unit}"
        except (TypeError, ValueError):
            return ""

    exposure = [measured("KVP", "KV"), measured("XRayTubeCurrent", "MA"), measured("SliceThickness", "MM"),
                measured("RepetitionTime", "MS TR"), measured("EchoTime", "MS TE")]  # fmt: skip
    series, instance = _text(dataset, "SeriesNumber"), _text(dataset, "InstanceNumber")
    return [
        _text(dataset, "InstitutionName"),
        f"{_text(dataset, 'Modality')} {_date(dataset, 'StudyDate')}".strip(),
        _text(dataset, "SeriesDescription"),
        " ".join(text for text in (series and f"SERIES {series}", instance and f"IMAGE {instance}") if text),
        " ".join(filter(None, exposure)),
    ]


def annotated(image: Image.Image, dataset: Dataset, kinds: Sequence[str]) -> Image.Image:
    """The picture with text: the patient at the upper left, technique at the lower left."""
    image = image.copy()
    size = max(_SMALLEST_TEXT_PIXELS, min(_LARGEST_TEXT_PIXELS, image.height // _LINES_ACROSS))
    font = ImageFont.load_default(size)
    draw = ImageDraw.Draw(image)
    margin = size // 2
    if "patient" in kinds:
        _write(draw, (margin, margin), patient_lines(dataset), font, "la", size)
    if "technique" in kinds:
        _write(draw, (margin, image.height - margin), technique_lines(dataset), font, "ld", size)
    return image


def _write(
    draw: ImageDraw.ImageDraw, at: tuple[float, float], lines: Sequence[str], font: Any, anchor: str, size: int
) -> None:
    """White on a black edge, so that it is legible on any ground."""
    white: Any = 255 if draw.mode == "L" else (255, 255, 255)
    black: Any = 0 if draw.mode == "L" else (0, 0, 0)
    text = "\n".join(filter(None, lines))
    if text:
        draw.multiline_text(at, text, white, font, anchor, stroke_width=max(1, size // 10), stroke_fill=black)
