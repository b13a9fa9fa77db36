"""Small data sets to start from: every encoding, sequences, fragments, private elements, character sets."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

IMPLICIT, EXPLICIT, BIG = 0, 1, 2
"""How `targets.data_set` and its like number the encodings."""


def _instance() -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID, dataset.StudyInstanceUID = "1.2.3.4", "1.2.3", "1.2"
    dataset.PatientName = "Lef\xe8vre^Zo\xe9"
    dataset.PatientID, dataset.StudyDate, dataset.StudyTime = "P1", "20240131", "101500.5"
    dataset.WindowCenter, dataset.InstanceNumber = [1.5, 2], 7
    item = Dataset()
    item.CodeValue, item.CodeMeaning = "T-1", "Thorax"
    dataset.ProcedureCodeSequence = [item, Dataset()]
    block = dataset.private_block(0x0009, "MAKER", create=True)
    block.add_new(1, "UN", b"\1\2\3\4")
    block.add_new(2, "FD", 0.5)
    dataset.Rows, dataset.Columns, dataset.BitsAllocated, dataset.SamplesPerPixel = 2, 2, 8, 1
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 7, 0
    dataset.PhotometricInterpretation, dataset.NumberOfFrames = "MONOCHROME2", 2
    return dataset


def file_of(transfer_syntax_uid: str) -> bytes:
    """A DICOM file of two tiny frames."""
    dataset = _instance()
    if transfer_syntax_uid == JPEGBaseline8Bit:
        dataset.PixelData = encapsulate([b"\xff\xd8aa\xff\xd9", b"\xff\xd8bb\xff\xd9"], has_bot=True)
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
    else:
        dataset.add_new(0x7FE00010, "OW", b"\1\2\3\4\5\6\7\x08")
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = transfer_syntax_uid
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    out = BytesIO()
    dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()


def _data_set_of(file: bytes) -> bytes:
    (length,) = struct.unpack_from("<I", file, 140)
    return file[144 + length :]


FILES = [
    file_of(uid) for uid in (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, JPEGBaseline8Bit)
]
DEFLATED_FILE = file_of(DeflatedExplicitVRLittleEndian)
UNDEFINED_LENGTHS = bytes.fromhex(
    "08000011 5351 0000 ffffffff feff00e0 ffffffff 08000000 feff0de0 00000000 feffdde0 00000000".replace(
        "08000000 ", "08000001 5348 0200 4131"
    )
)
SAMPLES = [
    (IMPLICIT, _data_set_of(FILES[0])),
    (EXPLICIT, _data_set_of(FILES[1])),
    (BIG, _data_set_of(FILES[2])),
    (EXPLICIT, _data_set_of(FILES[3])),
    (EXPLICIT, UNDEFINED_LENGTHS),
    (EXPLICIT, zlib.decompress(_data_set_of(DEFLATED_FILE), -zlib.MAX_WBITS)),
]
"""(encoding, data set without File Meta Information)."""
