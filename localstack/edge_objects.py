"""The edge in front of the archive bucket: CloudFront signed URLs (canned policy), then the bytes, streamed."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlencode

from aiohttp import ClientError, ClientSession, web
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from yarl import URL

PREFIX = "/objects/"
SIGNATURE_PARAMETERS = frozenset({"Expires", "Signature", "Key-Pair-Id", "Policy"})
FORWARDED = ("Range", "If-Range", "If-None-Match", "If-Match", "If-Modified-Since", "If-Unmodified-Since")
ANSWERED = (
    "Content-Type", "Content-Length", "Content-Range", "Content-Encoding", "Content-Disposition", "Accept-Ranges",
    "ETag", "Last-Modified", "Cache-Control",
)  # fmt: skip
CHUNK_BYTES = 256 * 1024
_ALPHABET = str.maketrans("-_~", "+=/")


def is_signed(public_key: RSAPublicKey, url: str, query: Mapping[str, str], now_s: float) -> bool:
    """Whether a URL carries a signature of the canned policy that has not expired.

    Parameters
    ----------
    url
        As the caller asked for it, without the signature's own parameters.
    """
    try:
        expires = int(query["Expires"])
        signature = base64.b64decode(query["Signature"].translate(_ALPHABET), validate=True)
    except (KeyError, ValueError, binascii.Error):
        return False
    policy = f'{{"Statement":[{{"Resource":"{url}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{expires}}}}}}}]}}'
    try:
        public_key.verify(signature, policy.encode(), PKCS1v15(), hashes.SHA1())  # noqa: S303 - CloudFront's algorithm
    except InvalidSignature:
        return False
    return now_s < expires


class ObjectOrigin:
    """Serves /objects/* from the archive bucket to holders of a signed URL."""

    def __init__(
        self,
        session: ClientSession,
        *,
        public_url: str,
        bucket_url: str,
        public_key_pem: bytes,
        region: str,
        prepare: Callable[[web.Request, web.StreamResponse], None],
    ) -> None:
        self._session = session
        self._public_url = public_url
        self._bucket_url = bucket_url
        key = load_pem_public_key(public_key_pem)
        if not isinstance(key, RSAPublicKey):
            raise TypeError("CloudFront verifies with RSA keys")
        self._public_key = key
        self._signer = S3SigV4Auth(Credentials("test", "test"), "s3", region)
        self._prepare = prepare

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Stream an object, or the range of it that was asked for."""
        if request.method not in {"GET", "HEAD"}:
            raise web.HTTPMethodNotAllowed(request.method, ["GET", "HEAD"])
        path, _, query_string = request.raw_path.partition("?")
        pairs = parse_qsl(query_string, keep_blank_values=True)
        rest = urlencode([pair for pair in pairs if pair[0] not in SIGNATURE_PARAMETERS])
        url = f"{self._public_url}{path}" + (f"?{rest}" if rest else "")
        if not is_signed(self._public_key, url, dict(pairs), time.time()):
            raise web.HTTPForbidden(reason="The address is not signed, or has expired; ask the archive for a new one.")
        return await self._stream(request, path.removeprefix(PREFIX))

    async def _stream(self, request: web.Request, key: str) -> web.StreamResponse:
        target = f"{self._bucket_url}/{key}"
        headers = {name: request.headers[name] for name in FORWARDED if name in request.headers}
        try:
            if "If-Range" in headers and not await self._is_current(target, headers.pop("If-Range")):
                headers.pop("Range", None)
            headers |= self._signature(request.method, target) | {"Accept-Encoding": "identity"}
            async with self._session.request(
                request.method, URL(target, encoded=True), headers=headers, allow_redirects=False
            ) as answer:
                if answer.status not in {200, 206, 304, 412, 416}:
                    raise web.HTTPNotFound(reason="There is no such object.")
                response = web.StreamResponse(status=answer.status)
                for name in ANSWERED:
                    if name in answer.headers:
                        response.headers[name] = answer.headers[name]
                self._prepare(request, response)
                await response.prepare(request)
                if request.method == "GET":
                    async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                        await response.write(chunk)
                await response.write_eof()
                return response
        except ClientError:
            raise web.HTTPBadGateway(reason="The archive bucket did not answer; try again.") from None

    async def _is_current(self, target: str, validator: str) -> bool:
        """Whether a validator is the object's own (RFC 9110 13.1.5).

        The emulator disregards If-Range and would give a part of another representation. S3 honours it, although its
        reference names the other conditions only (github.com/aws/aws-sdk-kotlin/issues/1645).
        """
        headers = self._signature("HEAD", target)
        async with self._session.head(URL(target, encoded=True), headers=headers) as answer:
            return validator in (answer.headers.get("ETag"), answer.headers.get("Last-Modified"))

    def _signature(self, method: str, url: str) -> dict[str, str]:
        """What origin access control sends: the edge's own signature, never the caller's Authorization or Cookie."""
        signed = AWSRequest(method, url, headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
        self._signer.add_auth(signed)
        return {str(name): str(value) for name, value in signed.headers.items()}
