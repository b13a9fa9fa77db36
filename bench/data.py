"""What is sent: CT images of 512x512 as a scanner sends them."""

from __future__ import annotations

import struct
from datetime import date
from itertools import islice
from pathlib import Path

from localstack.demo import ct_phantom
from localstack.demo.modules import identify
from localstack.demo.region_exams import NORD, Exam, Patient

PATTERNS = 8


def write_ct_series(folder: Path, count: int, parts: int) -> int:
    """Write `count` instances of one series into `parts` folders; return the bytes of all of them."""
    patient = Patient("LEFÈVRE^Hélène", "F", "19580923", {NORD: "BENCH"})
    exam = Exam(f"bench {count}", patient, NORD, "NORD_CT1", 0, "120000", "Scanner", "", "CHEST")
    patterns = list(islice(ct_phantom.slices(exam, ct_phantom.Series(30, 512, 4.5, "B", 3)), 10, 10 + PATTERNS))
    size = 0
    for number in range(1, count + 1):
        instance = patterns[number % PATTERNS]
        identify(instance, exam, date(2026, 1, 5), 1, number)
        # No two instances have the same pixels, as with a scanner.
        instance.PixelData = struct.pack("<I", number) + instance.PixelData[4:]
        path = folder / str(number % parts) / f"{number:05d}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        instance.save_as(path, enforce_file_format=True)
        size += path.stat().st_size
    return size
