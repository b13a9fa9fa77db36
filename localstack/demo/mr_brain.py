"""Brain MR series cut from the MNI152 T1 volume, 1 mm isotropic."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage

from localstack.demo.modules import demo_uid, put_pixels
from localstack.demo.region_exams import Exam

REQUIREMENT = Path(__file__).with_name("mni152-requirements.txt")
MEMBER = "nilearn/datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"


class VolumeUnavailable(Exception):
    """The wheel that holds the volume could not be downloaded."""


def mni152_t1(state_dir: Path) -> NDArray[np.uint16]:
    """T1 volume with axes (left to right, front to back, head to foot), 0 to 2040.

    Raises
    ------
    VolumeUnavailable
        If it is not in the state directory and cannot be downloaded.
    """
    folder = state_dir / "downloads"
    wheel = next(folder.glob("nilearn-*.whl"), None) or _download(folder)
    with zipfile.ZipFile(wheel) as archive:
        image: Any = nibabel.Nifti1Image.from_bytes(gzip.decompress(archive.read(MEMBER)))
    volume = np.asanyarray(image.dataobj)
    # Its axes run to the patient's right, front and head.
    oriented: NDArray[np.uint16] = np.flip(volume, axis=(1, 2)).astype(np.uint16) * 8
    return oriented


def _download(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--require-hashes", "--requirement", str(REQUIREMENT), "--dest", str(folder)]  # fmt: skip
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=300)  # noqa: S603 - a command of ours
        return next(folder.glob("nilearn-*.whl"))
    except (subprocess.SubprocessError, StopIteration, OSError) as error:
        raise VolumeUnavailable("The MNI152 volume could not be downloaded with pip.") from error


def slices(exam: Exam, volume: NDArray[np.uint16], plane: str) -> Iterator[Dataset]:
    """MR images of a volume in the `sagittal` or `axial` plane, geometry in the patient's coordinates (LPS, mm)."""
    size = volume.shape
    if plane == "sagittal":
        # From the patient's right to the left; rows run head to foot, columns front to back.
        orientation, count = [0, 1, 0, 0, 0, -1], size[0]
    else:
        orientation, count = [1, 0, 0, 0, 1, 0], size[2]
    for index in range(count):
        if plane == "sagittal":
            pixels = volume[size[0] - 1 - index].T
            position = [98.0 - (size[0] - 1 - index), -98.0, 116.0]
        else:
            pixels = np.flip(volume[:, :, index], axis=0).T
            position = [-98.0, -98.0, 116.0 - index]
        instance = _mr_image(exam, pixels)
        instance.ImageOrientationPatient = orientation
        instance.ImagePositionPatient = position
        instance.SliceLocation = position[0] if plane == "sagittal" else position[2]
        yield instance


def _mr_image(exam: Exam, pixels: NDArray[np.uint16]) -> Dataset:
    instance = Dataset()
    instance.SOPClassUID = MRImageStorage
    instance.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    instance.Modality = "MR"
    instance.Manufacturer = "Sans Film"
    instance.ManufacturerModelName = "MNI152 T1"
    instance.BodyPartExamined = exam.body_part
    instance.PatientPosition = "HFS"
    instance.FrameOfReferenceUID = demo_uid(exam.key, "frame of reference")
    instance.PositionReferenceIndicator = ""
    instance.ScanningSequence = "GR"
    instance.SequenceVariant = ["SP", "MP"]
    instance.ScanOptions = ""
    instance.MRAcquisitionType = "3D"
    instance.MagneticFieldStrength = "3"
    instance.RepetitionTime, instance.EchoTime, instance.InversionTime, instance.FlipAngle = "2300", "2.98", "900", "9"
    instance.PixelSpacing = [1, 1]
    instance.SliceThickness = "1"
    instance.SpacingBetweenSlices = "1"
    instance.WindowCenter, instance.WindowWidth = "900", "1600"
    put_pixels(instance, pixels, 12)
    return instance
