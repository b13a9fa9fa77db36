"""Registering how a patient of a hospital may be reached (Patient ID: LO, PS3.5 6.2)."""

from __future__ import annotations

import re
import time

from chalicelib.access.model import Contact
from chalicelib.access.ports import Registry
from chalicelib.errors import BadRequest

LO_CHARACTERS = 64
FICTIONAL_NUMBERS = re.compile(r"\+3363998[0-9]{4}")
"""Mobile numbers that the French regulator keeps for fiction: nobody has them, demonstrations use them."""


def register_contact(
    registry: Registry, hospital: str, patient_id: str, issuer: str, phone_number: str, *, consent: bool
) -> Contact:
    """Register or replace a contact; it serves studies with exactly this Patient ID and issuer.

    Raises
    ------
    errors.BadRequest
        If an identifier or the number is not valid.
    """
    contact = Contact(
        hospital,
        identifier(patient_id, "patient id"),
        identifier(issuer, "issuer") if issuer else "",
        mobile_number(phone_number),
        consent,
        int(time.time() * 1000),
    )
    registry.put_contact(contact)
    return contact


def mobile_number(text: str) -> str:
    """A number that can receive SMS, as E.164; without country code it is read as French.

    Raises
    ------
    errors.BadRequest
        If it is not such a number.
    """
    import phonenumbers

    try:
        number = phonenumbers.parse(text, "FR")
    except phonenumbers.NumberParseException as error:
        raise BadRequest("The phone number cannot be read.") from error
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    kinds = {phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE}
    if not FICTIONAL_NUMBERS.fullmatch(e164) and phonenumbers.number_type(number) not in kinds:
        raise BadRequest("The phone number is not that of a mobile.")
    return e164


def identifier(text: str, what: str) -> str:
    """A Patient ID or issuer (LO), trimmed. Raises `errors.BadRequest` if it is not one."""
    stripped = text.strip(" ")
    if not 0 < len(stripped) <= LO_CHARACTERS or "\\" in stripped or not stripped.isprintable():
        raise BadRequest(f"The {what} has 1 to {LO_CHARACTERS} characters, no backslash and no control character.")
    return stripped
