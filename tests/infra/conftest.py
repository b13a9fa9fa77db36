"""The stacks, synthesised once as production deploys them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from infra import lambda_build
from infra.cdk.app import build_app
from tests.platform import ROOT

TLS_SECRET = "arn:aws:secretsmanager:eu-west-3:123456789012:secret:dicom-tls-a1b2c3"
STACKS = ("SansFilmArchive", "SansFilmIngest", "SansFilmEdge")


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the cloud assembly, with cdk-nag's report in it."""
    folder = tmp_path_factory.mktemp("cdk.out")
    context = json.loads((ROOT / "infra/cdk/cdk.json").read_text())["context"]
    own = {"account": "123456789012", "dicom_tls_secret_arn": TLS_SECRET}
    app = App(outdir=str(folder), context={**context, **own})
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    before, environment = Path.cwd(), dict(os.environ)
    os.chdir(tmp_path_factory.mktemp("chalice"))
    try:
        with lambda_build.exclusive():
            lambda_build.build_all()
            build_app(app)
            _synthesise(app, folder)
    finally:
        os.chdir(before)
        # Chalice leaves the stage's variables in the environment, where other tests would find them.
        os.environ.clear()
        os.environ.update(environment)
    return folder


def _synthesise(app: App, folder: Path) -> None:
    try:
        app.synth()
    except RuntimeError as error:  # cdk-nag found something: test_stacks judges what
        if not (folder / "validation-report.json").exists():
            raise RuntimeError("synthesis failed") from error


@pytest.fixture(scope="session")
def templates(assembly: Path) -> dict[str, dict[str, Any]]:
    """Synthesised templates by stack."""
    return {stack: json.loads((assembly / f"{stack}.template.json").read_text()) for stack in STACKS}
