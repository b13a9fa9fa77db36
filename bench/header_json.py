"""Header to DICOM JSON: processor time of ours and of pydicom, in turns, on one CT and over all real files.

python -m bench.header_json [repeats]
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from pydicom import dcmread

from bench.data import write_ct_series
from chalicelib.dicom.elements import BytesSource
from chalicelib.dicom.json_model import INLINE_LIMIT_BYTES, convert
from chalicelib.dicom.part10 import open_data_set
from tests.dicom_files import real_files

RESULT = Path(__file__).parent / "results" / "header_json.md"


def ours(body: bytes) -> str:
    """JSON text of a Part 10 file as the indexer makes it."""
    data_set = open_data_set(BytesSource(body))
    elements = list(data_set.elements())
    return json.dumps(convert(data_set.source, elements, data_set.encoding).dicom_json)


def by_pydicom(body: bytes) -> str:
    """The same by pydicom; Pixel Data is not read."""
    data_set = dcmread(BytesIO(body), stop_before_pixels=True, force=True)
    return json.dumps(data_set.to_json_dict(INLINE_LIMIT_BYTES, lambda _: "uri"))


def compare(bodies: Sequence[bytes], repeats: int) -> tuple[float, float]:
    """CPU microseconds a file of ours and of pydicom: the best of `repeats`, taken in turns."""
    best = {ours: float("inf"), by_pydicom: float("inf")}
    for _ in range(repeats):
        for convert_file in best:
            best[convert_file] = min(best[convert_file], _cpu_us(convert_file, bodies))
    return best[ours], best[by_pydicom]


def _cpu_us(convert_file: Callable[[bytes], str], bodies: Sequence[bytes]) -> float:
    began = time.process_time()
    for body in bodies:
        convert_file(body)
    return (time.process_time() - began) / len(bodies) * 1e6


def _both_can(body: bytes) -> bool:
    """Whether both convert it: pydicom raises on values that break their VR, ours on what is no instance."""
    try:
        ours(body)
        by_pydicom(body)
    except Exception:
        return False
    return True


def main(repeats: int) -> None:
    """Measure, print and write the table."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as scratch:
        write_ct_series(Path(scratch), 1, 1)
        ct = next(Path(scratch).rglob("*.dcm")).read_bytes()
    real = [body for body in (path.read_bytes() for path in real_files()) if _both_can(body)]
    lines = [
        "# Header to DICOM JSON",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, `python -m bench.header_json {repeats}`; best of {repeats}, in turns.",
        "",
        "| input | elements | ours, us CPU | pydicom, us CPU | ratio |",
        "|---|---|---|---|---|",
    ]
    inputs = {"one CT image": [ct] * 40, f"{len(real)} real files (pydicom, pydicom-data, pynetdicom)": real}
    for name, bodies in inputs.items():
        elements = sum(len(json.loads(ours(body))) for body in bodies) // len(bodies)
        mine, theirs = compare(bodies, repeats)
        lines.append(f"| {name} | {elements} | {mine:.0f} | {theirs:.0f} | {mine / theirs:.3f}x |")
    report = "\n".join(lines) + "\n"
    print(report)
    RESULT.write_text(report)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
