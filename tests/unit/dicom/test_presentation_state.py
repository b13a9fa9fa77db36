"""Presentation states applied to generated images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from chalicelib.dicom.pictures import View
from chalicelib.dicom.presentation_state import picture
from tests.dicom_files import data_set

EXPLICIT = "1.2.840.10008.1.2.1"
RAMP = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)


def item(**attributes: Any) -> Dataset:
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, Sequence(value) if keyword.endswith("Sequence") else value)
    return made


def shown(view: View | None = None, image: dict[str, Any] | None = None, shape: str = "IDENTITY", **state: Any) -> Any:
    dataset = data_set(Rows=64, Columns=64, BitsStored=12, HighBit=11, PixelData=RAMP.tobytes(), **(image or {}))
    made = item(SOPClassUID="1.2.840.10008.5.1.4.1.1.11.1", PresentationLUTShape=shape, **state)
    return np.asarray(picture(made, (dataset, 0, 0, EXPLICIT), view or View(), None)).astype(int)


VOI = [item(WindowCenter=2048, WindowWidth=4096)]


def test_its_window_counts_and_not_that_of_the_image() -> None:
    plain = shown(image={"WindowCenter": 1, "WindowWidth": 2}, SoftcopyVOILUTSequence=VOI)
    assert abs(plain[32, 0] - 128) <= 1
    inverse = shown(SoftcopyVOILUTSequence=VOI, shape="INVERSE")
    assert np.abs(plain + inverse - 255).max() <= 1


def test_windows_of_other_images_do_not_count() -> None:
    other = item(WindowCenter=1, WindowWidth=2, ReferencedImageSequence=[item(ReferencedSOPInstanceUID="1.9")])
    own = item(
        WindowCenter=2048, WindowWidth=4096, ReferencedImageSequence=[item(ReferencedSOPInstanceUID="1.2.3.4.5")]
    )
    assert abs(shown(SoftcopyVOILUTSequence=[other, own])[32, 0] - 128) <= 1


@pytest.mark.parametrize(
    ("rotation", "flip", "corner"),
    [(0, "N", (0, 0)), (90, "N", (0, -1)), (180, "N", (-1, -1)), (270, "N", (-1, 0)), (0, "Y", (0, -1)),
     (90, "Y", (0, 0))],
)  # fmt: skip
def test_rotation_is_clockwise_and_before_the_flip(rotation: int, flip: str, corner: tuple[int, int]) -> None:
    turned = shown(SoftcopyVOILUTSequence=VOI, ImageRotation=rotation, ImageHorizontalFlip=flip)
    assert turned[corner] == 0
    assert (turned == 0).sum() < 64


def area(first: list[int], last: list[int]) -> list[Dataset]:
    return [item(DisplayedAreaTopLeftHandCorner=first, DisplayedAreaBottomRightHandCorner=last,
                 PresentationSizeMode="SCALE TO FIT", PresentationPixelAspectRatio=[1, 1])]  # fmt: skip


def test_displayed_area() -> None:
    cut = shown(SoftcopyVOILUTSequence=VOI, DisplayedAreaSelectionSequence=area([11, 21], [30, 30]))
    whole = shown(SoftcopyVOILUTSequence=VOI)
    assert np.array_equal(cut, whole[20:30, 10:30])
    beyond = shown(SoftcopyVOILUTSequence=VOI, DisplayedAreaSelectionSequence=area([-9, 1], [64, 64]))
    assert beyond.shape == (64, 74)
    assert not beyond[:, :10].any()


def test_shutters_hide_what_lies_outside() -> None:
    hidden = shown(
        SoftcopyVOILUTSequence=VOI, ShutterShape=["RECTANGULAR", "CIRCULAR"], ShutterLeftVerticalEdge=11,
        ShutterRightVerticalEdge=40, ShutterUpperHorizontalEdge=1, ShutterLowerHorizontalEdge=64,
        CenterOfCircularShutter=[33, 33], RadiusOfCircularShutter=20, ShutterPresentationValue=0,
    )  # fmt: skip
    assert not hidden[:, :10].any()
    assert not hidden[:, 40:].any()
    assert not hidden[:10].any()
    assert hidden[32, 20]


def graphics(**attributes: Any) -> dict[str, Any]:
    defaults = {"GraphicAnnotationUnits": "PIXEL", "GraphicDimensions": 2, "GraphicFilled": "N"}
    graphic = item(**{**defaults, **attributes})
    return {"GraphicAnnotationSequence": [item(GraphicLayer="L", GraphicObjectSequence=[graphic])]}


DARK = [item(WindowCenter=100000, WindowWidth=2)]


def test_graphics_lie_on_the_pixels_that_they_name() -> None:
    square = [10, 20, 30, 20, 30, 40, 10, 40, 10, 20]
    drawn = shown(SoftcopyVOILUTSequence=DARK, **graphics(GraphicType="POLYLINE", GraphicData=square))
    assert drawn[19, 15] == 255
    assert drawn[30, 29] == 255
    assert not drawn[25:35, 12:26].any()
    turned = shown(
        SoftcopyVOILUTSequence=DARK, ImageRotation=90, **graphics(GraphicType="POLYLINE", GraphicData=square)
    )
    assert np.abs(np.rot90(drawn, -1) - turned).mean() < 6


@pytest.mark.parametrize(
    ("kind", "data"),
    [("CIRCLE", [32, 32, 42, 32]), ("ELLIPSE", [20, 32, 44, 32, 32, 28, 32, 36]), ("POINT", [32, 32]),
     ("INTERPOLATED", [10, 10, 30, 50, 50, 10])],
)  # fmt: skip
def test_shapes(kind: str, data: list[float]) -> None:
    drawn = shown(SoftcopyVOILUTSequence=DARK, **graphics(GraphicType=kind, GraphicData=data))
    assert 4 < (drawn > 128).sum() < 400


def test_text_is_upright_and_in_the_colour_of_its_layer() -> None:
    text = item(UnformattedTextValue="Lésion", AnchorPoint=[0.2, 0.2], AnchorPointAnnotationUnits="DISPLAY",
                AnchorPointVisibility="N")  # fmt: skip
    layer = item(GraphicLayer="L", GraphicLayerOrder=1, GraphicLayerRecommendedDisplayCIELabValue=[34885, 53485, 50171])
    drawn = shown(
        View((256, 256)), SoftcopyVOILUTSequence=DARK, GraphicLayerSequence=[layer],
        GraphicAnnotationSequence=[item(GraphicLayer="L", TextObjectSequence=[text])],
    )  # fmt: skip
    assert drawn.shape == (256, 256, 3)
    red = drawn[..., 0] > 150
    assert red.sum() > 30
    assert drawn[red][:, 2].mean() < 100
