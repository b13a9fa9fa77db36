"""Deploys the archive stack to the local cloud with the ordinary CDK tools, only when its inputs changed."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from infra.cdk import gateway_responses
from localstack.environments import digest_of_files, install_npm
from localstack.local_settings import ACCOUNT, REGION, ROOT, LocalSettings, SetupFailure
from localstack.processes import run_to_end

STACK = "SansFilmArchive"
SOURCES = ("chalicelib", "infra")
FILES = ("app.py", "requirements.txt", ".chalice/config.json", "localstack/requirements-emulator.txt")


def client(settings: LocalSettings, service: str) -> Any:
    """A boto3 client of the local cloud."""
    import boto3
    from botocore.config import Config

    connect: Any = boto3.client  # whose type knows service names only as literals
    return connect(
        service,
        endpoint_url=settings.aws_endpoint_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the emulator's
        config=Config(connect_timeout=3, read_timeout=20, retries={"total_max_attempts": 3}),
    )


def input_digest(settings: LocalSettings) -> str:
    """Digest of everything that a deployment is made from."""
    sources = [
        path
        for folder in SOURCES
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".txt", ".json", ".js"} and not {"__pycache__", "node_modules"} & set(path.parts)
    ]
    context = json.dumps(_context(settings), sort_keys=True)
    return digest_of_files(
        [*sources, *(ROOT / name for name in FILES)], context, settings.aws_endpoint_url, sys.version
    )


def _context(settings: LocalSettings) -> dict[str, str]:
    return {
        "environment": "local",
        "stacks": STACK,
        "account": ACCOUNT,
        "public_url": settings.public_url,
        "study_quiet_s": str(settings.study_quiet_s),
        "sms_quiet_hours": settings.sms_quiet_hours,
        "log_level": settings.log_level,
        "log_retention_days": "7",
        "queue_concurrency": "2",
    }


async def deploy(settings: LocalSettings) -> bool:
    """Bring the stack up to date; return whether anything had to be done.

    Raises
    ------
    SetupFailure
        If it cannot be deployed.
    """
    record = settings.state_dir / "deployed.json"
    digest = await asyncio.to_thread(input_digest, settings)
    if record.exists() and json.loads(record.read_text()) == digest and await asyncio.to_thread(_is_deployed, settings):
        return False
    record.unlink(missing_ok=True)
    await install_npm(settings, "infra/cdk")
    output = settings.state_dir / "cdk.out"
    await _cdk(settings, "synth", STACK, "--quiet", "--output", str(output), *_context_arguments(settings))
    await _cdk(settings, "bootstrap", f"aws://{ACCOUNT}/{REGION}", "--app", str(output))
    await _cdk(settings, "deploy", STACK, "--app", str(output), "--require-approval", "never", "--method", "direct")
    await asyncio.to_thread(_put_gateway_responses, settings)
    await asyncio.to_thread(flush, settings)
    record.write_text(json.dumps(digest))
    return True


def _context_arguments(settings: LocalSettings) -> list[str]:
    return [part for name, value in _context(settings).items() for part in ("--context", f"{name}={value}")]


async def _cdk(settings: LocalSettings, *arguments: str) -> None:
    folder = ROOT / "infra/cdk"
    environment = settings.base_environment() | settings.aws_environment()
    environment |= {
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
        "JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION": "1",
        "NODE_NO_WARNINGS": "1",
        "CDK_DISABLE_VERSION_CHECK": "1",
        "CI": "1",
    }
    command = [str(folder / "node_modules/.bin/cdk"), *arguments]
    failure = f"`cdk {arguments[0]}` failed"
    await run_to_end(command, environment, settings.logs_dir / "deploy.log", folder, failure)


def flush(settings: LocalSettings) -> None:
    """Have the emulator save everything now (other local clouds persist in their own way)."""
    if not settings.aws_endpoint:
        with urlopen(Request(f"{settings.aws_endpoint_url}/_sansfilm/flush", method="POST"), timeout=60):  # noqa: S310 - a setting
            pass


def _put_gateway_responses(settings: LocalSettings) -> None:
    """The emulator leaves them out of the stack."""
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack_outputs(settings)}
    api = client(settings, "apigateway")
    for response_type in gateway_responses.RESPONSE_TYPES:
        api.put_gateway_response(
            restApiId=outputs["RestApiId"], responseType=response_type, **gateway_responses.for_api(response_type)
        )
    api.create_deployment(restApiId=outputs["RestApiId"], stageName=outputs["RestApiStage"])


def _is_deployed(settings: LocalSettings) -> bool:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return bool(stack_outputs(settings))
    except (BotoCoreError, ClientError):
        return False


def stack_outputs(settings: LocalSettings) -> list[dict[str, str]]:
    """Outputs of the deployed stack."""
    stacks = client(settings, "cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    return list(stacks[0].get("Outputs", []))


def platform_environment(settings: LocalSettings) -> dict[str, str]:
    """Settings of the deployed platform, as its processes read them."""
    values = {
        output["Description"]: output["OutputValue"]
        for output in stack_outputs(settings)
        if output.get("Description", "").startswith("SANSFILM_")
    }
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack_outputs(settings)}
    api = f"{settings.aws_endpoint_url}/restapis/{outputs['RestApiId']}/{outputs['RestApiStage']}/_user_request_"
    own = {
        "SANSFILM_API_URL": api,
        "SANSFILM_HTTP_PORT": str(settings.http_port),
        "SANSFILM_DICOM_PORT": str(settings.dicom_port),
        "SANSFILM_DICOM_TLS_PORT": str(settings.dicom_tls_port),
        "SANSFILM_STATE_DIR": str(settings.state_dir),
    }
    return settings.aws_environment() | values | own


def ensure_signing_key(settings: LocalSettings, environment: dict[str, str]) -> Path:
    """Make the key pair of signed URLs once, give the archive its private half; return the public half's file."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    private_file, public_file = settings.state_dir / "object-signing.pem", settings.state_dir / "object-signing.pub.pem"
    if not private_file.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        public_file.write_bytes(public)
        write_private(private_file, private.decode())
    value = json.dumps({"key_pair_id": "KLOCAL", "private_key": private_file.read_text()})
    store = client(settings, "secretsmanager")
    secret = environment["SANSFILM_OBJECT_SIGNING_SECRET"]
    if store.get_secret_value(SecretId=secret).get("SecretString") != value:
        store.put_secret_value(SecretId=secret, SecretString=value)
    return public_file


def ensure_edge_secret(settings: LocalSettings, environment: dict[str, str]) -> None:
    """Give the edge what it proves itself with, where the local cloud made no value of its own."""
    store, name = client(settings, "secretsmanager"), environment["SANSFILM_EDGE_SECRET"]
    known = store.get_secret_value(SecretId=name).get("SecretString") or ""
    if '"value"' not in known:
        store.put_secret_value(SecretId=name, SecretString=json.dumps({"value": secrets.token_urlsafe(36)}))


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read; it is never there half written."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    fresh.replace(path)


def load_environment(settings: LocalSettings) -> dict[str, str]:
    """Settings of the platform that runs on this state directory.

    Raises
    ------
    SetupFailure
        If there is none.
    """
    if not settings.settings_file.exists():
        raise SetupFailure(f"No platform has been started on {settings.state_dir}: `make run` first.")
    environment: dict[str, str] = json.loads(settings.settings_file.read_text())
    return environment
