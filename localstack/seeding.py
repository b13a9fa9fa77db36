"""Registers the demonstration region on the running platform, and issues its tokens."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from localstack import certificates, identity_providers, invoiced_month, region
from localstack.deployment import load_environment, write_private
from localstack.local_settings import LocalSettings, SetupFailure

TOKEN_LIFETIME_S = 8 * 3600
PARIS = ZoneInfo("Europe/Paris")


def use_platform(settings: LocalSettings) -> None:
    """Make this process's settings those of the platform on the state directory.

    Raises
    ------
    SetupFailure
        If there is none.
    """
    os.environ.update(load_environment(settings))


def passwords(settings: LocalSettings) -> dict[str, str]:
    """Password of every demonstration user, made once."""
    known: dict[str, str] = {}
    if settings.credentials_file.exists():
        known = json.loads(settings.credentials_file.read_text())
    wanted = region.generate_passwords() | known
    if wanted != known:
        write_private(settings.credentials_file, json.dumps(wanted, indent=1))
    return wanted


def credentials(settings: LocalSettings) -> Iterator[tuple[str, str, str]]:
    """Username, display name and password of every demonstration user."""
    secret = passwords(settings)
    for user in region.users():
        yield user.username, user.display_name, secret[user.username]


def seed(settings: LocalSettings) -> None:
    """Register hospitals, application entities, users, patients' contacts and a code; with demonstration
    exams also billing accounts and last month's ledger lines. Safe to repeat."""
    use_platform(settings)
    from chalicelib import wiring
    from chalicelib.access.model import Contact
    from localstack.demo.region_exams import CONTACTS, GP_PATIENTS

    registry = wiring.registry()
    region.seed(registry, passwords(settings), GP_PATIENTS, certificates.fingerprints(settings))
    _register_identity_providers(settings)
    now_ms = int(time.time() * 1000)
    for hospital, patient_id, phone_number in CONTACTS:
        known = registry.contact(hospital, patient_id, "")
        if known is None or known.phone_number != phone_number:
            registry.put_contact(Contact(hospital, patient_id, "", phone_number, True, now_ms))
    _hand_over_code(settings)
    if settings.demo:
        invoiced_month.seed_accounts(wiring.accounts())
        invoiced_month.seed_last_month(wiring.ledger(), datetime.now(UTC).astimezone(PARIS).date())


def issue_invoices(settings: LocalSettings) -> None:
    """Issue last month's invoices with their documents, as the first day of the month does.

    Raises
    ------
    SetupFailure
        If the function that issues them fails.
    """
    use_platform(settings)
    from chalicelib import errors, wiring

    period = invoiced_month.last_month(datetime.now(UTC).astimezone(PARIS).date())
    for hospital in invoiced_month.ACCOUNTS:
        try:
            print(hospital, wiring.invoicer().issue(hospital, period) or "nothing to invoice")
        except errors.NotFound as error:
            print(hospital, error)  # a clock that is set before the first price list
        except errors.ArchiveError as error:
            raise SetupFailure(f"{hospital}: {error}") from error


def _identity_provider_ports(environment: Mapping[str, str]) -> dict[str, int]:
    return {name: int(environment[variable]) for name, variable in identity_providers.PORT_VARIABLES.items()}


def identity_provider_configuration(settings: LocalSettings, environment: Mapping[str, str]) -> Path:
    """File that the identity providers' process reads."""
    file = settings.state_dir / "oidc.json"
    content = identity_providers.configuration(
        _identity_provider_ports(environment),
        settings.public_url,
        identity_providers.client_secrets(settings.state_dir / "oidc-secrets.json"),
    )
    write_private(file, json.dumps(content))
    return file


def _register_identity_providers(settings: LocalSettings) -> None:
    """Register the providers on the ports of this start, their secrets in the local Secrets Manager."""
    from chalicelib import wiring_accounts
    from chalicelib.aws.clients import client

    store = client("secretsmanager")
    for name, secret in identity_providers.client_secrets(settings.state_dir / "oidc-secrets.json").items():
        value = json.dumps({"client_secret": secret})
        try:
            store.create_secret(Name=f"sansfilm/oidc/{name}", SecretString=value)
        except store.exceptions.ResourceExistsException:
            store.put_secret_value(SecretId=f"sansfilm/oidc/{name}", SecretString=value)
    for provider in identity_providers.providers(_identity_provider_ports(os.environ)):
        wiring_accounts.identity_providers().put(provider)


def _hand_over_code(settings: LocalSettings) -> None:
    """Hand over a code to one demonstration patient, unless the one that was is still good."""
    from chalicelib import wiring
    from chalicelib.access.patient_codes import hand_over, keyed, prepare_code, read_code
    from chalicelib.archive.scope import PatientRef
    from localstack.demo.region_exams import CODE_PATIENT

    hospital, person = CODE_PATIENT
    patient = PatientRef(hospital, person.patient_ids[hospital])
    known = patient_code(settings)
    live = wiring.patient_codes().of_patient(patient)
    if known and live and live.index == keyed(wiring.code_key(), read_code(known["code"])).index:
        return
    day = person.birth_date
    birth_date = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    code, kept = prepare_code(wiring.code_key(), patient, birth_date, wiring.settings().patient_code_days)
    hand_over(wiring.registry(), wiring.patient_codes(), kept)
    family, _, given = person.name.partition("^")
    shown = {"code": code, "birth_date": birth_date, "name": f"{given} {family}", "phone_number": person.phone_number}
    write_private(_patient_code_file(settings), json.dumps(shown, ensure_ascii=False, indent=1))


def patient_code(settings: LocalSettings) -> dict[str, str]:
    """`code`, `birth_date`, `name` and `phone_number` of the demonstration patient, nothing before `seed`."""
    file = _patient_code_file(settings)
    found: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    return found


def _patient_code_file(settings: LocalSettings) -> Path:
    return settings.state_dir / "patient-code.json"


def token(settings: LocalSettings, role_name: str, hospital: str) -> str:
    """A bearer token of a role at a hospital.

    Raises
    ------
    SetupFailure
        If there is no such role or hospital, or the platform does not answer.
    """
    use_platform(settings)
    from chalicelib import errors, wiring
    from chalicelib.access.model import Role
    from chalicelib.access.sessions import issue_session
    from localstack.demo.region_exams import GP_PATIENTS

    try:
        role = Role(role_name)
        identity = region.token_identity(role, hospital, GP_PATIENTS)
        own = wiring.settings()
        made, _ = issue_session(
            wiring.registry(),
            wiring.session_signer(),
            identity,
            issuer=own.public_url,
            lifetime_s=TOKEN_LIFETIME_S,
        )
    except ValueError as error:
        roles = ", ".join(known.value for known in Role)
        known_role = role_name in {known.value for known in Role}
        raise SetupFailure(f"{error}." if known_role else f"ROLE is one of {roles}.") from error
    except errors.Unavailable as error:
        raise SetupFailure(f"The platform on {settings.state_dir} does not answer: is `make run` running?") from error
    return made
