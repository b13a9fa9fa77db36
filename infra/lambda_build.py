"""Builds the event Lambdas' packages, build/lambda/<name>, from a lock file and chalicelib when these changed.

    python -m infra.lambda_build [--platform x86_64-manylinux_2_28]

Without a platform the packages fit this machine, which is what the local cloud runs them on; for AWS name the one that
Lambda runs. The API's package comes from Chalice itself (infra/cdk/api.py).
"""

from __future__ import annotations

import argparse
import compileall
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/lambda"
REQUIREMENTS = ROOT / "chalicelib/functions"
AWS_PLATFORM = "x86_64-manylinux_2_28"
PRUNED_DIRECTORIES = frozenset({"tests", "test", "__pycache__", "bin", "include"})
PRUNED_SUFFIXES = frozenset({".pyi", ".pyx", ".pxd", ".c", ".h", ".a"})


@dataclass(frozen=True)
class Package:
    """A Lambda's package and the function in it."""

    name: str
    requirements: str
    handler: str
    web: bool = False
    """Whether chalicelib/web is shipped."""
    dropped: tuple[str, ...] = ()
    """Paths that a dependency ships and this function never imports."""
    kept: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Files by pattern of which only those are shipped whose names begin so."""


PYDICOM_DATA = ("pydicom/data/test_files", "pydicom/data/palettes", "pydicom/data/charset_files")
PACKAGES = (
    Package(
        "index",
        "requirements-index.txt",
        "chalicelib.functions.index_instance.handler",
        dropped=(*PYDICOM_DATA, "phonenumbers", "tzdata"),
    ),
    Package("study_ready", "requirements-index.txt", "chalicelib.functions.study_ready.handler", dropped=PYDICOM_DATA),
    Package(
        "pack_series",
        "requirements-index.txt",
        "chalicelib.functions.pack_series.handler",
        dropped=("pydicom", "phonenumbers", "tzdata"),
    ),
    Package(
        "rendered",
        "requirements-rendered.txt",
        "chalicelib.functions.rendered.handler",
        dropped=PYDICOM_DATA,
        # Of imagecodecs' sixty codecs two.
        kept=(
            ("imagecodecs/*.so", ("_htj2k", "_jpeg8", "_shared")),
            ("imagecodecs.libs/*", ("libopenjph", "libjpeg-")),
        ),
    ),
    Package(
        "audit",
        "requirements-index.txt",
        "chalicelib.functions.seal_audit_trail.handler",
        dropped=("pydicom", "phonenumbers", "tzdata"),
    ),
    Package(
        "seal_facts",
        "requirements-index.txt",
        "chalicelib.functions.seal_facts.handler",
        dropped=("pydicom", "phonenumbers"),
    ),
    Package("export_facts", "requirements-export.txt", "chalicelib.functions.export_facts.handler"),
    Package("invoices", "requirements-invoices.txt", "chalicelib.functions.invoices.handler"),
    Package("reconcile_costs", "requirements-reconcile.txt", "chalicelib.functions.reconcile_costs.handler"),
    Package("roll_up", "requirements-roll-up.txt", "chalicelib.functions.roll_up.handler"),
    Package(
        "patient_messages",
        "requirements-index.txt",
        "chalicelib.functions.patient_messages.handler",
        dropped=("pydicom", "phonenumbers", "tzdata"),
    ),
    Package(
        "patient_sheet",
        "requirements-invoices.txt",
        "chalicelib.functions.patient_sheet.handler",
        dropped=("facturx", "saxonche", "lxml", "xlsxwriter", "tzdata"),
    ),
)


def chalicelib_files(web: bool) -> Iterator[Path]:
    """Modules and price lists that are shipped, sorted, relative to the root."""
    for path in sorted((ROOT / "chalicelib").rglob("*.*")):
        relative = path.relative_to(ROOT)
        if (
            path.suffix in {".py", ".json"}
            and "__pycache__" not in relative.parts
            and (web or relative.parts[1] != "web")
        ):
            yield relative


def digest_of(paths: Iterable[Path], *more: str) -> str:
    """SHA-256 over names and contents of files relative to the root, and over some strings."""
    digest = hashlib.sha256("\0".join(more).encode())
    for path in paths:
        digest.update(f"\0{path}\0".encode())
        digest.update((ROOT / path).read_bytes())
    return digest.hexdigest()


def build(package: Package, platform: str = "") -> bool:
    """Make build/lambda/<name> if its inputs changed; return whether it was made.

    Dependencies are kept apart and copied, so that a change of our own code costs no installation.
    """
    dependencies = _dependencies(package, platform)
    files = list(chalicelib_files(package.web))
    stamp = digest_of(files, dependencies.name, *package.dropped, repr(package.kept), *_own_version())
    target, stamp_file = BUILD / package.name, BUILD / f"{package.name}.stamp"
    if target.is_dir() and stamp_file.exists() and stamp_file.read_text() == stamp:
        return False
    stamp_file.unlink(missing_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(dependencies, target)
    for dropped in package.dropped:
        shutil.rmtree(target / dropped, ignore_errors=True)
    for pattern, names in package.kept:
        for path in target.glob(pattern):
            if not path.name.startswith(names):
                path.unlink()
    for path in files:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, target / path)
    _compile(target / "chalicelib", target)
    _set_times(target)
    stamp_file.write_text(stamp)
    return True


def _own_version() -> tuple[str, ...]:
    return (Path(__file__).read_text(), f"{sys.version_info.major}.{sys.version_info.minor}")


def _dependencies(package: Package, platform: str) -> Path:
    """A folder with what a lock file names, installed and pruned; named by what it was made from."""
    lock = REQUIREMENTS / package.requirements
    stamp = digest_of([lock.relative_to(ROOT)], platform, *_own_version())[:24]
    target = BUILD / "dependencies" / stamp
    if target.is_dir():
        return target
    fresh = target.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    command = [_uv(), "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "--link-mode", "copy"]
    command += ["--target", str(fresh), "--python", sys.executable, "-r", str(lock)]
    if platform:
        command += ["--python-platform", platform]
    subprocess.run(command, check=True)  # noqa: S603 - a command of ours
    _prune(fresh)
    _compile(fresh, fresh)
    fresh.rename(target)
    return target


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else "uv"


def _prune(folder: Path) -> None:
    """Remove what no function reads, so that packages are small and the same from the same lock file."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if path.name in PRUNED_DIRECTORIES:
                shutil.rmtree(path)
            elif path.name.endswith(".dist-info"):
                _prune_dist_info(path)
        elif path.suffix in PRUNED_SUFFIXES or path.name == ".lock":
            path.unlink()


def _prune_dist_info(path: Path) -> None:
    """Keep names and entry points: importlib.metadata is how pydicom finds its decoders."""
    for file in sorted(path.rglob("*"), reverse=True):
        if file.is_file() and file.name not in {"METADATA", "entry_points.txt"}:
            file.unlink()
        elif file.is_dir():
            shutil.rmtree(file)


def _compile(folder: Path, package: Path) -> None:
    """Ship bytecode: Lambda cannot keep any, and would compile everything anew at every cold start.

    It is never compared with its source, whose times are not kept, and names files as they lie in the package.
    """
    mode = PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(folder, quiet=2, force=True, stripdir=str(package), invalidation_mode=mode, workers=0)


def _set_times(folder: Path) -> None:
    for path in folder.rglob("*"):
        os.utime(path, (315619200, 315619200), follow_symlinks=False)


@contextmanager
def exclusive() -> Iterator[None]:
    """Only one process at a time makes packages or synthesises: both write in folders of the repository."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build_all(platform: str = "") -> list[str]:
    """Make every package whose inputs changed; return their names. Callers are within `exclusive`."""
    made = [package.name for package in PACKAGES if build(package, platform)]
    wanted = {_dependencies(package, platform) for package in PACKAGES}
    for folder in (BUILD / "dependencies").iterdir():
        if folder not in wanted:
            shutil.rmtree(folder)
    return made


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m infra.lambda_build", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--platform", default="", help=f"e.g. {AWS_PLATFORM} for AWS; default: this machine")
    platform = parser.parse_args().platform
    with exclusive():
        made = build_all(platform)
    print(json.dumps({"built": made}))


if __name__ == "__main__":
    main()
