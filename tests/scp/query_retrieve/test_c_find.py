"""C-FIND against what is archived: matching, character sets, limits, isolation."""

from __future__ import annotations

import signal
import subprocess
import time
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, build_context
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation

from tests.emulator import Emulator
from tests.scp.query_retrieve.conftest import Archive
from tests.scp.query_retrieve.scu import FIND, PATIENT_ROOT, STUDY_ROOT, find, identifier, open_association
from tests.scp.scu import associate

NAMES = {
    "chrArab": "ISO_IR 127",
    "chrFren": "ISO_IR 100",
    "chrGerm": "ISO_IR 100",
    "chrGreek": "ISO_IR 126",
    "chrH31": ["", "ISO 2022 IR 87"],
    "chrH32": ["ISO 2022 IR 13", "ISO 2022 IR 87"],
    "chrHbrw": "ISO_IR 138",
    "chrI2": ["", "ISO 2022 IR 149"],
    "chrRuss": "ISO_IR 144",
    "chrX1": "ISO_IR 192",
    "chrX2": "GB18030",
}


def uids(matches: list[Dataset]) -> set[str]:
    return {match.StudyInstanceUID for match in matches}


@pytest.mark.parametrize(
    ("keys", "studies"),
    [
        ({"PatientName": "DUPONT^*", "StudyInstanceUID": ""}, range(1, 13)),
        ({"PatientName": "dupônt^jean", "StudyInstanceUID": ""}, range(1, 13)),
        ({"PatientName": "D?pont*", "StudyDate": "20240103-20240105", "StudyInstanceUID": ""}, [3, 4, 5]),
        ({"StudyDate": "-20240102", "PatientName": "Dupont*", "StudyInstanceUID": ""}, [1, 2]),
        ({"StudyDate": "20240111-", "PatientName": "Dupont*", "StudyInstanceUID": ""}, [11, 12]),
        ({"StudyTime": "020000-035959", "PatientName": "Dupont*", "StudyInstanceUID": ""}, [2, 3]),
        ({"StudyInstanceUID": ["1.2.77.1", "1.2.77.2", "1.2.99"]}, [1, 2]),
        ({"PatientID": "P1", "StudyInstanceUID": ""}, [1, 6, 11]),
        ({"AccessionNumber": "A1?", "StudyInstanceUID": ""}, [10, 11, 12]),
        ({"ModalitiesInStudy": ["SR", "US"], "PatientID": "P1", "StudyInstanceUID": ""}, [1, 6, 11]),
        ({"ModalitiesInStudy": "US", "PatientID": "P1", "StudyInstanceUID": ""}, []),
    ],
)
def test_matching(archive: Archive, keys: dict[str, Any], studies: Any) -> None:
    matches, statuses, final = find(archive.port, identifier(**keys))
    assert uids(matches) == {f"1.2.77.{number}" for number in studies}
    assert final.Status == 0
    assert set(statuses) <= {0xFF00}


def test_every_level_of_both_roots_and_counts(archive: Archive) -> None:
    counts = {"NumberOfPatientRelatedStudies": None, "NumberOfPatientRelatedSeries": None,
              "NumberOfPatientRelatedInstances": None}  # fmt: skip
    keys = identifier("PATIENT", PatientID="P1", PatientName="", **counts)
    (patient,), statuses, _ = find(archive.port, keys, PATIENT_ROOT)
    assert (patient.PatientID, patient.PatientName, statuses) == ("P1", "Dupont^Jean", [0xFF00])
    assert [patient[name].value for name in counts] == [3, 6, 12]
    assert (patient.QueryRetrieveLevel, patient.RetrieveAETitle) == ("PATIENT", "SANSFILM")
    for model in (PATIENT_ROOT, STUDY_ROOT):
        above = {"PatientID": "P1", "StudyInstanceUID": "1.2.77.1"}
        keys = identifier(**above, NumberOfStudyRelatedSeries=None, NumberOfStudyRelatedInstances=None)
        (study,), _, _ = find(archive.port, keys, model)
        assert (study.NumberOfStudyRelatedSeries, study.NumberOfStudyRelatedInstances) == (2, 4)
        keys = identifier("SERIES", **above, SeriesInstanceUID="", Modality="CT", NumberOfSeriesRelatedInstances=None)
        keys.SpecificCharacterSet, keys.SeriesDescription = "ISO_IR 100", "Série*"
        (series,), _, _ = find(archive.port, keys, model)
        assert (series.SeriesInstanceUID, series.NumberOfSeriesRelatedInstances) == ("1.2.77.1.1", 2)
        assert series.SeriesDescription == "Série 1"
        keys = identifier("IMAGE", **above, SeriesInstanceUID="1.2.77.1.1", SOPInstanceUID="", InstanceNumber="2")
        keys.Rows = None
        (image,), _, _ = find(archive.port, keys, model)
        assert (image.SOPInstanceUID, image.InstanceNumber, image.Rows) == ("1.2.77.1.1.2", 2, 4)


def test_a_patient_comes_once(archive: Archive) -> None:
    matches, _, final = find(archive.port, identifier("PATIENT", PatientName="Dup*", PatientID=""), PATIENT_ROOT)
    assert sorted(match.PatientID for match in matches) == ["P0", "P1", "P2", "P3", "P4"]
    assert final.Status == 0


def test_names_come_in_the_character_set_of_the_request(archive: Archive) -> None:
    tested = 0
    for file in archive.charset_files:
        sent = file.read()
        name = str(sent.get("PatientName", ""))
        for character_set in (NAMES.get(file.path.stem), "ISO_IR 192"):
            if character_set is None or not name:
                continue
            keys = identifier(StudyInstanceUID=file.study_instance_uid, PatientName="")
            keys.SpecificCharacterSet = character_set
            (match,), (status,), _ = find(archive.port, keys)
            assert str(match.PatientName) == name, file.path.name
            assert status == 0xFF00, file.path.name
            tested += 1
    assert tested >= 15


def test_what_does_not_fit_comes_in_utf_8_with_a_warning(archive: Archive) -> None:
    (file,) = (file for file in archive.charset_files if file.path.stem == "chrH31")
    keys = identifier(StudyInstanceUID=file.study_instance_uid, PatientName="")
    keys.SpecificCharacterSet = "ISO_IR 100"
    (match,), (status,), final = find(archive.port, keys)
    assert (match.SpecificCharacterSet, str(match.PatientName)) == (
        "ISO_IR 192",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    )
    assert (status, final.Status) == (0xFF01, 0)


@pytest.mark.parametrize(
    ("name", "character_set", "key"),
    [("chrH31", ["", "ISO 2022 IR 87"], "*=山田*"), ("chrGreek", "ISO_IR 126", "ΔΙΟΝΥΣΙΟΣ"),
     ("chrX2", "GB18030", "Wang^*=王*"), ("chrFren", "ISO_IR 192", "BUC^JEROME"),
     ("chrRuss", "ISO_IR 144", "люк*")],
)  # fmt: skip
def test_keys_in_any_character_set_match(archive: Archive, name: str, character_set: Any, key: str) -> None:
    (file,) = (file for file in archive.charset_files if file.path.stem == name)
    keys = identifier(StudyInstanceUID="", PatientName="")
    keys.SpecificCharacterSet = character_set
    keys.PatientName = key
    matches, _, final = find(archive.port, keys)
    assert final.Status == 0
    assert file.study_instance_uid in uids(matches)


def test_sequences_come_as_asked_for(archive: Archive) -> None:
    inner = identifier(None, ScheduledProcedureStepID="", ScheduledProcedureStepDescription="")
    keys = identifier("SERIES", StudyInstanceUID="1.2.80", SeriesInstanceUID="")
    keys.SpecificCharacterSet = "ISO_IR 100"
    keys.RequestAttributesSequence = [inner]
    (match,), (status,), _ = find(archive.port, keys)
    assert status == 0xFF00
    found = [[element.value for element in item] for item in match.RequestAttributesSequence]
    assert found == [["Étape", "S1"], ["Autre", "S2"]]
    # The keys of an item match within one item.
    for step, description, count in (("S1", "Étape", 1), ("S1", "Autre", 0), ("S2", "A*", 1)):
        inner.ScheduledProcedureStepID, inner.ScheduledProcedureStepDescription = step, description
        assert len(find(archive.port, keys)[0]) == count


def test_unsupported_keys_are_told(archive: Archive) -> None:
    keys = identifier(StudyInstanceUID="1.2.77.1", SOPClassUID="1.2.3", PatientID="")
    (match,), (status,), _ = find(archive.port, keys)
    assert (status, match.PatientID, "SOPClassUID" in match) == (0xFF01, "P1", False)


@pytest.mark.parametrize(
    ("keys", "status"),
    [
        (identifier(None, PatientID=""), 0xA900),
        (identifier("PATIENT", PatientID=""), 0xA900),
        (identifier("VOLUME", PatientID=""), 0xA900),
        (identifier("STUDY", StudyDate="2024-13"), 0xC001),
        (identifier("STUDY", StudyTime="noon"), 0xC001),
    ],
)
def test_bad_identifiers(archive: Archive, keys: Dataset, status: int) -> None:
    matches, _, final = find(archive.port, keys)
    assert (matches, final.Status) == ([], status)
    assert "noon" not in str(final.get("ErrorComment"))


def test_no_more_than_the_configured_number_of_matches(archive: Archive) -> None:
    keys = identifier("IMAGE", StudyInstanceUID="1.2.78", SOPInstanceUID="")
    matches, _, final = find(archive.port, keys)
    assert len(matches) == 30
    assert final.Status == 0xA700
    assert "30" in final.ErrorComment


def test_hospitals_see_their_own(archive: Archive) -> None:
    keys = identifier(PatientName="*", StudyInstanceUID="", PatientID="")
    matches, _, _ = find(archive.port, keys, ae_title="SUD_PACS")
    assert uids(matches) == {"1.2.77.1", "1.2.77.20"}
    assert find(archive.port, identifier(StudyInstanceUID="1.2.77.20"))[0] == []
    (study,), _, _ = find(archive.port, identifier(StudyInstanceUID="1.2.77.1", PatientName=""), ae_title="SUD_PACS")
    assert study.PatientName == "Dupont^Au-Sud"


def test_cancel_is_honoured_promptly(archive: Archive, emulator: Emulator) -> None:
    assert emulator.process is not None
    keys = identifier(PatientName="Dup*", StudyInstanceUID="")
    with open_association(archive.port, "NORD_PACS", FIND) as association:
        emulator.process.send_signal(signal.SIGSTOP)
        try:
            responses = association.send_c_find(keys, FIND, msg_id=7)
            association.send_c_cancel(7, query_model=FIND)
            time.sleep(0.5)
        finally:
            emulator.process.send_signal(signal.SIGCONT)
        assert [status.Status for status, _ in responses] == [0xFE00]
        # A cancel that comes too late does not end the next query of that Message ID.
        association.send_c_cancel(7, query_model=FIND)
        responses = association.send_c_find(identifier(StudyInstanceUID="1.2.77.1"), FIND, msg_id=7)
        assert [status.Status for status, _ in responses] == [0xFF00, 0]


def test_extended_negotiation_of_combined_dates_and_fuzzy_names(archive: Archive) -> None:
    item = SOPClassExtendedNegotiation()
    item.sop_class_uid, item.service_class_application_information = FIND, b"\x01\x01\x01\x01\x01"
    ae = AE("NORD_PACS")
    association = ae.associate(
        "127.0.0.1", archive.port, contexts=[build_context(FIND)], ae_title="SANSFILM", ext_neg=[item]
    )
    assert association.acceptor.sop_class_extended[FIND] == b"\x01\x01\x01\x00\x00"
    keys = identifier(StudyDate="20240103-20240105", StudyTime="040000-050000", PatientName="dup", StudyInstanceUID="")
    responses = list(association.send_c_find(keys, FIND))
    association.release()
    assert {match.StudyInstanceUID for _, match in responses if match} == {"1.2.77.4"}


def test_only_what_an_application_entity_may_use_is_accepted(archive: Archive) -> None:
    every = [f"{root}.{service}" for root in (PATIENT_ROOT, STUDY_ROOT) for service in (1, 2, 3)]
    for title, services in (("NORD_CONSOLE", "1"), ("NORD_GET", "23"), ("NORD_PACS", "123"), ("NORD_CT1", "")):
        association = associate(archive.port, title, [build_context(uid) for uid in (*every, "1.2.840.10008.1.1")])
        accepted = {cx.abstract_syntax for cx in association.accepted_contexts} - {"1.2.840.10008.1.1"}
        association.release()
        assert accepted == {uid for uid in every if uid[-1] in services}, title


def test_findscu(archive: Archive, tmp_path: Any) -> None:
    command = ["findscu", "-S", "-aet", "NORD_PACS", "-aec", "SANSFILM", "127.0.0.1", str(archive.port),
               "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientName=DUPONT*", "-k", "StudyDate=20240101-20240103",
               "-k", "StudyInstanceUID", "-X", "-od", str(tmp_path)]  # fmt: skip
    subprocess.run(command, check=True, timeout=60)
    found = [dcmread(path, force=True) for path in tmp_path.iterdir()]
    assert uids(found) == {"1.2.77.1", "1.2.77.2", "1.2.77.3"}


def test_nothing_about_patients_is_logged(archive: Archive) -> None:
    find(archive.port, identifier(PatientName="Dupont^Jean", StudyInstanceUID=""))
    find(archive.port, identifier(StudyDate="Dupont"))
    assert "dupont" not in archive.ingest.log().lower()
