"""What Lambdas that are not HTTP do with events that the API would never send: a row for each, or it fails.

Who may invoke which is in tests/infra/test_isolation.py. Here: whoever may gets nothing of another hospital by it.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.functions import index_instance, pack_series, patient_messages, patient_sheet, rendered, study_ready
from infra.lambda_build import PACKAGES
from tests.dicom_files import data_set, part10
from tests.emulator import Cloud
from tests.http.dicomweb import archive

ASKED_FOR_A_HOSPITAL = {
    "rendered": "keys of instances of one hospital",
    "index": "keys of instances, whose hospital is part of the key",
    "study_ready": "hospital and study",
    "pack_series": "hospital, study and series",
    "patient_messages": "a challenge, or a patient of a hospital",
    "patient_sheet": "what is to be printed",
    "invoices": "hospital and month",  # tests/contract/test_invoiced_month.py
}
ASKED_FOR_NOTHING = {"audit", "seal_facts", "export_facts", "roll_up", "reconcile_costs"}
"""They go through all hospitals, each by itself."""
STUDY, SERIES, INSTANCE = "1.2.1", "1.2.1.1", "1.2.1.1.1"


def test_every_function_has_a_row() -> None:
    assert {package.name for package in PACKAGES} == set(ASKED_FOR_A_HOSPITAL) | ASKED_FOR_NOTHING


def request_for(*keys: str, state: str = "") -> dict[str, Any]:
    """What the API asks of the renderer, for whole objects."""
    pictures = [
        {"object_key": key, "frame_ranges": [], "first_frame_offset": 0, "frames": [0], "pixel_data_tag": "7FE00010",
         "transfer_syntax_uid": "1.2.840.10008.1.2.1"} for key in keys
    ]  # fmt: skip
    return {"operation": "render", "pictures": pictures, "media_type": "image/png", "quality": 90,
            "presentation_state_key": state}  # fmt: skip


def test_pictures_are_made_of_instances_of_one_hospital(cloud: Cloud) -> None:
    own = archive(part10(data_set(STUDY, SERIES, INSTANCE)), "nord")
    other = archive(part10(data_set("1.2.9", "1.2.9.1", "1.2.9.1.1")), "sud")
    objects = wiring.object_store()
    objects.put("metadata/sud/x", b"\x1f\x8b", "application/json")
    assert rendered.handler(request_for(own), None)["media_type"] == "image/png"
    refused = [
        request_for(own, other),
        request_for(own, state=other),
        request_for("metadata/sud/x"),
        request_for(f"archive/nord/../sud/{other.partition('sud/')[2]}"),
        request_for("/" + own),
        request_for(),
        {"operation": "render_document", "object_key": "metadata/sud/x", "document_range": [0, 2],
         "media_type": "image/png", "quality": 90},
        {"operation": "transcode", "object_key": "metadata/sud/x", "target_syntax_uid": "1.2.840.10008.1.2.1"},
    ]  # fmt: skip
    for event in refused:
        answer = rendered.handler(event, None)
        assert answer.get("error") == "BadRequest", event
        assert set(answer) == {"error", "message"}
    with pytest.raises(KeyError):
        rendered.handler({**request_for(own), "operation": "read"}, None)


def batch(*bodies: Any) -> dict[str, Any]:
    return {"Records": [{"messageId": f"m{n}", "body": json.dumps(body), "eventSource": "aws:sqs"}
                        for n, body in enumerate(bodies)]}  # fmt: skip


def failed(answer: dict[str, Any]) -> list[str]:
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


@pytest.mark.filterwarnings("ignore:No application metrics")
def test_work_that_names_another_hospital_finds_nothing_there(cloud: Cloud) -> None:
    """Hospital and UIDs are one key: a study of one hospital is none of another's."""
    archive(part10(data_set(STUDY, SERIES, INSTANCE)), "nord")
    foreign = {"hospital": "sud", "study_instance_uid": STUDY, "series_instance_uid": SERIES}
    assert failed(pack_series.handler(batch(foreign), None)) == []  # type: ignore[arg-type]
    assert failed(study_ready.handler(batch({**foreign, "last_received_at_ms": 1 << 50}), None)) == []  # type: ignore[arg-type]
    assert list(wiring.object_store().list("packs/")) == []
    assert list(wiring.ledger().lines("sud", 0, 10)) == []
    assert wiring.index_reader().study("sud", STUDY) is None


def test_what_is_no_instance_of_the_hospital_is_not_indexed(cloud: Cloud) -> None:
    """An object under a key that another instance, hospital or folder would have."""
    key = archive(part10(data_set(STUDY, SERIES, INSTANCE)), "nord")
    body = wiring.object_store().read(key)
    wrong = (
        key.replace(f"/{STUDY}/", "/1.2.8/"),
        "archive/nord/../sud/1.2.1/1.2.1.1/1.2.1.1.1/x.dcm",
        f"staging/{key}",
        "archive/nord/x.dcm",
    )
    for number, where in enumerate(wrong):
        wiring.object_store().put(where, body, "application/dicom")
        created = {"eventName": "ObjectCreated:Put", "s3": {"object": {"key": where}}}
        assert failed(index_instance.handler(batch({"Records": [created]}), None)) == ["m0"], number
    assert [study.study_instance_uid for study in wiring.index_reader().studies("nord", [STUDY, "1.2.8"])] == [STUDY]
    assert wiring.index_reader().study("sud", STUDY) is None


def test_messages_go_to_the_registered_number_or_nowhere(cloud: Cloud) -> None:
    """No event says which number: it is looked up, and a challenge that nobody began is answered by nothing."""
    assert patient_messages.handler({"challenge": "never-begun"}, None) == {"outcome": "nothing"}
    about = {"hospital": "sud", "patient_id": "P1", "issuer": "", "professional": "x", "until": "2026-12-01"}
    assert patient_messages.handler({**about, "phone_number": "+33639980001"}, None) == {"outcome": "no-contact"}


def test_a_sheet_is_drawn_of_what_it_prints_and_of_nothing_else() -> None:
    fields = {"code": "7K4MP-2XR91", "patient_name": "<b>A&B</b>", "hospital_name": "Nord", "portal_url": "https://a.fr",
              "handed_over_on": "01/01/2026", "valid_until": "01/01/2027"}  # fmt: skip
    drawn = patient_sheet.handler(fields, None)
    assert base64.b64decode(drawn["pdf"]).startswith(b"%PDF-1.")
    with pytest.raises(TypeError):
        patient_sheet.handler({**fields, "object_key": "archive/x"}, None)
