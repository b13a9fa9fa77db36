"""Entry point of the CDK application (`cdk synth`, `cdk deploy`)."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from aws_cdk import App, Environment  # noqa: E402

from infra import lambda_build  # noqa: E402
from infra.cdk.archive_stack import ArchiveStack  # noqa: E402
from infra.cdk.config import ARCHIVE, EDGE, INGEST, Config  # noqa: E402
from infra.cdk.edge_stack import EdgeStack  # noqa: E402
from infra.cdk.ingest_stack import IngestStack  # noqa: E402
from infra.cdk.tagging import tag_project  # noqa: E402


def build_app(app: App) -> App:
    """Add the archive stack and those that the context asks for."""
    config = Config.from_context(app.node)
    os.environ.setdefault("AWS_DEFAULT_REGION", config.region)  # Chalice's packaging wants one
    tag_project(app, config)
    environment = Environment(account=config.account or os.environ.get("CDK_DEFAULT_ACCOUNT"), region=config.region)
    protected = config.is_production
    wanted = set(config.stacks.split(","))
    archive = ArchiveStack(app, ARCHIVE, config=config, env=environment, termination_protection=protected)
    ingest = None
    if INGEST in wanted:
        ingest = IngestStack(
            app, INGEST, archive=archive, config=config, env=environment, termination_protection=protected
        )
    if EDGE in wanted:
        EdgeStack(
            app, EDGE, archive=archive, ingest=ingest, config=config, env=environment, termination_protection=protected
        )
    return app


def platform_of(app: App) -> str:
    """Platform of the Lambda packages, "" for this machine's own.

    Raises
    ------
    SystemExit
        If packages for production would be built for a machine that is none of Lambda's.
    """
    config = Config.from_context(app.node)
    this = (platform.system(), platform.machine())
    if config.is_production and not config.lambda_platform and this != ("Linux", "x86_64"):
        sys.exit(f"Lambda runs on Linux x86_64: pass --context lambda_platform={lambda_build.AWS_PLATFORM}.")
    return config.lambda_platform


def main() -> None:
    """Synthesise."""
    app = App()
    with lambda_build.exclusive(), tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)  # Chalice leaves its intermediate files in the working directory
        lambda_build.build_all(platform_of(app))
        build_app(app).synth()
        _forget_old_packages()


def _forget_old_packages() -> None:
    """Chalice keeps every package it ever made."""
    packages = sorted((ROOT / ".chalice/deployments").glob("*.zip"), key=lambda path: path.stat().st_mtime)
    for package in packages[:-2]:
        package.unlink()


if __name__ == "__main__":
    main()
