"""What a page of a search costs in few and in many studies: DynamoDB read units and handler CPU (docs/adr/0013).

`python -m bench.qido_scale [studies ...]`, by default 2,000 and 50,000. The emulator reports no true units: they are
counted from the items that it returns, by DynamoDB's rules (Query: all bytes of a page in steps of 4 KB; GetItem and
BatchGetItem: each item; half where read eventually consistent).
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import boto3
from botocore.config import Config

from chalicelib import errors
from chalicelib.archive.scope import Scope
from chalicelib.archive.search import search
from chalicelib.archive.search_results import Level
from chalicelib.aws.dynamodb_index_reader import DynamoDBIndexReader
from chalicelib.web.search_query import parse_search
from tests.emulator import REGION, free_port

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
UNIT_BYTES = 4096
TABLE, HOSPITAL = "index", "nord"
MONTH = "StudyDate=20261001-20261031"
SEARCHES = {
    "newest": "",
    "one week": "StudyDate=20261020-20261026",
    "Patient ID": "PatientID=P7",
    "Accession Number": "AccessionNumber=A1234",
    "hot beginning of a name": "PatientName=mart*",
    "one letter": "PatientName=m*",
    "accented beginning": "PatientName=Lefè*",
    "rare name": "PatientName=Bonnet*",
    "whole name": "PatientName=MARTIN^MARIE",
    "given name": "PatientName=*^Marie*",
    "leading wildcard": "PatientName=*tin^*",
    "inner wildcard": "PatientName=*arti*",
    "two letters anywhere": "PatientName=*ar*",
    "phonetic, hot": "PatientName=martain&fuzzymatching=true",
    "phonetic, two words": "PatientName=marie lefeuvre&fuzzymatching=true",
    "name and month": f"PatientName=mart*&{MONTH}",
    "name and modality": "PatientName=mart*&ModalitiesInStudy=PT",
    "rare modality": "ModalitiesInStudy=PT",
    "modality and month": f"ModalitiesInStudy=CT&{MONTH}",
    "description": "StudyDescription=*enou*",
    "offset 1000": "offset=1000",
    "offset 1000 of a name": "PatientName=m*&offset=1000",
}


@dataclass
class Counted:
    """A DynamoDB client that adds up what its reads would cost."""

    client: Any
    calls: int = 0
    units: float = 0.0
    items: int = 0

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self.client, name)

        def call(**parameters: Any) -> Any:
            answer = operation(**parameters)
            self.calls += 1
            if name == "query":
                sizes = [sum(map(_item_bytes, answer["Items"]))]
                found, consistent = len(answer["Items"]), parameters.get("ConsistentRead", False)
            elif name == "batch_get_item":
                sizes = [_item_bytes(item) for found in answer["Responses"].values() for item in found]
                found, consistent = len(sizes), parameters["RequestItems"][TABLE]["ConsistentRead"]
            else:
                sizes = [_item_bytes(answer.get("Item", {}))]
                found, consistent = len(sizes), parameters.get("ConsistentRead", False)
            self.items += found
            self.units += sum(max(1, math.ceil(size / UNIT_BYTES)) for size in sizes) * (1 if consistent else 0.5)
            return answer

        return call


def _item_bytes(item: dict[str, Any]) -> int:
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: dict[str, Any]) -> int:
    kind, content = next(iter(value.items()))
    if kind == "SS":
        return sum(len(text.encode()) for text in content)
    if kind == "N":
        return len(content) // 2 + 2
    return len(content if kind == "B" else content.encode())


@contextmanager
def emulator(studies: int) -> Iterator[tuple[Any, str]]:
    """A client of an emulator that has so many studies, and the postings of each."""
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "PERSIST_STATE": "0",
        "LOG_LEVEL": "ERROR",
    }
    command = [str(ROOT / ".venv-emulator/bin/python"), "-m", "bench.qido_emulator", str(studies)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        items_per_study = process.stdout.readline().strip()
        config = Config(read_timeout=600, retries={"total_max_attempts": 1})
        credentials = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        client = boto3.client(
            "dynamodb", endpoint_url=f"http://127.0.0.1:{port}", region_name=REGION, config=config, **credentials
        )
        _wait(client)
        yield client, items_per_study
    finally:
        process.terminate()
        process.wait()


def _wait(client: Any) -> None:
    for _ in range(600):
        try:
            client.get_item(TableName=TABLE, Key={"pk": {"S": "x"}, "sk": {"S": "x"}})
        except Exception:
            time.sleep(0.5)
        else:
            return
    raise RuntimeError("The emulator does not answer.")


def measure(client: Any, query: str, repeats: int) -> str:
    """One cell: matches, read units, calls, items, handler CPU."""
    counted = Counted(client)
    reader = DynamoDBIndexReader(counted, TABLE, None, None)  # type: ignore[arg-type]
    parameters = parse_qs(f"{query}&limit=50", keep_blank_values=True)
    best_ms = math.inf
    for _ in range(repeats):
        counted.calls, counted.units, counted.items = 0, 0.0, 0
        began = time.process_time()
        try:
            found = search(reader, Scope(hospitals=(HOSPITAL,)), parse_search(Level.STUDY, parameters), "http://x")
            json.dumps(found.matches)
            matches = str(len(found.matches))
        except errors.TooMuch:
            matches = "413"
        best_ms = min(best_ms, (time.process_time() - began) * 1000)
    return f"{matches} | {counted.units:.1f} | {counted.calls} | {counted.items} | {best_ms:.1f}"


def main(sizes: list[int], repeats: int = 2) -> int:
    """Measure, print the table and write it under bench/results/."""
    columns: list[dict[str, str]] = []
    postings = []
    for size in sizes:
        with emulator(size) as (client, items_per_study):
            postings.append(items_per_study)
            column: dict[str, str] = {}
            for name, query in SEARCHES.items():
                column[name] = measure(client, query, repeats)
                print(f"{size:,} | {name} | {column[name]}", file=sys.stderr, flush=True)
            columns.append(column)
    heads = "".join(f" {size:,}: found | read units | calls | items | CPU ms |" for size in sizes)
    lines = [f"| page of 50 |{heads}", "|---" * (1 + 5 * len(sizes)) + "|"]
    lines += [f"| {name} | " + " | ".join(column[name] for column in columns) + " |" for name in SEARCHES]
    report = "\n".join([f"Index items a study, series and instances apart: {', '.join(postings)}.", "", *lines]) + "\n"
    print(report)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "qido_scale.md").write_text(report)
    return 0


if __name__ == "__main__":
    sys.exit(main([int(argument) for argument in sys.argv[1:]] or [2000, 50_000]))
