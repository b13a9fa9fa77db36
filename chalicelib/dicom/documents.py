"""First page of a PDF as a picture, for thumbnails (PS3.18 10.4.1.1.6)."""

from __future__ import annotations

from PIL import Image

from chalicelib.errors import NotAcceptable

LONGEST_SIDE_PIXELS = 1600


def first_page(pdf: bytes, size: tuple[int, int] | None) -> Image.Image:
    """The first page on white, fitted into `size` (width, height).

    Raises
    ------
    NotAcceptable
        If it is no PDF that can be read, or has a password.
    """
    import pypdfium2

    width, height = size or (LONGEST_SIDE_PIXELS, LONGEST_SIDE_PIXELS)
    try:
        document = pypdfium2.PdfDocument(pdf)
        try:
            page = document[0]
            scale = min(width / page.get_width(), height / page.get_height())
            image: Image.Image = page.render(scale=scale, may_draw_forms=False).to_pil().convert("RGB")
        finally:
            document.close()
    except Exception as error:
        raise NotAcceptable("The document cannot be shown as a picture.") from error
    return image
