"""Cost of whole-series and whole-study retrieval, and of packing: processor time of this process, requests made.

    python -m bench.packs [instances] [series]

Starts an emulator of its own. Instances are 512x512 CT slices (525 KB), spread evenly over the series of one study.
Processor time is that of our process alone: what the emulator takes is not in it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydicom import dcmread
from pydicom.data import get_testdata_file

from chalicelib import wiring
from chalicelib.archive import pack, retrieve, retrieve_series
from chalicelib.archive.delivery import Body, object_of, read_body
from chalicelib.archive.index_instance import Index, index_objects
from chalicelib.archive.scope import Scope
from chalicelib.archive.store import ReceivedInstance, store_instance
from chalicelib.aws.clients import client
from chalicelib.dicom.media_types import accepted
from tests.dicom_files import part10
from tests.emulator import create_cloud, running_emulator

BASE = "http://127.0.0.1:8080/dicomweb"
STUDY = "1.2.826.0.1.9"
SCOPE = Scope(hospitals=("nord",))
MULTIPART = accepted('multipart/related; type="application/dicom"; transfer-syntax=*', {})


def fill(count: int, series_count: int) -> list[str]:
    """Store and index slices; a SOP Instance UID of each series."""
    path = get_testdata_file("CT_small.dcm")
    assert isinstance(path, str)
    instance = dcmread(path)
    del instance[0xFFFCFFFC]
    instance.Rows = instance.Columns = 512
    instance.StudyInstanceUID = STUDY
    instance.PixelData = os.urandom(512 * 512 * 2)
    index = Index(wiring.object_store(), wiring.index_writer(), wiring.index_reader(), wiring.study_ready_queue(), 5)
    keys: list[str] = []
    for number in range(count):
        instance.InstanceNumber = number
        instance.SeriesInstanceUID = f"{STUDY}.{number % series_count}"
        instance.SOPInstanceUID = f"{instance.SeriesInstanceUID}.{number}"
        received = ReceivedInstance("nord", part10(instance), "bench")
        keys.append(store_instance(wiring.object_store(), received).object_key)
        if len(keys) == 100 or number == count - 1:
            index_objects(index, keys)
            keys.clear()
    return [f"{STUDY}.{number}.{number}" for number in range(series_count)]


def sign_addresses() -> None:
    """A key that signs addresses of objects."""
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    value = json.dumps({"key_pair_id": "K1", "private_key": key.decode()})
    os.environ["SANSFILM_OBJECT_SIGNING_SECRET"] = client("secretsmanager").create_secret(
        Name="bench-objects", SecretString=value
    )["Name"]
    wiring.settings.cache_clear()
    wiring.object_url_signer().signed_url("x")


def measure(name: str, requests: Counter[str], action: Callable[[], Any]) -> Any:
    """Run and print processor and wall time, and the requests made."""
    requests.clear()
    cpu, wall = time.process_time(), time.perf_counter()
    result = action()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    made = ", ".join(f"{operation} {number}" for operation, number in sorted(requests.items()))
    print(f"{name:34} {cpu * 1000:9.1f} ms CPU {wall * 1000:9.0f} ms wall   {made}", flush=True)
    return result


def redirect(body: Body) -> str:
    """What the route does with an answer that is too big for Lambda."""
    return wiring.object_url_signer().signed_url(object_of(wiring.object_store(), body))


def main(count: int = 1000, series_count: int = 2) -> None:
    """Print one line a step."""
    requests: Counter[str] = Counter()
    with running_emulator() as emulator:
        os.environ.update(create_cloud(emulator).environment())
        for service in ("s3", "dynamodb", "sqs"):
            client(service).meta.events.register(
                "before-send", lambda event_name, **_: requests.update([event_name.split(".", 1)[1]])
            )
        sops = fill(count, series_count)
        sign_addresses()
        reader, objects = wiring.index_reader(), wiring.object_store()
        own = retrieve_series.Answers(reader, objects, wiring.pack_queue(), wiring.renderer(), BASE)
        series = f"{STUDY}.0"

        def frame() -> bytes:
            accept = accepted("multipart/related; type=application/octet-stream; transfer-syntax=*", {})
            uids = (STUDY, series, sops[0])
            return read_body(objects, retrieve.retrieve_frames(reader, wiring.renderer(), SCOPE, uids, [0], accept))

        def whole_series() -> str:
            return redirect(retrieve_series.retrieve_series(own, SCOPE, STUDY, series, MULTIPART))

        def whole_study() -> str:
            return redirect(retrieve_series.retrieve_study(own, SCOPE, STUDY, MULTIPART))

        measure("(first request of the process)", requests, frame)
        measure("frame", requests, frame)
        limits = retrieve_series.MOST_BYTES_AT_ONCE
        retrieve_series.MOST_BYTES_AT_ONCE = 1 << 40
        measure("series without a pack", requests, whole_series)
        retrieve_series.MOST_BYTES_AT_ONCE = limits
        for number in range(series_count):
            uids = ("nord", STUDY, f"{STUDY}.{number}")
            done = measure("pack", requests, lambda uids=uids: pack.build_pack(reader, objects, uids, BASE))
        print(f"   {done[0]}, {done[1].size_bytes / 1e6:.0f} MB")
        for turn in ("first", "second"):
            measure(f"series, packed, {turn}", requests, whole_series)
        for turn in ("first", "second"):
            measure(f"study, packed, {turn}", requests, whole_study)
        measure("frame", requests, frame)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
