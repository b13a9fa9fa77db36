from __future__ import annotations

from dicomweb_client.web import DICOMwebClient
from hypothesis import given
from hypothesis import strategies as st
from requests import Response

from chalicelib.dicom.multipart import PartHeader, boundary_of, content_type, encode


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=6))
def test_a_client_reads_back_every_part(contents: list[bytes]) -> None:
    boundary = boundary_of("seed")
    header = PartHeader("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1", "http://h/x")
    response = Response()
    response.headers["content-type"] = content_type("application/octet-stream", boundary)
    response._content = encode([(header, content) for content in contents], boundary)
    parts = DICOMwebClient("http://h")._decode_multipart_message(response, stream=False)
    assert [bytes(part) for part in parts] == contents


def test_boundaries_depend_on_content_alone() -> None:
    assert boundary_of("a") == boundary_of("a") != boundary_of("b")
    assert len(boundary_of("a")) <= 70
