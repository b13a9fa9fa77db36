"""localstack/emulator.py: what the emulator acknowledged is there after it was killed, whatever it was doing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.emulator import Emulator
from tests.platform import ROOT

TABLE = "durable"
WRITERS = 4


@dataclass
class DurableEmulator(Emulator):
    """The emulator as the local platform runs it."""

    def start(self, timeout_s: int = 30) -> None:
        """Start it and wait until it answers."""
        (self.state_dir / "tmp").mkdir(exist_ok=True)
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.state_dir), "TMPDIR": str(self.state_dir / "tmp"),
            "BIND_HOST": "127.0.0.1", "MINISTACK_HOST": "127.0.0.1", "MINISTACK_REGION": "eu-west-3",
            "GATEWAY_PORT": str(self.port), "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0",
            "DOCKER_HOST": "unix:///no-docker.sock", "PERSIST_STATE": "1", "STATE_DIR": str(self.state_dir / "state"),
            "S3_PERSIST": "1", "S3_DATA_DIR": str(self.state_dir / "s3"), "LOG_LEVEL": "WARNING",
        }  # fmt: skip
        command = [str(ROOT / ".venv-emulator/bin/python"), "-P", str(ROOT / "localstack/emulator.py")]
        with (self.state_dir / "log").open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                with urlopen(f"{self.endpoint_url}/_localstack/health", timeout=5):
                    return
            except OSError:
                assert self.process.poll() is None, (self.state_dir / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def flush(self) -> None:
        """Have it save a snapshot."""
        with urlopen(Request(f"{self.endpoint_url}/_sansfilm/flush", method="POST"), timeout=30):
            pass


@pytest.fixture
def durable() -> Iterator[DurableEmulator]:
    """A running emulator with a table and a queue."""
    state_dir = Path(tempfile.mkdtemp(prefix="sansfilm-durable-"))
    emulator = DurableEmulator(state_dir)
    try:
        emulator.start()
        emulator.client("dynamodb").create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        )
        yield emulator
    finally:
        emulator.kill()
        shutil.rmtree(state_dir, ignore_errors=True)


def _count_up(dynamodb: Any, writer: int, number: int) -> None:
    """What the index does: a conditional put, and a counter that moves with it."""
    put = {"TableName": TABLE, "Item": {"pk": {"S": f"{writer}-{number}"}, "body": {"B": b"x" * 500}},
           "ConditionExpression": "attribute_not_exists(pk)"}  # fmt: skip
    update = {"TableName": TABLE, "Key": {"pk": {"S": f"count-{writer}"}}, "UpdateExpression": "ADD n :one",
              "ExpressionAttributeValues": {":one": {"N": "1"}}}  # fmt: skip
    dynamodb.transact_write_items(TransactItems=[{"Put": put}, {"Update": update}])


def _write_until_it_dies(emulator: DurableEmulator, acknowledged: list[int], writer: int) -> None:
    dynamodb = emulator.client("dynamodb")
    try:
        while True:
            _count_up(dynamodb, writer, acknowledged[writer])
            acknowledged[writer] += 1
    except (BotoCoreError, ClientError):
        return


def test_transactions_survive_a_kill_at_any_moment_exactly_once(durable: DurableEmulator) -> None:
    """Three lives: killed while writing, killed right after a snapshot taken while writing, stopped gracefully."""
    acknowledged = [0] * WRITERS
    for life in range(2):
        threads = [
            threading.Thread(target=_write_until_it_dies, args=(durable, acknowledged, n)) for n in range(WRITERS)
        ]
        for thread in threads:
            thread.start()
        time.sleep(1)
        if life == 1:
            durable.flush()
        time.sleep(0.2)
        durable.kill()
        for thread in threads:
            thread.join()
        durable.start()
        _check(durable, acknowledged)
    durable.stop()
    durable.start()
    _check(durable, acknowledged)


def _check(emulator: DurableEmulator, acknowledged: list[int]) -> None:
    dynamodb = emulator.client("dynamodb")
    for writer in range(WRITERS):
        item = dynamodb.get_item(TableName=TABLE, Key={"pk": {"S": f"count-{writer}"}})["Item"]
        counted = int(item["n"]["N"])
        # The last one may have taken effect without its answer having left.
        assert counted in {acknowledged[writer], acknowledged[writer] + 1}
        for number in range(counted):
            assert "Item" in dynamodb.get_item(TableName=TABLE, Key={"pk": {"S": f"{writer}-{number}"}})
        acknowledged[writer] = counted


def test_a_repeated_transaction_token_counts_once_after_a_kill(durable: DurableEmulator) -> None:
    dynamodb = durable.client("dynamodb")
    update = {"TableName": TABLE, "Key": {"pk": {"S": "count"}}, "UpdateExpression": "ADD n :one",
              "ExpressionAttributeValues": {":one": {"N": "1"}}}  # fmt: skip
    for _ in range(3):
        dynamodb.transact_write_items(TransactItems=[{"Update": update}], ClientRequestToken="token")
    durable.kill()
    durable.start()
    item = durable.client("dynamodb").get_item(TableName=TABLE, Key={"pk": {"S": "count"}})["Item"]
    assert item["n"]["N"] == "1"


def test_a_journal_that_was_cut_off_loses_only_what_was_not_acknowledged(durable: DurableEmulator) -> None:
    durable.flush()
    dynamodb = durable.client("dynamodb")
    for number in range(3):
        dynamodb.put_item(TableName=TABLE, Item={"pk": {"S": str(number)}})
    durable.kill()
    journal = max(
        (durable.state_dir / "state/journal").glob("dynamodb.*.journal"), key=lambda path: path.stat().st_size
    )
    journal.write_bytes(journal.read_bytes() + b"\0\0\0\x01\0\0")
    durable.start()
    dynamodb = durable.client("dynamodb")
    assert all("Item" in dynamodb.get_item(TableName=TABLE, Key={"pk": {"S": str(n)}}) for n in range(3))


def test_sent_messages_objects_keys_and_secrets_survive_a_kill(durable: DurableEmulator) -> None:
    sqs, s3 = durable.client("sqs"), durable.client("s3")
    url = sqs.create_queue(QueueName="work")["QueueUrl"]
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
    key = durable.client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    public = durable.client("kms").get_public_key(KeyId=key)["PublicKey"]
    durable.client("secretsmanager").create_secret(Name="secret", SecretString="value")
    durable.flush()
    sqs.send_message(QueueUrl=url, MessageBody="kept")
    s3.put_object(Bucket="bucket", Key="object", Body=b"kept", Metadata={"hospital": "hopital-nord"})
    durable.kill()
    durable.start()
    received = durable.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=1)["Messages"]
    assert [message["Body"] for message in received] == ["kept"]
    got = durable.client("s3").get_object(Bucket="bucket", Key="object")
    assert (got["Body"].read(), got["Metadata"]) == (b"kept", {"hospital": "hopital-nord"})
    assert durable.client("kms").get_public_key(KeyId=key)["PublicKey"] == public
    assert durable.client("secretsmanager").get_secret_value(SecretId="secret")["SecretString"] == "value"


def test_a_graceful_stop_leaves_no_temporary_folder(durable: DurableEmulator) -> None:
    assert durable.process is not None
    durable.process.send_signal(signal.SIGTERM)
    durable.process.wait(20)
    assert list((durable.state_dir / "tmp").iterdir()) == []
