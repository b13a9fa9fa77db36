"""The renderer as a Lambda of its own: decoding libraries are too heavy for the API's cold start."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import errors
from chalicelib.archive.model import RenderedBody

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

_ERRORS: dict[str, type[errors.ArchiveError]] = {
    kind.__name__: kind for kind in (errors.BadRequest, errors.NotAcceptable, errors.NotFound, errors.TooMuch)
}


_ENDED_BY_LAMBDA = ("Sandbox.Timedout", "Runtime.OutOfMemory", "Runtime.ExitError")


def _ended_by_lambda(payload: object) -> bool:
    """Whether the platform ended the function: out of memory, out of time, or a decoder that crashed."""
    if not isinstance(payload, dict):
        return False
    return payload.get("errorType") in _ENDED_BY_LAMBDA or "Task timed out" in str(payload.get("errorMessage"))


class LambdaRenderer:
    """`archive.ports.Renderer` by invoking `functions/rendered.py`."""

    def __init__(self, client: LambdaClient, function_name: str) -> None:
        self._client: Any = client
        self._function_name = function_name

    def render(self, request: Mapping[str, object]) -> RenderedBody:
        """Invoke and wait.

        Raises
        ------
        errors.NotAcceptable, errors.NotFound, errors.BadRequest, errors.TooMuch
            As the renderer reports; TooMuch too if Lambda ended it for want of memory or time.
        errors.Unavailable
            If it does not answer or fails.
        """
        try:
            answer = self._client.invoke(FunctionName=self._function_name, Payload=json.dumps(request).encode())
            payload = json.loads(answer["Payload"].read())
        except (ClientError, BotoCoreError, ValueError) as error:
            raise errors.Unavailable("The renderer does not answer.") from error
        if answer.get("FunctionError") and _ended_by_lambda(payload):
            raise errors.TooMuch("Rendering took too much memory or time: ask for less, or for the stored form.")
        if answer.get("FunctionError") or not isinstance(payload, dict):
            raise errors.Unavailable("The renderer failed on this instance.")
        if "error" in payload:
            raise _ERRORS.get(payload["error"], errors.Unavailable)(payload["message"])
        return RenderedBody(
            payload["media_type"],
            base64.b64decode(payload.get("body_base64", "")),
            payload.get("object_key", ""),
            payload["size_bytes"],
            tuple(payload.get("sizes_bytes", ())),
        )
