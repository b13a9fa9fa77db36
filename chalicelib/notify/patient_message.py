"""Texts of SMS about a patient's code: French, one segment, no health data."""

from __future__ import annotations

from datetime import date

from chalicelib.notify.gsm7 import BASIC, SEGMENT_SEPTETS, folded, septets

NAME_CHARACTERS = 40


def one_time_password_text(password: str) -> str:
    """The password that a patient asked for.

    >>> one_time_password_text("012345")
    'Sans Film : votre code de connexion est 012345, valable 5 minutes. Ne le communiquez à personne.'
    """
    return f"Sans Film : votre code de connexion est {password}, valable 5 minutes. Ne le communiquez à personne."


def share_password_text(password: str) -> str:
    """The password that somebody asked for who opens the link of a share.

    >>> share_password_text("012345")
    'Sans Film : le code du partage est 012345, valable 5 minutes. Ne le communiquez à personne.'
    """
    return f"Sans Film : le code du partage est {password}, valable 5 minutes. Ne le communiquez à personne."


def access_given_text(professional: str, until: date, public_url: str) -> str:
    """A professional obtained access with the patient's code.

    The address is left out where it does not fit into one segment of the GSM 7 bit alphabet.

    >>> access_given_text("Médecin traitant", date(2026, 12, 25), "https://sansfilm.example")
    "Médecin traitant a accès à vos examens jusqu'au 25/12/2026 avec votre code. Pour y mettre fin : https://sansfilm.example"
    """
    text = f"{_name(professional)} a accès à vos examens jusqu'au {until:%d/%m/%Y} avec votre code."
    ending = f" Pour y mettre fin : {public_url}"
    return text + ending if septets(text + folded(ending)) <= SEGMENT_SEPTETS else text


def application_added_text() -> str:
    """Somebody added an authenticator application to a patient's or representative's way to sign in.

    >>> septets(application_added_text()) <= SEGMENT_SEPTETS
    True
    """
    return (
        "Sans Film : une application a été ajoutée pour vous connecter. Si ce n'est pas vous, prévenez l'accueil de "
        "votre établissement de santé."
    )


def _name(professional: str) -> str:
    name = "".join(character for character in folded(professional) if character in BASIC and character != "\n")
    return name[:NAME_CHARACTERS].strip() or "Un professionnel"


def emergency_access_text(professional: str, on: date, public_url: str) -> str:
    """A professional saw exams without having been asked to, in an emergency.

    >>> emergency_access_text("Radiologue, Hôpital Sud", date(2026, 11, 26), "https://sansfilm.example")
    "Accès en urgence à vos examens le 26/11/2026 par Radiologue, Hopital Sud. L'accès sera contrôlé. https://sansfilm.example"
    """
    text = f"Accès en urgence à vos examens le {on:%d/%m/%Y} par {_name(professional)}. L'accès sera contrôlé."
    ending = f" {public_url}"
    text = folded(text)
    return text + folded(ending) if septets(text + folded(ending)) <= SEGMENT_SEPTETS else text
