"""Structured reports as HTML and text."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from chalicelib.dicom.structured_report import MAXIMUM_DEPTH, MAXIMUM_ITEMS, html, plain_text


def item(name: str, text: str = "", *below: dict[str, Any], value_type: str = "TEXT") -> dict[str, Any]:
    return {
        "0040A040": {"vr": "CS", "Value": [value_type]},
        "0040A043": {"vr": "SQ", "Value": [{"00080104": {"vr": "LO", "Value": [name]}}]},
        "0040A160": {"vr": "UT", "Value": [text]},
        "0040A730": {"vr": "SQ", "Value": list(below)},
    }


class Balanced(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_report_is_read_from_top_to_bottom() -> None:
    report = item(
        "Compte rendu", "", item("Technique", "Sans injection"), item("Conclusion", "", item("Avis", "Normal"))
    )
    text = plain_text(report)
    assert text.index("Technique : Sans injection") < text.index("Conclusion") < text.index("  Avis : Normal")
    page = Balanced(html(report))
    assert page.open == []
    assert page.seen.count("h2") == 1
    assert page.seen.count("ul") == 2


def test_nothing_of_a_report_becomes_markup() -> None:
    hostile = '"><script>alert(1)</script><img src=x onerror=y>'
    page = html(item(hostile, hostile, item(hostile, hostile)))
    seen = set(Balanced(page).seen)
    assert not seen & {"script", "img"}
    assert "<script" not in page


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["reportsi.dcm", "test-SR.dcm"])
def test_real_reports(name: str) -> None:
    path = get_testdata_file(name)
    assert isinstance(path, str)
    report = dcmread(path).to_json_dict()
    assert Balanced(html(report)).open == []
    if name == "test-SR.dcm":
        assert "Diameter : 3.0 cm" in plain_text(report)
        assert "&lt;&gt;{}" in html(report)


def test_deep_and_wide_reports_are_bounded() -> None:
    deep = item("leaf", "end")
    for _ in range(200):
        deep = item("node", "", deep)
    assert plain_text(deep).count("node") == MAXIMUM_DEPTH + 1
    wide = item("root", "", *(item("x", "y") for _ in range(MAXIMUM_ITEMS + 5)))
    assert "not shown" in plain_text(wide)


@pytest.mark.parametrize(
    "broken", [{}, {"0040A730": {"Value": [None, "x", {"0040A040": {}}]}}, {"0040A730": {"vr": "SQ"}}]
)
def test_broken_reports_are_shown_as_far_as_they_go(broken: dict[str, Any]) -> None:
    assert "Structured report" in plain_text(broken)
    assert Balanced(html(broken)).open == []
