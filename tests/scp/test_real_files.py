"""Every real instance is stored byte for byte in the transfer syntax in which it was sent."""

from __future__ import annotations

from pynetdicom import build_context

from tests.real_files import real_files
from tests.scp.conftest import Ingest
from tests.scp.scu import associate, c_store


def test_real_files_are_stored_as_sent(ingest: Ingest) -> None:
    files = [file.under_new_uids(index) for index, file in enumerate(real_files())]
    assert len(files) > 200
    pairs = sorted({(file.sop_class_uid, file.transfer_syntax_uid) for file in files})
    association = associate(ingest.port, "NORD_CT1", [build_context(*pair) for pair in pairs])
    context_ids = {(cx.abstract_syntax, cx.transfer_syntax[0]): cx.context_id for cx in association.accepted_contexts}
    for number, file in enumerate(files, start=1):
        context_id = context_ids[file.sop_class_uid, file.transfer_syntax_uid]
        response = c_store(association, file.data_set, file.sop_class_uid, file.sop_instance_uid, number, context_id)
        assert response.Status == 0, (file.path.name, hex(response.Status), response.ErrorComment)
    association.release()
    stored = ingest.objects("archive/")
    assert len(stored) == len({(file.sop_instance_uid, file.data_set) for file in files})
    for file in files:
        prefix = f"/{file.study_instance_uid}/{file.series_instance_uid}/{file.sop_instance_uid}/"
        assert any(body.endswith(file.data_set) for key, body in stored.items() if prefix in key), file.path.name
