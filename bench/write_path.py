"""Cost of the write path an instance: processor time of this process, requests to S3, DynamoDB and SQS.

    python -m bench.write_path [instances]

Starts an emulator of its own. Instances are 512x512 CT slices of one series, indexed in batches of 100.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from pydicom import dcmread
from pydicom.data import get_testdata_file

from chalicelib import wiring
from chalicelib.archive.index_instance import Index, index_objects, read_object
from chalicelib.archive.store import ReceivedInstance, store_instance
from chalicelib.aws.clients import client
from tests.dicom_files import part10
from tests.emulator import create_cloud, running_emulator

BATCH = 100


def slices(count: int) -> list[bytes]:
    """A series of 512x512 slices with the header of a real CT."""
    path = get_testdata_file("CT_small.dcm")
    assert isinstance(path, str)
    instance = dcmread(path)
    del instance[0xFFFCFFFC]  # trailing padding, which costs a second read and is rare
    instance.Rows = instance.Columns = 512
    instance.PixelData = os.urandom(512 * 512 * 2)
    bodies = []
    for number in range(count):
        instance.InstanceNumber = number
        instance.SOPInstanceUID = f"1.2.826.0.1.1.{number}"
        bodies.append(part10(instance))
    return bodies


def measure(name: str, count: int, requests: Counter[str], action: Callable[[], Any]) -> Any:
    """Run and print processor and wall time an instance, and the requests made."""
    requests.clear()
    cpu, wall = time.process_time(), time.perf_counter()
    result = action()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    made = ", ".join(f"{operation} {number / count:.3f}" for operation, number in sorted(requests.items()))
    print(f"{name:34} {cpu / count * 1000:7.2f} ms CPU {wall / count * 1000:7.2f} ms wall   {made}")
    return result


def main(count: int) -> None:
    """Print one line a step."""
    requests: Counter[str] = Counter()
    with running_emulator() as emulator:
        os.environ.update(create_cloud(emulator).environment())
        for service in ("s3", "dynamodb", "sqs"):
            client(service).meta.events.register(
                "before-send", lambda event_name, **_: requests.update([event_name.split(".", 1)[1]])
            )
        objects = wiring.object_store()
        index = Index(objects, wiring.index_writer(), wiring.index_reader(), wiring.study_ready_queue(), 5)
        bodies = slices(count)
        received = [ReceivedInstance("nord", body, "bench") for body in bodies]
        stored = measure("store", count, requests, lambda: [store_instance(objects, item) for item in received])
        keys = [item.object_key for item in stored]
        batches = [keys[start : start + BATCH] for start in range(0, count, BATCH)]
        measure("read header, JSON, frames", count, requests, lambda: [read_object(objects, key) for key in keys])
        measure("index", count, requests, lambda: [index_objects(index, batch) for batch in batches])
        measure("index again (redelivery)", count, requests, lambda: [index_objects(index, batch) for batch in batches])
        study = index.reader.study("nord", stored[0].keys.study_instance_uid)
        assert study is not None
        assert study.instance_count == count
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB (with {count} bodies held)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
