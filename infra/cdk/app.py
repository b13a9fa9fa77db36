"""Entry point of the CDK application (`cdk synth`, `cdk deploy`)."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from aws_cdk import App, CliCredentialsStackSynthesizer, Environment  # noqa: E402

from infra import lambda_build  # noqa: E402
from infra.cdk.archive_stack import ArchiveStack  # noqa: E402
from infra.cdk.config import ARCHIVE, Config  # noqa: E402
from infra.cdk.tagging import tag_project  # noqa: E402


def build_app(app: App) -> App:
    """Add the stacks that the context asks for."""
    config = Config.from_context(app.node)
    os.environ.setdefault("AWS_DEFAULT_REGION", config.region)  # Chalice's packaging wants one
    tag_project(app, config)
    environment = Environment(account=config.account or os.environ.get("CDK_DEFAULT_ACCOUNT"), region=config.region)
    wanted = set(config.stacks.split(","))
    if ARCHIVE in wanted:
        ArchiveStack(app, ARCHIVE, config=config, env=environment, termination_protection=config.is_production)
    return app


def main() -> None:
    """Synthesise."""
    shutil.rmtree("chalice.out", ignore_errors=True)  # Chalice adds a folder to it at every synthesis
    app = App()
    lambda_build.build_all(app.node.try_get_context("lambda_platform") or "")
    build_app(app).synth()


if __name__ == "__main__":
    main()
