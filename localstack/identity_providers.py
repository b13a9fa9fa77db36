"""OpenID providers of the local platform: a real process (localstack/oidc), demonstration doctors as accounts.

One looks like Pro Santé Connect, the other like a hospital's own Keycloak.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chalicelib.access.model import Role
from chalicelib.access.oidc_model import GROUPS, PRO_SANTE_CONNECT, IdentityProvider, RoleRule
from chalicelib.access.oidc_sign_in import redirect_uri
from localstack.local_settings import ROOT

FOLDER = "localstack/oidc"
CLIENT_ID = "sansfilm"
PSC, SUD = "psc", "sud"
NAMES = {PSC: "Pro Santé Connect", SUD: "Hopital Sud"}
PORT_VARIABLES = {PSC: "SANSFILM_PSC_PORT", SUD: "SANSFILM_SUD_PROVIDER_PORT"}

PHYSICIAN, NURSE, RADIOLOGY = "10", "60", "SM44"
NORD = "1590000011"
"""Place of work: national identifier of Hopital Nord."""
PRACTICE = "1590000094"


def command(configuration: Path) -> list[str]:
    """Starts every provider of a configuration."""
    return ["node", str(ROOT / FOLDER / "provider.mjs"), str(configuration)]


def configuration(ports: Mapping[str, int], public_url: str, client_secrets: Mapping[str, str]) -> dict[str, Any]:
    """What `provider.mjs` reads."""

    def of(provider_id: str, kind: str, title: str, accounts: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "kind": kind,
            "port": ports[provider_id],
            "title": title,
            "client_id": CLIENT_ID,
            "client_secret": client_secrets[provider_id],
            "redirect_uri": redirect_uri(public_url, provider_id),
            "accounts": accounts,
        }

    return {
        "providers": [
            of(PSC, "psc", "Pro Santé Connect (démonstration)", _professionals()),
            of(SUD, "groups", "Hopital Sud (démonstration)", _staff()),
        ]
    }


def providers(ports: Mapping[str, int]) -> list[IdentityProvider]:
    """As they are registered in the archive."""
    physician = f"profession:{PHYSICIAN}"
    return [
        IdentityProvider(
            PSC,
            NAMES[PSC],
            f"http://127.0.0.1:{ports[PSC]}",
            CLIENT_ID,
            f"sansfilm/oidc/{PSC}",
            claims=PRO_SANTE_CONNECT,
            rules=(
                RoleRule(
                    frozenset({physician, f"expertise:{RADIOLOGY}", f"organization:{NORD}"}),
                    Role.RADIOLOGIST,
                    "hopital-nord",
                ),
                RoleRule(frozenset({physician}), Role.GP),
            ),
            scopes="openid scope_all",
            acr_values="eidas1",
        ),
        IdentityProvider(
            SUD,
            NAMES[SUD],
            f"http://127.0.0.1:{ports[SUD]}",
            CLIENT_ID,
            f"sansfilm/oidc/{SUD}",
            claims=GROUPS,
            rules=(
                RoleRule(frozenset({"radiologues"}), Role.RADIOLOGIST, "hopital-sud"),
                RoleRule(frozenset({"gestionnaires-pacs"}), Role.PACS_MANAGER, "hopital-sud"),
                RoleRule(frozenset({"prescripteurs"}), Role.GP, "hopital-sud"),
                RoleRule(frozenset({"finances"}), Role.FINANCE, "hopital-sud"),
                RoleRule(frozenset({"accueil"}), Role.DESK, "hopital-sud"),
            ),
            scopes="openid profile groups",
        ),
    ]


def client_secrets(file: Path) -> dict[str, str]:
    """Secrets of the archive at its providers, made once."""
    from localstack.deployment import write_private

    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    wanted = {name: secrets.token_urlsafe(32) for name in NAMES} | known
    if wanted != known:
        write_private(file, json.dumps(wanted))
    return wanted


def _professionals() -> list[dict[str, Any]]:
    return [
        _professional("10100000017", "Médecin", "Traitant", PHYSICIAN, "SM26", PRACTICE, "Médecin traitant"),
        _professional("10100000025", "Radiologue", "Nord", PHYSICIAN, RADIOLOGY, NORD, "Radiologue, Hopital Nord"),
        _professional("10100000033", "Infirmier", "Libéral", NURSE, "", PRACTICE, "Infirmier (sans accès)"),
    ]


def _professional(
    rpps: str, given: str, family: str, profession: str, expertise: str, organization: str, label: str
) -> dict[str, Any]:
    """An account with the claims of Pro Santé Connect's scope_all."""
    identifier = f"8{rpps}"
    activity = {
        "codeModeExercice": "L" if organization == PRACTICE else "S",
        "codeSecteurDactivite": "SA07" if organization == PRACTICE else "SA01",
        "numeroFinessSite": organization[1:],
        "identifiantTechniqueDeLaStructure": f"R{organization}",
    }
    practice = {
        "codeProfession": profession,
        "codeCategorieProfessionnelle": "C",
        "codeTypeSavoirFaire": "S" if expertise else "",
        "codeSavoirFaire": expertise,
        "nomDexercice": family,
        "prenomDexercice": given,
        "activities": [activity],
    }
    claims = {
        "SubjectNameID": identifier,
        "SubjectRole": [f"{profession}^1.2.250.1.213.1.1.5.5"],
        "SubjectRefPro": {"codeCivilite": "M", "exercices": [practice]},
        "SubjectOrganization": "Hopital Nord" if organization == NORD else "Cabinet",
        "SubjectOrganizationID": organization,
        "Secteur_Activite": f"{activity['codeSecteurDactivite']}^1.2.250.1.71.4.2.4",
        "Palier_Authentification": "APPPRIP3^1.2.250.1.213.1.5.1.1.1",
        "given_name": given,
        "family_name": family,
        "preferred_username": identifier,
    }
    return {"id": f"f:demonstration:{identifier}", "label": f"{label}, RPPS {rpps}", "claims": claims}


def _staff() -> list[dict[str, Any]]:
    groups = {
        "radiologues": "Radiologue",
        "gestionnaires-pacs": "Gestionnaire PACS",
        "prescripteurs": "Médecin prescripteur",
        "finances": "Finances",
        "accueil": "Accueil",
        "restauration": "Restauration (sans accès)",
    }
    return [
        {"id": f"sud-{group}", "label": title, "claims": {"name": f"{title}, Hopital Sud", "groups": [group]}}
        for group, title in groups.items()
    ]
