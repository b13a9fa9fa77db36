"""From a modality to the worklist: a CT series sent to a running platform until QIDO-RS counts every instance.

    python -m bench.end_to_end [instances] [associations]

Needs `make run` in another terminal, and DCMTK's dcmsend.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests

from bench.data import write_ct_series
from localstack.local_settings import LocalSettings

ENVIRONMENT = {**os.environ, "TCP_NODELAY": "1"}
DEADLINE_S = 300


def main(count: int, associations: int) -> int:
    """Send, wait, print one line; return the exit status."""
    settings = LocalSettings.from_env()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        size = write_ct_series(folder, count, associations)
        headers = {"Authorization": f"Bearer {_token()}"}
        url = f"{settings.public_url}/dicomweb/studies?AccessionNumber={_accession_number(folder)}"
        before = _indexed(url, headers)
        if before:
            print(f"The series of {count} is there already: start from an empty SANSFILM_STATE_DIR.", file=sys.stderr)
            return 1
        began = time.monotonic()
        senders = [_send(part, settings.dicom_port) for part in sorted(folder.iterdir())]
        if any(sender.wait(DEADLINE_S) for sender in senders):
            print("dcmsend failed.", file=sys.stderr)
            return 1
        durable_s = time.monotonic() - began
        while (indexed := _indexed(url, headers)) < count:
            if time.monotonic() - began > DEADLINE_S:
                print(f"Only {indexed} of {count} became searchable.", file=sys.stderr)
                return 1
            time.sleep(0.1)
        searchable_s = time.monotonic() - began
    print(
        f"{count} instances ({size / 1e6:.0f} MB), {associations} associations: durable at {count / durable_s:.0f}/s, "
        f"searchable at {count / searchable_s:.0f}/s; the last was searchable {searchable_s - durable_s:.1f} s after "
        "the last C-STORE response"
    )
    return 0


def _token() -> str:
    command = [sys.executable, "-m", "localstack", "token", "--role", "radiologist", "--hospital", "hopital-nord"]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if answer.returncode:
        sys.exit(answer.returncode)  # the command has said why
    return answer.stdout.strip()


def _accession_number(folder: Path) -> str:
    from pydicom import dcmread

    instance = dcmread(next(folder.rglob("*.dcm")), stop_before_pixels=True)
    return str(instance.AccessionNumber)


def _send(part: Path, port: int) -> subprocess.Popen[bytes]:
    command = ["dcmsend", "-q", "+sd", "-aet", "NORD_CT1", "-aec", "SANSFILM", "127.0.0.1", str(port), str(part)]
    return subprocess.Popen(command, env=ENVIRONMENT)


def _indexed(url: str, headers: dict[str, str]) -> int:
    answer = requests.get(url, headers=headers, timeout=30)
    studies = answer.json() if answer.status_code == 200 else []
    return sum(study["00201208"]["Value"][0] for study in studies)


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(*[*given, *(300, 4)[len(given) :]]))
