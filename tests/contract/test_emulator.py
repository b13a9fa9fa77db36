"""The fixtures themselves: resources exist and wiring leads to them."""

from __future__ import annotations

from chalicelib import wiring
from tests.emulator import Cloud


def test_wiring_leads_to_fresh_resources(cloud: Cloud) -> None:
    assert wiring.settings().archive_bucket == cloud.settings["archive_bucket"]
    buckets = cloud.client("s3").list_buckets()["Buckets"]
    assert cloud.settings["archive_bucket"] in [bucket["Name"] for bucket in buckets]
    pages = cloud.client("dynamodb").get_paginator("list_tables").paginate()
    tables = {name for page in pages for name in page["TableNames"]}
    assert tables >= {cloud.settings[f"{name}_table"] for name in ("index", "registry", "ledger", "audit")}
