"""Finance looks at the dashboard: plots are drawn, numbers are those of the API, on a desk and on a phone."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SIZES, Portal
from tests.browser.test_accessibility import violations
from tests.platform import RunningPlatform

IS_DRAWN = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const colours = new Set();
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3]) colours.add(`${data[at]} ${data[at + 1]} ${data[at + 2]}`);
  }
  return colours.size;
}"""
"""How many colours a plot has."""
AMOUNT = """amount => new Intl.NumberFormat("fr", { style: "currency", currency: "EUR", maximumFractionDigits: 6 })
  .format(Number(Number(amount).toFixed(2)))"""


@pytest.fixture(scope="module")
def rolled_up(platform: RunningPlatform) -> None:
    """Last month's exams of the demonstration, rolled up as the schedule does within a minute."""
    platform.command("seed")
    functions = platform.client("lambda").get_paginator("list_functions").paginate()
    names = [each["FunctionName"] for page in functions for each in page["Functions"]]
    (name,) = [name for name in names if "RollUp" in name]
    answer = platform.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    assert "FunctionError" not in answer, answer["Payload"].read()


def figures(page: Page) -> dict[str, str]:
    """Numbers at the top by name."""
    names = page.locator(".figures dt").all_inner_texts()
    values = page.locator(".figures .figure-value").all_inner_texts()
    return dict(zip(names, values, strict=True))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.usefixtures("rolled_up")
def test_plots_are_drawn_and_numbers_are_those_of_the_api(portal: Portal, size: str) -> None:
    page = portal.sign_in("finance.ouest", "/dashboard", size)
    expect(page.locator(".plot canvas").first).to_be_visible()
    shown: dict[str, Any] = page.evaluate("fetch('/api/dashboard').then(answer => answer.json())")
    month = shown["months"][0]

    def euros(amount: str) -> str:
        return str(page.evaluate(AMOUNT, amount))

    found = figures(page)
    assert found["Examens archivés"] == str(month["exams"])
    for name, field in (("Prix", "price"), ("Coût", "cost"), ("Marge", "margin")):
        (value,) = [value for key, value in found.items() if key.startswith(name)]
        assert value == euros(month[field]), field
    plots = page.locator(".plot")
    assert plots.count() >= 2
    for canvas in page.locator(".plot canvas").all():
        canvas.scroll_into_view_if_needed()
        assert canvas.evaluate(IS_DRAWN) > 3
    months = plots.last
    months.locator("summary").click()
    rows = [row.locator("th, td").all_inner_texts() for row in months.locator("tbody tr").all()]
    assert rows == [
        [each["period"], *(euros(each[field]) for field in ("price", "cost", "margin"))]
        for each in reversed(shown["months"])
    ]
    table = page.locator("section.statement", has=page.locator("#modalities-title")).locator("tbody tr")
    assert table.count() == len(month["modalities"])
    assert violations(page) == []
