"""Known vulnerabilities of what is locked: `python -m infra.advisories` (pip-audit and npm audit; `make test` runs it).

Fails when an advisory names a locked version. Where the services that publish advisories cannot be reached, nothing is
known either way: a line says so, and the exit status is 0.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PYTHON_LOCKS = (
    "tests/requirements.txt",
    "localstack/requirements-emulator.txt",
    "infra/requirements-bootstrap.txt",
    "tests/fuzz/requirements.txt",
)
"""tests/requirements.txt holds the versions of everything that ships (infra/lock.sh)."""
NPM_FOLDERS = ("viewer_static", "infra/cdk")
PIP_AUDIT = "pip-audit==2.10.0"
TIMEOUT_S = 120
ACCEPTED: dict[str, str] = {}
"""Advisories by id, each with the reason why it does not concern us."""

Run = Callable[[list[str], Path], "subprocess.CompletedProcess[str]"]


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command; what takes too long has failed."""
    try:
        return subprocess.run(  # noqa: S603 - a command of ours
            command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S
        )
    except (subprocess.TimeoutExpired, FileNotFoundError) as error:
        return subprocess.CompletedProcess(command, 125, "", str(error))


def of_python(lock: str, run: Run = run) -> tuple[list[str], str]:
    """Vulnerabilities of a lock file, and why they are not known ("" if they are)."""
    uvx = shutil.which("uvx", path=str(Path(sys.executable).parent)) or "uvx"
    options = ["--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json"]
    done = run([uvx, PIP_AUDIT, *options, "--requirement", lock], ROOT)
    try:
        dependencies: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return [], _first_line(done)
    found = [
        f"{each['name']} {each['version']}: {advisory['id']}"
        for each in dependencies
        for advisory in each.get("vulns", ())
        if not {advisory["id"], *advisory.get("aliases", ())} & ACCEPTED.keys()
    ]
    skipped = [each["name"] for each in dependencies if "skip_reason" in each]
    return found, f"{len(skipped)} of {len(dependencies)} packages are unknown to the service" if skipped else ""


def of_npm(folder: str, run: Run = run) -> tuple[list[str], str]:
    """The same for the npm lock file of a folder."""
    done = run(["npm", "audit", "--json", "--package-lock-only"], ROOT / folder)
    try:
        content = json.loads(done.stdout)
        vulnerabilities: dict[str, Any] = content["vulnerabilities"]
    except (ValueError, KeyError, TypeError):
        return [], _first_line(done)
    return list(_npm_advisories(vulnerabilities)), ""


def _npm_advisories(vulnerabilities: dict[str, Any]) -> Iterator[str]:
    """Advisories themselves; packages that only depend on one that has some are left out."""
    for name, found in vulnerabilities.items():
        for advisory in found["via"]:
            if isinstance(advisory, dict) and str(advisory["url"]).rsplit("/", 1)[-1] not in ACCEPTED:
                yield f"{name} {found['range']}: {advisory['url']}"


def _first_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return lines[0][:200] if lines else f"exit status {done.returncode}"


def main() -> int:
    """Check every lock file; 1 if an advisory names what is locked."""
    status = 0
    checks: list[tuple[str, Callable[[str], tuple[list[str], str]]]] = [
        *((lock, of_python) for lock in PYTHON_LOCKS),
        *((folder, of_npm) for folder in NPM_FOLDERS),
    ]
    with ThreadPoolExecutor(len(checks)) as pool:
        outcomes = list(pool.map(lambda each: each[1](each[0]), checks))
    for (name, _), (found, unknown) in zip(checks, outcomes, strict=True):
        for text in found:
            print(f"advisories: {name}: {text}", file=sys.stderr)
        if found:
            status = 1
        elif unknown:
            print(f"advisories: {name}: NOT CHECKED, the advisory service gave no answer ({unknown})")
        else:
            print(f"advisories: {name}: none")
    return status


if __name__ == "__main__":
    sys.exit(main())
