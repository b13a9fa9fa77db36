"""Sizes and import times of the Lambdas' packages, each alone in a clean environment (`make lambda-report`).

Lambda has boto3 beside the package, so that is all that the clean environment holds. Times are of this machine, best of
five, above a bare interpreter: compare them with each other, not with Lambda's.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.lambda_build import BUILD, PACKAGES, ROOT, build_all, exclusive

RUNS = 5
IMPORT = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
started = time.perf_counter()
module = __import__(sys.argv[2], fromlist=["x"])
elapsed = (time.perf_counter() - started) * 1000
assert callable(getattr(module, sys.argv[3])), sys.argv[3]
print(json.dumps({"ms": elapsed, "modules": sorted({name.split(".")[0] for name in sys.modules})}))
"""


@dataclass(frozen=True)
class Report:
    """What was found out about one package."""

    name: str
    zip_bytes: int
    unzipped_bytes: int
    import_ms: float
    modules: frozenset[str]
    """Top-level modules that importing the handler loaded."""


def _run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, text=True, check=True, **options)  # noqa: S603 - commands of ours


def clean_python() -> Path:
    """An interpreter that has what Lambda has, and nothing of ours."""
    folder = BUILD / "clean-venv"
    python = folder / "bin/python"
    if not (folder / "ready").exists():
        lock = (ROOT / "scp_fargate/requirements.txt").read_text()
        version = re.search(r"^boto3==(\S+)", lock, re.MULTILINE)
        if version is None:
            raise RuntimeError("boto3 is not locked")
        uv = str(Path(sys.executable).with_name("uv"))
        _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)])
        _run([uv, "pip", "install", "--quiet", "--python", str(python), f"boto3=={version[1]}"])
        (folder / "ready").touch()
    return python


def report(name: str, folder: Path, handler: str, zip_bytes: int = 0) -> Report:
    """Measure a package; fails if its handler cannot be imported there."""
    module, _, function = handler.rpartition(".")
    command = [str(clean_python()), "-I", "-B", "-c", IMPORT, str(folder), module, function]
    environment = {"AWS_DEFAULT_REGION": "eu-west-3", "AWS_LAMBDA_FUNCTION_NAME": name}
    answers = [json.loads(_run(command, env=environment, capture_output=True).stdout) for _ in range(RUNS)]
    files = [path for path in folder.rglob("*") if path.is_file()]
    return Report(
        name,
        zip_bytes or _zipped(folder),
        sum(path.stat().st_size for path in files),
        min(answer["ms"] for answer in answers),
        frozenset(answers[0]["modules"]),
    )


def _zipped(folder: Path) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        return Path(shutil.make_archive(f"{scratch}/package", "zip", folder)).stat().st_size


def reports() -> Iterator[Report]:
    """Every package: those of event functions, and the API's that Chalice made at the last synthesis."""
    with exclusive():
        build_all()
        for package in PACKAGES:
            yield report(package.name, BUILD / package.name, package.handler)
    api = max((ROOT / ".chalice/deployments").glob("*.zip"), key=lambda path: path.stat().st_mtime, default=None)
    if api is None:
        print("The API has not been packaged yet: `make synth` first.", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as scratch:
        zipfile.ZipFile(api).extractall(scratch)
        yield report("api", Path(scratch), "app.app", api.stat().st_size)
        authorizer = "chalicelib.web.authorizer.sessions_authorizer"
        yield report("authorizer", Path(scratch), authorizer, api.stat().st_size)


def main() -> None:
    """Print a table."""
    print(f"{'function':<12} {'zip MB':>8} {'unzipped MB':>12} {'import ms':>10}")
    for one in reports():
        sizes = f"{one.zip_bytes / 1e6:>8.1f} {one.unzipped_bytes / 1e6:>12.1f}"
        print(f"{one.name:<12} {sizes} {one.import_ms:>10.0f}", flush=True)


if __name__ == "__main__":
    main()
