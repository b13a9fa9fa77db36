"""The local cloud for tests: starts ministack from `.venv-emulator`, and creates what a test needs in it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from chalicelib.aws.tables import AUDIT, INDEX, LEDGER, METERS, REGISTRY, TableSchema

REGION = "eu-west-3"
ROOT = Path(__file__).parent.parent
MINISTACK = ROOT / ".venv-emulator/bin/ministack"
AS_RUN = (str(ROOT / ".venv-emulator/bin/python"), "-P", str(ROOT / "localstack/emulator.py"))
"""The emulator as `make run` has it: durable, and fast with objects."""
CHECKED_SERVICES = ("s3", "sqs", "dynamodb", "sns", "lambda", "secretsmanager")
QUEUES = [f"{name}_{kind}queue" for name in ("index", "study_ready", "pack") for kind in ("", "dead_letter_")]


_given_ports: set[int] = set()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on, another one at each call."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in _given_ports:
            _given_ports.add(port)
            return port


@dataclass
class Emulator:
    """A running emulator; `kill` and `start` are for tests of crashes."""

    state_dir: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    command: tuple[str, ...] = (str(MINISTACK),)

    @property
    def endpoint_url(self) -> str:
        """Endpoint of every service."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """AWS SDK variables that lead to this emulator."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def client(self, service: str) -> Any:
        """A boto3 client of this emulator, independent of the process's environment."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint_url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(max_pool_connections=32, retries={"total_max_attempts": 1}),
        )

    def start(self, timeout_s: int = 30) -> None:
        """Start ministack and wait until its services answer."""
        from pytest_localstack.session import RunningSession

        if not MINISTACK.exists():
            raise RuntimeError(f"{MINISTACK} is missing: run `make setup`")
        # A clean environment, because it leaks into the emulator's Lambdas.
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.state_dir),
            "TMPDIR": str(self.state_dir),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": REGION,
            "GATEWAY_PORT": str(self.port),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.state_dir / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self.state_dir / "s3"),
            "LOG_LEVEL": "WARNING",
        }
        with (self.state_dir / "ministack.log").open("ab") as log:
            self.process = subprocess.Popen(self.command, env=environment, stdout=log, stderr=log)
        services = dict.fromkeys(CHECKED_SERVICES, self.port)
        RunningSession("127.0.0.1", services=services, region_name=REGION).start(timeout=timeout_s)
        if self.process.poll() is not None:
            raise RuntimeError((self.state_dir / "ministack.log").read_text()[-2000:])

    def stop(self) -> None:
        """Stop gracefully: state is saved."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def kill(self) -> None:
        """Stop as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def running_emulator(command: tuple[str, ...] = (str(MINISTACK),)) -> Iterator[Emulator]:
    """An emulator with its own empty state, which goes with it."""
    state_dir = Path(tempfile.mkdtemp(prefix="sansfilm-emulator-"))
    emulator = Emulator(state_dir, command=command)
    try:
        emulator.start()
        yield emulator
    finally:
        emulator.stop()
        shutil.rmtree(state_dir, ignore_errors=True)


@dataclass(frozen=True)
class Cloud:
    """Fresh resources of one test within an emulator."""

    emulator: Emulator
    settings: Mapping[str, str]
    """Fields of `chalicelib.settings.Settings` by name."""

    def client(self, service: str) -> Any:
        """A boto3 client of the emulator."""
        return self.emulator.client(service)

    def environment(self) -> dict[str, str]:
        """Environment of a process that uses these resources."""
        fields = {f"SANSFILM_{name.upper()}": value for name, value in self.settings.items()}
        return self.emulator.environment() | fields


def create_table(dynamodb: Any, name: str, schema: TableSchema) -> None:
    """Create a table as the CDK stack does."""
    attributes = {"pk": "S", "sk": "S"}
    indexes = []
    for gsi in schema.indexes:
        keys = [gsi.partition_key] + ([gsi.sort_key] if gsi.sort_key else [])
        attributes |= dict(keys)
        indexes.append(
            {
                "IndexName": gsi.name,
                "KeySchema": [
                    {"AttributeName": key, "KeyType": kind}
                    for (key, _), kind in zip(keys, ("HASH", "RANGE"), strict=False)
                ],
                "Projection": {"ProjectionType": gsi.projection},
            }
        )
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind} for key, kind in attributes.items()],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
    )


def create_cloud(emulator: Emulator) -> Cloud:
    """Create tables, the archive bucket, queues and keys under names of their own."""
    suffix = uuid.uuid4().hex[:10]
    settings = {"archive_bucket": f"archive-{suffix}", "audit_bucket": f"audit-{suffix}"}
    for bucket in settings.values():
        location = {"LocationConstraint": REGION}
        emulator.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=location)
    dynamodb = emulator.client("dynamodb")
    for schema in (INDEX, REGISTRY, LEDGER, METERS, AUDIT):
        settings[f"{schema.purpose}_table"] = name = f"{schema.purpose}-{suffix}"
        create_table(dynamodb, name, schema)
    sqs = emulator.client("sqs")
    for queue in QUEUES:
        fifo = {"FifoQueue": "true"} if queue.startswith("pack") else {}
        name = f"{queue.replace('_', '-')}-{suffix}{'.fifo' if fifo else ''}"
        settings[f"{queue}_url"] = sqs.create_queue(QueueName=name, Attributes=fifo)["QueueUrl"]
    key = emulator.client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    settings["session_key_id"] = key["KeyMetadata"]["KeyId"]
    code_key = emulator.client("kms").create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    settings["code_key_id"] = code_key["KeyMetadata"]["KeyId"]
    settings["study_quiet_s"] = "1"
    return Cloud(emulator, settings)
