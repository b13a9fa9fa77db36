"""The text of an SMS: French, one segment, no health data (an SMS may say that results are available, never more)."""

from __future__ import annotations

from chalicelib.notify.gsm7 import SEGMENT_SEPTETS, folded, septets


def exam_available(hospital_name: str, public_url: str) -> str:
    """Tell a patient that images of an exam are available.

    Raises
    ------
    ValueError
        If name and address do not fit into one segment of the GSM 7 bit alphabet.

    >>> exam_available("Hôpital Nord", "https://sansfilm.example")
    'Hopital Nord : les images de votre examen sont disponibles sur https://sansfilm.example'
    """
    text = f"{folded(hospital_name)} : les images de votre examen sont disponibles sur {public_url}"
    length = septets(text)
    if length > SEGMENT_SEPTETS:
        raise ValueError(f"{length} septets do not fit into one SMS of {SEGMENT_SEPTETS}")
    return text
