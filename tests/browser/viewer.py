"""OHIF as the tests drive it, and what it shows."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from playwright.sync_api import Page

DRAWN_WITHIN_MS = 60_000

_VIEWPORTS = "(window.cornerstone?.getRenderingEngines?.()[0]?.getViewports() ?? [])"
_IS_DRAWN = f"""() => {{
  const viewports = {_VIEWPORTS};
  return viewports.length > 0 && viewports.every((viewport) => {{
    if (!viewport.getCurrentImageId?.() || !viewport.getImageData()) return false;
    const canvas = viewport.getCanvas();
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return pixels.some((value, index) => index % 4 !== 3 && value > 20);
  }});
}}"""
_READ_PICTURE = f"""(grid) => {{
  const viewport = {_VIEWPORTS}[0];
  const image = viewport.getImageData();
  const canvas = viewport.getCanvas();
  const scale = canvas.width / canvas.clientWidth;
  const context = canvas.getContext("2d");
  const [columns, rows] = image.dimensions;
  const samples = [];
  for (let i = 1; i <= grid; i += 1)
    for (let j = 1; j <= grid; j += 1) {{
      const [column, row] = [Math.floor((columns * i) / (grid + 1)), Math.floor((rows * j) / (grid + 1))];
      const [x, y] = viewport.worldToCanvas(image.imageData.indexToWorld([column, row, 0]));
      const [red, green, blue] = context.getImageData(Math.round(x * scale), Math.round(y * scale), 1, 1).data;
      samples.push([row, column, red, green, blue]);
    }}
  const {{ voiRange, invert }} = viewport.getProperties();
  const bytes = new Uint8Array(Float32Array.from(image.scalarData).buffer);
  let values = "";
  for (let i = 0; i < bytes.length; i += 32768) values += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return {{ rows, columns, values: btoa(values), samples, voiRange, invert }};
}}"""
_COLOR_AT = f"""([x, y, z]) => {{
  const viewport = {_VIEWPORTS}[0];
  const canvas = viewport.getCanvas();
  const scale = canvas.width / canvas.clientWidth;
  const [left, top] = viewport.worldToCanvas([x, y, z]);
  return Array.from(canvas.getContext("2d").getImageData(Math.round(left * scale), Math.round(top * scale), 1, 1).data);
}}"""


class Viewer:
    """A page of OHIF, signed in."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, study_instance_uid: str) -> None:
        """Show a study as the portal's link does, and wait for its first picture."""
        self.page.goto(f"/studies/{study_instance_uid}")
        self.page.get_by_role("link", name="Ouvrir la visionneuse").click()
        self.wait_until_drawn()

    def wait_until_drawn(self) -> None:
        """Wait until each viewport holds an image that is not black."""
        self.page.wait_for_function(_IS_DRAWN, timeout=DRAWN_WITHIN_MS, polling=250)
        self.page.wait_for_timeout(300)

    def picture(self, grid: int) -> dict[str, Any]:
        """The first viewport: `rows`, `columns`, decoded `values`, and `samples` (row, column, red, green, blue) at
        grid x grid points of the screen."""
        read: dict[str, Any] = self.page.evaluate(_READ_PICTURE, grid)
        # As text: Playwright takes a minute for a list of millions of numbers.
        return {**read, "values": np.frombuffer(base64.b64decode(read["values"]), "<f4").astype(np.float64)}

    def color_at(self, x_mm: float, y_mm: float, z_mm: float) -> list[int]:
        """Red, green, blue on the screen at a point of the patient."""
        color: list[int] = self.page.evaluate(_COLOR_AT, [x_mm, y_mm, z_mm])
        return color[:3]

    def show(self, series_description: str) -> None:
        """Open a series of the list in the active viewport."""
        self.page.locator("[data-cy^=study-browser-thumbnail]").filter(has_text=series_description).first.dblclick()

    def wait_for_series(self, series_instance_uid: str) -> None:
        """Wait until the first viewport shows an image of a series."""
        self.page.wait_for_function(
            f"uid => {_VIEWPORTS}[0]?.csImage?.imageId.includes(uid)", arg=series_instance_uid, timeout=DRAWN_WITHIN_MS
        )
        self.wait_until_drawn()

    def sop_instance_uid(self) -> str:
        """Of the image that the first viewport shows."""
        image_id: str = self.page.evaluate(f"() => {_VIEWPORTS}[0].getCurrentImageId()")
        return image_id.partition("/instances/")[2].partition("/")[0]

    def image_index(self) -> int:
        """Place, from 0, of the image that the first viewport shows."""
        index: int = self.page.evaluate(f"() => {_VIEWPORTS}[0].getCurrentImageIdIndex()")
        return index

    def wait_for_image(self, index: int) -> None:
        """Wait until the first viewport shows an image from that place on."""
        shown = f"index => {_VIEWPORTS}[0].getCurrentImageIdIndex() >= index"
        self.page.wait_for_function(shown, arg=index, timeout=DRAWN_WITHIN_MS)

    def confirm(self) -> None:
        """Answer the question over the viewport."""
        self.page.get_by_role("button", name="Yes").click(timeout=DRAWN_WITHIN_MS)

    def go_to_slice(self, index: int) -> None:
        """Show a slice, counted from 0."""
        self.page.evaluate(f"index => {_VIEWPORTS}[0].setImageIdIndex(index)", index)
        self.page.wait_for_timeout(300)

    def slice_counts(self) -> list[int]:
        """Images in each viewport."""
        counts: list[int] = self.page.evaluate(f"() => {_VIEWPORTS}.map((viewport) => viewport.getImageIds().length)")
        return counts

    def position_mm(self) -> list[float]:
        """Image Position (Patient) that the viewer works with on the first viewport."""
        module = "cornerstone.metaData.get('imagePlaneModule', viewport.getCurrentImageId())"
        position: list[float] = self.page.evaluate(
            f"() => {{ const viewport = {_VIEWPORTS}[0]; return Array.from({module}.imagePositionPatient); }}"
        )
        return position

    def segment_labels(self) -> list[str]:
        """Labels of all segments and regions of interest that the viewer lists."""
        labels: list[str] = self.page.evaluate(
            "() => services.segmentationService.getSegmentations()"
            ".flatMap(({ segments }) => Object.values(segments).map(({ label }) => label))"
        )
        return labels
