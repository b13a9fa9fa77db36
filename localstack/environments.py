"""Virtual environments and npm packages, installed from lock files when these changed."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

from localstack.local_settings import ROOT, LocalSettings
from localstack.processes import run_to_end

EMULATOR_PYTHON = ROOT / ".venv-emulator/bin/python"
UV = Path(sys.executable).with_name("uv")


def digest_of_files(paths: Iterable[Path], *more: str) -> str:
    """SHA-256 over names and contents of files, and over some strings."""
    digest = hashlib.sha256("\0".join(more).encode())
    for path in sorted(paths):
        digest.update(f"\0{path.relative_to(ROOT)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_current(stamp: Path, digest: str) -> bool:
    """Whether a stamp file says that a step was done for these inputs."""
    return stamp.exists() and stamp.read_text() == digest


async def install_emulator(settings: LocalSettings) -> None:
    """The emulator's own environment: Lambdas run on its interpreter and would see what lies beside it."""
    lock = ROOT / "localstack/requirements-emulator.txt"
    stamp = ROOT / ".venv-emulator/.stamp"
    digest = digest_of_files([lock], sys.version)
    if is_current(stamp, digest):
        return
    log = settings.logs_dir / "install.log"
    environment = settings.base_environment()
    if not EMULATOR_PYTHON.exists():
        command = [str(UV), "venv", "--quiet", "--python", sys.executable, str(ROOT / ".venv-emulator")]
        await run_to_end(command, environment, log, ROOT, "The emulator's environment could not be made")
    command = [str(UV), "pip", "install", "--quiet", "--python", str(EMULATOR_PYTHON), "--require-hashes"]
    command += ["-r", str(lock)]
    await run_to_end(command, environment, log, ROOT, "The emulator could not be installed")
    stamp.write_text(digest)


async def install_npm(settings: LocalSettings, folder: str) -> None:
    """`npm ci` in a folder, unless its lock file is the one that was installed."""
    lock = ROOT / folder / "package-lock.json"
    stamp = ROOT / folder / "node_modules/.stamp"
    digest = digest_of_files([lock])
    if is_current(stamp, digest):
        return
    command = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel", "error"]
    failure = f"The npm packages of {folder} could not be installed"
    await run_to_end(command, settings.base_environment(), settings.logs_dir / "install.log", ROOT / folder, failure)
    stamp.write_text(digest)


async def build_viewer(settings: LocalSettings) -> None:
    """Portal and OHIF in viewer_static/dist; the build itself skips what has not changed."""
    await install_npm(settings, "viewer_static")
    command = ["npm", "run", "build", "--silent"]
    failure = "The portal could not be built"
    log = settings.logs_dir / "viewer.log"
    await run_to_end(command, settings.base_environment(), log, ROOT / "viewer_static", failure)
