"""An ingest service over an archive that has studies, once for all tests here: starting one takes seconds."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from chalicelib import wiring
from chalicelib.access.model import ApplicationEntity
from chalicelib.archive.index_instance import index_objects
from tests.conftest import _forget_process_caches
from tests.contract.index_support import index, store
from tests.dicom_files import data_set, part10
from tests.emulator import Cloud, Emulator, create_cloud, free_port
from tests.real_files import RealFile, real_files
from tests.scp.certificates import Issued, TlsEndpoint
from tests.scp.conftest import ROOT, Ingest, assert_names_no_patient, register_region

QUERY_RETRIEVE = frozenset({"query", "retrieve"})
CT_SERIES = 40

RENDERED = f"""
import os, sys
sys.path[:0] = {[str(ROOT), *[path for path in sys.path if path.endswith("site-packages")]]!r}
os.environ.update({{environment!r}})
from chalicelib.functions.rendered import handler
"""


@dataclass
class Archive:
    """What the archive holds."""

    ingest: Ingest
    tls: TlsEndpoint
    pacs: Issued
    """Certificate of NORD_PACS."""
    charset_files: list[RealFile] = field(default_factory=list)
    compressed: list[Dataset] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Port of the ingest service."""
        return self.ingest.port


def index_bodies(bodies: list[bytes], hospital: str = "nord") -> None:
    """Store Part 10 files and index them."""
    keys = [store(body=body, hospital=hospital) for body in bodies]
    for result in index_objects(index(), keys):
        assert result.error is None, result


def _create_renderer(cloud: Cloud) -> str:
    """The rendering function as a Lambda of the local cloud; its name."""
    code = RENDERED.replace("{environment!r}", repr(cloud.environment()))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.py", code)
    name = f"rendered-{cloud.settings['archive_bucket']}"
    cloud.client("lambda").create_function(
        FunctionName=name, Runtime="python3.11", Role="arn:aws:iam::000000000000:role/r", Handler="index.handler",
        Code={"ZipFile": archive.getvalue()}, Timeout=60, MemorySize=1024,
    )  # fmt: skip
    return name


def _study(number: int, **more: Any) -> list[bytes]:
    """A CT study of two series of two instances."""
    study = f"1.2.77.{number}"
    return [
        part10(
            data_set(
                study, f"{study}.{series}", f"{study}.{series}.{instance}",
                **{
                    "PatientID": f"P{number % 5}", "PatientName": "Dupont^Jean", "AccessionNumber": f"A{number}",
                    "StudyDate": f"202401{number:02d}", "StudyTime": f"{number:02d}3000", "InstanceNumber": instance,
                    "SeriesDescription": f"Série {series}", "Modality": "CT" if series == 1 else "SR", **more,
                },
            )
        )
        for series in (1, 2)
        for instance in (1, 2)
    ]  # fmt: skip


def _fill(archive: Archive) -> None:
    every = [file for file in real_files() if file.path.parent.name == "charset_files"]
    archive.charset_files = [file.under_new_uids(number) for number, file in enumerate(every)]
    index_bodies([file.body for file in archive.charset_files])
    index_bodies([body for number in range(1, 13) for body in _study(number)])
    index_bodies(_study(1, PatientName="Dupont^Au-Sud"), "sud")
    index_bodies(_study(20, PatientName="Ailleurs^Luc", PatientID="PSUD"), "sud")
    steps = []
    for step, description in (("S1", "Étape"), ("S2", "Autre")):
        item = Dataset()
        item.ScheduledProcedureStepID, item.ScheduledProcedureStepDescription = step, description
        steps.append(item)
    sequences = data_set("1.2.80", "1.2.80.1", "1.2.80.1.1", PatientID="SEQ", RequestAttributesSequence=steps)
    index_bodies([part10(sequences)])
    many = [data_set("1.2.78", "1.2.78.1", f"1.2.78.1.{n}", PatientID="MANY", PatientName="Many^Images")
            for n in range(1, CT_SERIES + 1)]  # fmt: skip
    index_bodies([part10(instance) for instance in many])
    large = data_set("1.2.81", "1.2.81.1", "1.2.81.1.1", PatientID="LARGE", Rows=4000, Columns=4000,
                     PixelData=bytes(range(256)) * 125_000)  # fmt: skip
    index_bodies([part10(large)])
    for number, name in enumerate(("JPEG2000.dcm", "SC_rgb_rle.dcm", "image_dfl.dcm", "MR_small_bigendian.dcm"), 1):
        instance = dcmread(str(get_testdata_file(name)))
        instance.StudyInstanceUID, instance.SeriesInstanceUID = "1.2.79", f"1.2.79.{number}"
        instance.PatientID, instance.PatientName = "COMPRESSED", "Compressed^Images"
        instance.SOPInstanceUID = instance.file_meta.MediaStorageSOPInstanceUID = f"1.2.79.{number}.1"
        buffer = io.BytesIO()
        instance.save_as(buffer)
        index_bodies([buffer.getvalue()])
        archive.compressed.append(instance)


@pytest.fixture(scope="package")
def archive(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """A running ingest service and what its archive holds."""
    cloud = create_cloud(emulator)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in cloud.environment().items():
            patch.setenv(name, value)
        _forget_process_caches()
        register_region()
        folder: Path = tmp_path_factory.mktemp("ingest")
        tls = TlsEndpoint.make(folder, free_port())
        pacs = tls.authority.issue("nord")
        for title, hospital, services, certificates in (
            ("NORD_PACS", "nord", QUERY_RETRIEVE | {"store"}, frozenset({pacs.fingerprint})),
            ("NORD_GET", "nord", frozenset({"retrieve"}), frozenset[str]()),
            ("SUD_PACS", "sud", QUERY_RETRIEVE, frozenset[str]()),
        ):
            wiring.registry().put_application_entity(
                ApplicationEntity(title, hospital, services, certificate_fingerprints=certificates)
            )
        settings = {
            "SANSFILM_RENDERED_FUNCTION": _create_renderer(cloud),
            "SANSFILM_MAXIMUM_MATCHES": "30",
            "SANSFILM_SLOW_PEER_GRACE_S": "3",
            **tls.settings,
        }
        ingest = Ingest(cloud, folder / "ingest.log", settings)
        try:
            found = Archive(ingest, tls, pacs)
            _fill(found)
            ingest.start()
            yield found
            ingest.stop()
            assert_names_no_patient(ingest.log())
        finally:
            ingest.stop()
            _forget_process_caches()
