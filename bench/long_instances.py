"""Multi-frame instances of gigabytes by C-STORE, through an ingest service that may use 512 MiB of memory.

    python -m bench.long_instances [--megabytes 2048] [--associations 1]

Needs DCMTK's dcmsend, and the right to make a memory control group; without it memory is measured, not limited. The
emulator holds what is uploaded in memory, several times over, outside the group.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from bench.servers import ENVIRONMENT, cpu_seconds, peak_memory_mib, sans_film

ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
FRAME_BYTES = 512 * 512 * 2
LIMIT_BYTES = 512 << 20
ROOTS = (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup"))


@dataclass(frozen=True)
class MemoryGroup:
    """A control group, version 1 or 2."""

    folder: Path

    @property
    def _is_first_version(self) -> bool:
        return (self.folder / "memory.limit_in_bytes").exists()

    def limit(self) -> None:
        """Set the limit; OSError if that is not allowed."""
        name = "memory.limit_in_bytes" if self._is_first_version else "memory.max"
        (self.folder / name).write_text(str(LIMIT_BYTES))

    def peak_mib(self) -> int:
        """Most that its processes used, page cache and socket buffers included."""
        name = "memory.max_usage_in_bytes" if self._is_first_version else "memory.peak"
        return int((self.folder / name).read_text()) >> 20

    def kills(self) -> int:
        """How many processes were killed for want of memory."""
        name = "memory.oom_control" if self._is_first_version else "memory.events"
        counts = dict(line.split() for line in (self.folder / name).read_text().splitlines())
        return int(counts.get("oom_kill", 0))


@contextmanager
def memory_group() -> Iterator[MemoryGroup | None]:
    """A group of 512 MiB, None where none can be made."""
    for root in ROOTS:
        group = MemoryGroup(root / f"sansfilm-bench-{os.getpid()}")
        try:
            group.folder.mkdir()
        except OSError:
            continue
        try:
            with suppress(OSError):
                group.limit()
                yield group
                return
        finally:
            with suppress(OSError):
                group.folder.rmdir()
    yield None


def write_multi_frame(path: Path, megabytes: int, number: int) -> int:
    """Write an Enhanced CT image of that length with frames that differ; return its bytes."""
    frames = (megabytes << 20) // FRAME_BYTES
    instance = Dataset()
    instance.SOPClassUID, instance.SOPInstanceUID = ENHANCED_CT, f"1.2.826.0.1.3680043.10.1561.{number}"
    instance.StudyInstanceUID, instance.SeriesInstanceUID = "1.2.826.0.1.3680043.10.1561.1.1", "1.2.826.0.1.1561.2"
    instance.Modality, instance.PatientName, instance.PatientID = "CT", "BENCH^Long", "LONG"
    instance.Rows = instance.Columns = 512
    instance.NumberOfFrames = frames
    instance.SamplesPerPixel, instance.PhotometricInterpretation = 1, "MONOCHROME2"
    instance.BitsAllocated = instance.BitsStored = 16
    instance.HighBit, instance.PixelRepresentation = 15, 0
    instance.file_meta = FileMetaDataset()
    instance.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    instance.save_as(path, enforce_file_format=True)
    with path.open("ab") as file:
        file.write(b"\xe0\x7f\x10\x00OW\0\0" + (frames * FRAME_BYTES).to_bytes(4, "little"))
        for frame in range(frames):
            file.write((number << 32 | frame).to_bytes(8, "little") * (FRAME_BYTES // 8))
    return path.stat().st_size


def main(arguments: list[str] | None = None) -> int:
    """Send, print what it took; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.long_instances", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=2048, help="length of an instance (2048)")
    parser.add_argument("--associations", type=int, default=1, help="at once, one instance each (1)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="sansfilm-long-") as name, memory_group() as group:
        folder = Path(name)
        files = [folder / f"{number}.dcm" for number in range(options.associations)]
        size = sum(write_multi_frame(path, options.megabytes, number + 1) for number, path in enumerate(files))
        join = ("sh", "-c", f'echo $$ > {group.folder}/cgroup.procs && exec "$@"', "sh") if group else ()
        with sans_film(folder, join) as server:
            before = peak_memory_mib(server.process_ids)
            cpu, began = cpu_seconds(server.process_ids), time.monotonic()
            address = ["-aet", "NORD_CT1", "-aec", server.called_ae_title, "127.0.0.1", str(server.port)]
            senders = [subprocess.Popen(["dcmsend", "-q", *address, str(path)], env=ENVIRONMENT) for path in files]
            failed = sum(sender.wait(3600) != 0 for sender in senders)
            wall = time.monotonic() - began
            memory = f"peak of the resident sets {before} -> {peak_memory_mib(server.process_ids)} MiB"
            if group:
                memory += f", of the group {group.peak_mib()} of {LIMIT_BYTES >> 20} MiB, {group.kills()} killed"
            print(
                f"{options.associations} x {options.megabytes} MiB at once: {failed} failed, {size / 1e6 / wall:.0f} "
                f"MB/s, {(cpu_seconds(server.process_ids) - cpu) / (size / 1e9):.2f} CPU s/GB; {memory}"
            )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
