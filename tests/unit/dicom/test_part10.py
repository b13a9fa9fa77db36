"""Files: with and without preamble, meta and honesty; deflated within bounds."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from chalicelib.dicom import part10 as module
from chalicelib.dicom.elements import BytesSource, Malformed, Truncated
from chalicelib.dicom.part10 import identify, open_data_set
from tests.dicom_files import data_set, part10, real_files

DEFLATED = "1.2.840.10008.1.2.1.99"
WHOLE = part10(data_set())
META_END = WHOLE.index(b"\x08\x00\x05\x00")


@pytest.mark.parametrize(
    ("body", "syntax"),
    [
        (WHOLE, "1.2.840.10008.1.2.1"),
        (WHOLE[132:], "1.2.840.10008.1.2.1"),
        (WHOLE[META_END:], "1.2.840.10008.1.2.1"),
        (WHOLE[:132] + WHOLE[META_END:], "1.2.840.10008.1.2.1"),
        (part10(data_set(), "1.2.840.10008.1.2"), "1.2.840.10008.1.2"),
        (WHOLE.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2\0\0\0"), "1.2.840.10008.1.2"),
        (WHOLE.replace(b"1.2.840.10008.1.2.1\0", b"1.2.276.0.99999.2.1\0"), "1.2.276.0.99999.2.1"),
    ],
    ids=["whole", "no preamble", "data set alone", "no meta", "implicit", "declared wrongly", "private syntax"],
)
def test_identifiers_are_found(body: bytes, syntax: str) -> None:
    found = open_data_set(BytesSource(body))
    assert found.transfer_syntax_uid == syntax
    identifiers = identify(found)
    assert identifiers.study_instance_uid == "1.2.3"
    assert identifiers.series_instance_uid == "1.2.3.4"
    assert identifiers.sop_instance_uid == "1.2.3.4.5"
    assert identifiers.sop_class_uid == "1.2.840.10008.5.1.4.1.1.2"


def _deflated(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    meta = WHOLE[:META_END].replace(
        b"\x10\x00UI\x14\x001.2.840.10008.1.2.1\0", b"\x10\x00UI\x16\x00" + DEFLATED.encode()
    )
    return meta + compressor.compress(data) + compressor.flush()


def test_deflated() -> None:
    body = _deflated(WHOLE[META_END:])
    found = open_data_set(BytesSource(body))
    assert found.deflated
    assert found.transfer_syntax_uid == DEFLATED
    assert identify(found).sop_instance_uid == "1.2.3.4.5"
    assert found.source.read_at(found.start, 1 << 20) == WHOLE[META_END:]


def test_deflated_is_bounded_and_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    body = _deflated(WHOLE[META_END:])
    with pytest.raises(Truncated):
        open_data_set(BytesSource(body[:-5]))
    with pytest.raises(Malformed):
        open_data_set(BytesSource(body[:-60] + b"\xff" * 60))
    monkeypatch.setattr(module, "INFLATED_LIMIT_BYTES", 1 << 20)
    with pytest.raises(Malformed, match="too big"):
        open_data_set(BytesSource(_deflated(bytes(2 << 20))))


@pytest.mark.parametrize("body", [b"", b"x", b"\x08\x00", bytes(200), b"GIF89a" * 40, b"{}" * 100, b"\x89PNG" * 50])
def test_not_dicom(body: bytes) -> None:
    with pytest.raises(Malformed):
        identify(open_data_set(BytesSource(body)))


FRAGMENTS = {"no_meta.dcm", "UN_sequence.dcm", "priv_SQ.dcm"}
"""Parts of a data set that begin after SOP Class UID, so no instances."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", real_files(), ids=lambda path: path.name)
def test_real_files_agree_with_pydicom(path: Path) -> None:
    from pydicom import dcmread

    try:
        found = open_data_set(BytesSource(path.read_bytes()))
        identifiers = identify(found)
    except Truncated:
        assert "trunc" in path.name or "short" in path.name
        return
    except Malformed:
        assert path.name in FRAGMENTS
        return
    instance = dcmread(path, force=True)
    assert identifiers.sop_instance_uid == str(instance.get("SOPInstanceUID", ""))
    assert identifiers.study_instance_uid == str(instance.get("StudyInstanceUID", ""))
    assert identifiers.series_instance_uid == str(instance.get("SeriesInstanceUID", ""))
