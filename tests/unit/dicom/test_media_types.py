from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.dicom.media_types import (
    MediaRange,
    Representation,
    accepted,
    choose,
    frame_media_type,
    json_type,
    parse_accept,
)
from chalicelib.errors import BadRequest, NotAcceptable

DICOM = [Representation("application/dicom", multipart, "1.2.840.10008.1.2.4.90") for multipart in (True, False)]
JPEG_OR_PNG = [Representation("image/jpeg"), Representation("image/png")]
TOKENS = st.text("abcdefghijklmnopqrstuvwxyz0123456789.+-", min_size=1, max_size=12)


@pytest.mark.parametrize(
    "header",
    [
        'multipart/related; type="application/octet-stream"; transfer-syntax=*',
        "multipart/related; type=application/octet-stream; transfer-syntax=*",
        "multipart/related;type=application/octet-stream;transfer-syntax=*",
        'Multipart/Related; Transfer-Syntax="*"; TYPE="application/octet-stream"',
    ],
)
def test_quoted_and_unquoted_parameters_are_the_same(header: str) -> None:
    assert parse_accept(header) == [MediaRange("application/octet-stream", True, "*")]


def test_a_list_is_sorted_by_quality_and_otherwise_keeps_its_order() -> None:
    found = parse_accept('image/png;q=0.2, multipart/related; type="a/b,c", text/html;q=0, image/jpeg, */*;q=0.1')
    assert [(r.media_type, r.multipart) for r in found] == [
        ("a/b,c", True),
        ("image/jpeg", False),
        ("image/png", False),
        ("*/*", False),
    ]


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", "image/jpeg"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", "image/jpeg"),
        ("image/png, image/jpeg;q=0.9", "image/png"),
        ("", "image/jpeg"),
    ],
)
def test_browsers_get_pictures(header: str, chosen: str) -> None:
    assert choose(parse_accept(header), JPEG_OR_PNG).media_type == chosen


def test_what_is_available_is_listed_when_nothing_fits() -> None:
    with pytest.raises(NotAcceptable, match=r'multipart/related; type="application/dicom"; transfer-syntax=1\.2\.840'):
        choose(parse_accept("application/dicom; transfer-syntax=1.2.840.10008.1.2.5"), DICOM)


@pytest.mark.parametrize("syntax", ["", "; transfer-syntax=*", "; transfer-syntax=1.2.840.10008.1.2.4.90"])
def test_a_stored_syntax_answers_any_unnamed_or_its_own(syntax: str) -> None:
    assert choose(parse_accept(f'multipart/related; type="application/dicom"{syntax}'), DICOM) == DICOM[0]
    assert choose(parse_accept(f"application/dicom{syntax}"), DICOM) == DICOM[1]


def test_the_query_parameter_wins() -> None:
    ranges = accepted("application/dicom+json", {"accept": ["image/png"]})
    assert choose(ranges, JPEG_OR_PNG).media_type == "image/png"
    # `+` in a query means a space to those who decode it as a form.
    assert json_type(accepted("text/html", {"accept": ["application/dicom json"]})) == "application/dicom+json"


@pytest.mark.parametrize("header", ["image", "image/jpeg image/png", "a/b;q=x", "; a/b", 'a/b; c="d'])
def test_malformed_headers_are_refused(header: str) -> None:
    with pytest.raises(BadRequest):
        parse_accept(header)


@given(st.text(max_size=80))
def test_any_text_is_parsed_or_refused(header: str) -> None:
    with contextlib.suppress(BadRequest):
        assert all(0 < r.quality <= 1 for r in parse_accept(header))


@given(st.lists(st.tuples(TOKENS, TOKENS, st.integers(1, 1000)), min_size=1, max_size=6))
def test_printed_ranges_are_read_back(items: list[tuple[str, str, int]]) -> None:
    header = ", ".join(f'multipart/related; type="{main}/{sub}"; q={q / 1000}' for main, sub, q in items)
    wanted = [(f"{main}/{sub}", q / 1000) for main, sub, q in sorted(items, key=lambda item: -item[2])]
    assert [(r.media_type, r.quality) for r in parse_accept(header)] == wanted


@pytest.mark.parametrize(
    ("syntax", "media_type"),
    [
        ("1.2.840.10008.1.2.4.50", "image/jpeg"),
        ("1.2.840.10008.1.2.4.80", "image/jls"),
        ("1.2.840.10008.1.2.4.90", "image/jp2"),
        ("1.2.840.10008.1.2.5", "image/dicom-rle"),
        ("1.2.840.10008.1.2.4.102", "video/mp4"),
        ("1.2.840.10008.1.2", "application/octet-stream"),
        ("1.3.6.1.4.1.5962.300.1", "application/octet-stream"),
    ],
)
def test_frames_have_the_media_type_of_their_syntax(syntax: str, media_type: str) -> None:
    assert frame_media_type(syntax) == media_type


def test_spaces_of_the_query_parameter_are_kept_where_they_are_no_plus_sign() -> None:
    wanted = accepted("*/*", {"accept": ['multipart/related; type="application/dicom"; transfer-syntax=*']})[0]
    assert (wanted.media_type, wanted.transfer_syntax) == ("application/dicom", "*")
    ranges = accepted("image/gif", {"accept": ["image/png;q=0.1", "image/jpeg"]})
    assert [r.media_type for r in ranges] == ["image/jpeg", "image/png", "image/gif"]


def test_the_header_speaks_where_the_query_parameter_names_nothing_that_there_is() -> None:
    assert choose(accepted("image/png", {"accept": ["text/html"]}), JPEG_OR_PNG).media_type == "image/png"
    with pytest.raises(NotAcceptable):
        choose(accepted("image/gif", {"accept": ["text/html"]}), JPEG_OR_PNG)


GIF_JPEG_PNG = [Representation(f"image/{name}") for name in ("gif", "jpeg", "png")]


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("image/gif;q=0, image/*", "image/jpeg"),
        ("image/gif;q=0.1, image/jpeg;q=0.2, */*", "image/png"),
        ("*/*;q=0.1, image/png;q=0.2", "image/png"),
        ("IMAGE/PNG", "image/png"),
        ("image/png;level=1;ext", "image/png"),
        ("image/png;q=1.000,", "image/png"),
        (",, image/png ;q=0.3,\timage/jpeg; Q=0.4", "image/jpeg"),
    ],
)
def test_the_narrowest_element_decides(header: str, chosen: str) -> None:
    assert choose(parse_accept(header), GIF_JPEG_PNG).media_type == chosen


@pytest.mark.parametrize("header", ["*/*;q=0", "image/*;q=0, */*;q=0", "text/html", "image/png;q=0"])
def test_nothing_may_be_left(header: str) -> None:
    with pytest.raises(NotAcceptable, match="Available: image/gif, image/jpeg, image/png"):
        choose(parse_accept(header), GIF_JPEG_PNG)


@pytest.mark.parametrize("header", ["multipart/*", "multipart/related", "multipart/*; type=application/dicom"])
def test_multipart_of_any_kind_is_related(header: str) -> None:
    assert choose(parse_accept(header), DICOM[::-1]) == DICOM[0]


def test_what_is_refused_in_parts_is_not_given_by_the_rest() -> None:
    accept = parse_accept("multipart/related;type=application/dicom;q=0, */*;q=0.5")
    assert choose(accept, DICOM) == DICOM[1]


@pytest.mark.parametrize("header", ["a/b;q=-1", "a/b;q=nan", "a/b;q=1e0", "a/b;q=", ", ".join(["a/b"] * 101)])
def test_what_is_no_quality_is_refused(header: str) -> None:
    with pytest.raises(BadRequest):
        parse_accept(header)


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", "iso-8859-1, utf-8;q=0.5", "*"])
def test_text_is_in_utf_8(charset: str) -> None:
    assert accepted("image/png", {"charset": [charset]})


def test_no_other_character_set_is_given() -> None:
    with pytest.raises(NotAcceptable, match="utf-8"):
        accepted("image/png", {"charset": ["iso-8859-1"]})
