"""What phantoms are drawn on: a slice in the patient's millimetres, noise and texture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FIELD_OF_VIEW_MM = 400.0
AIR = -1000
Image = NDArray[np.float32]


class Canvas:
    """One axial slice in patient coordinates: x to the patient's left, y to the back, in mm from the centre."""

    def __init__(self, size: int) -> None:
        self.spacing = FIELD_OF_VIEW_MM / size
        axis = ((np.arange(size) - (size - 1) / 2) * self.spacing).astype(np.float32)
        self.x, self.y = axis[None, :], axis[:, None]
        self.size = size
        self.image: Image = np.full((size, size), AIR, np.float32)

    def window(self, x: float, y: float, radius_x: float, radius_y: float) -> tuple[slice, slice]:
        """Rows and columns around an ellipse."""
        half = (self.size - 1) / 2

        def span(centre: float, radius: float) -> slice:
            first = int((centre - radius) / self.spacing + half) - 1
            last = int((centre + radius) / self.spacing + half) + 3
            return slice(max(first, 0), max(min(last, self.size), 0))

        return span(y, radius_y), span(x, radius_x)

    def ellipse(self, x: float, y: float, radius_x: float, radius_y: float, value: float,
                within: NDArray[np.bool_] | None = None) -> None:  # fmt: skip
        """Fill an ellipse, if asked only where a mask holds."""
        if radius_x <= 0 or radius_y <= 0:
            return
        rows, columns = self.window(x, y, radius_x, radius_y)
        distance = ((self.x[:, columns] - x) / radius_x) ** 2 + ((self.y[rows] - y) / radius_y) ** 2
        mask = distance <= 1
        if within is not None:
            mask &= within[rows, columns]
        self.image[rows, columns][mask] = value

    def ball(self, z: float, centre: tuple[float, float, float], radii: tuple[float, float, float], value: float,
             within: NDArray[np.bool_] | None = None) -> None:  # fmt: skip
        """Cut an ellipsoid (x, y, z) at height z."""
        rest = 1 - ((z - centre[2]) / radii[2]) ** 2
        if rest > 0:
            scale = rest**0.5
            self.ellipse(centre[0], centre[1], radii[0] * scale, radii[1] * scale, value, within)


def noise(generator: np.random.Generator, size: int, count: int) -> Image:
    """Quantum noise of about 11 HU, slightly correlated as reconstruction kernels make it."""
    white = generator.normal(0, 20, (count, size, size)).astype(np.float32)
    return np.stack([soften(plane) for plane in white])


def clouds(generator: np.random.Generator, size: int, deviation: float, correlation_mm: float) -> Image:
    """Smooth random texture."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    sigma = correlation_mm / (FIELD_OF_VIEW_MM / size)
    spectrum = np.fft.rfft2(generator.normal(size=(size, size))) * np.exp(-2 * (np.pi * sigma * frequency / 2) ** 2)
    plane = np.fft.irfft2(spectrum, (size, size))
    clouds: Image = (plane / plane.std() * deviation).astype(np.float32)
    return clouds


def soften(image: Image) -> Image:
    """Partial volume: a small kernel, applied along both axes."""
    for axis in (0, 1):
        image = 0.5 * image + 0.25 * (np.roll(image, 1, axis) + np.roll(image, -1, axis))
    return image
