"""Frame table of a file in memory, by way of the index use case."""

from __future__ import annotations

from chalicelib.archive.index_instance import frame_table
from chalicelib.archive.model import FrameTable
from chalicelib.dicom.elements import BytesSource
from chalicelib.dicom.json_model import convert
from chalicelib.dicom.part10 import open_data_set


def frame_table_of(body: bytes) -> FrameTable:
    data_set = open_data_set(BytesSource(body))
    elements = list(data_set.elements())
    return frame_table(data_set, elements, convert(data_set.source, elements, data_set.encoding).dicom_json)
