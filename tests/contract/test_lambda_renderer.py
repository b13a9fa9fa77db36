"""The renderer's adapter against a real Lambda of the local cloud."""

from __future__ import annotations

import io
import zipfile

import pytest

from chalicelib import errors
from chalicelib.archive.model import RenderedBody
from chalicelib.aws.lambda_renderer import LambdaRenderer
from tests.emulator import Cloud

FUNCTION = """
def handler(event, context):
    if event["answer"] == "raise":
        raise ValueError("secret")
    return event["answer"]
"""


@pytest.fixture
def renderer(cloud: Cloud) -> LambdaRenderer:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.py", FUNCTION)
    client = cloud.client("lambda")
    name = f"echo-{cloud.settings['archive_bucket']}"
    client.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role="arn:aws:iam::000000000000:role/r",
        Handler="index.handler",
        Code={"ZipFile": archive.getvalue()},
    )
    return LambdaRenderer(client, name)


def test_answers_are_read(renderer: LambdaRenderer) -> None:
    inline = {"media_type": "image/png", "body_base64": "AAEC", "size_bytes": 3}
    assert renderer.render({"answer": inline}) == RenderedBody("image/png", b"\x00\x01\x02", "", 3)
    stored = {"media_type": "image/png", "object_key": "assembled/x", "size_bytes": 9}
    assert renderer.render({"answer": stored}) == RenderedBody("image/png", b"", "assembled/x", 9)


def test_errors_keep_their_kind(renderer: LambdaRenderer) -> None:
    with pytest.raises(errors.NotAcceptable, match="cannot be decoded"):
        renderer.render({"answer": {"error": "NotAcceptable", "message": "cannot be decoded"}})


@pytest.mark.parametrize("answer", ["raise", None, "text"])
def test_failures_are_unavailable_and_say_nothing(renderer: LambdaRenderer, answer: object) -> None:
    with pytest.raises(errors.Unavailable) as failure:
        renderer.render({"answer": answer})
    assert "secret" not in str(failure.value)


def test_a_missing_function_is_unavailable(cloud: Cloud) -> None:
    with pytest.raises(errors.Unavailable):
        LambdaRenderer(cloud.client("lambda"), "nobody").render({})
