"""The Chalice application: registers the blueprints, nothing else."""

from __future__ import annotations

from chalice.app import Chalice

from chalicelib.web import (
    access_grants,
    accounts,
    audit,
    audit_state,
    auditing,
    authorizer,
    break_glass,
    capabilities,
    care_relations,
    contacts,
    dashboard,
    disputes,
    exam_costs,
    identity_providers,
    invoices,
    ledger,
    live_sessions,
    machines,
    marks,
    metering,
    middleware,
    oauth2,
    oidc,
    openapi,
    operations,
    own_sessions,
    patient_codes,
    patient_session,
    priors,
    proxies,
    qido_rs,
    registry,
    second_factors,
    sessions,
    share_ending,
    share_opening,
    sharing,
    statement,
    wado_rs,
    wado_rs_metadata,
    wado_rs_rendered,
    wado_uri,
)

app = Chalice(app_name="sansfilm")
app.api.binary_types = ["*/*"]  # bodies are always bytes; API Gateway would garble them otherwise
app.register_middleware(middleware.accept_anything, "http")
app.register_middleware(middleware.keep_nothing, "http")
app.register_middleware(middleware.log_access, "http")
app.register_middleware(middleware.refuse_other_sites, "http")
app.register_middleware(metering.count_reads, "http")
app.register_middleware(live_sessions.admit_and_prolong, "http")
app.register_middleware(auditing.record_access, "http")

for area in (
    authorizer,
    sessions,
    own_sessions,
    oauth2,
    oidc,
    patient_session,
    patient_codes,
    proxies,
    second_factors,
    access_grants,
    sharing,
    share_opening,
    share_ending,
    marks,
    care_relations,
    priors,
    break_glass,
    statement,
    registry,
    accounts,
    machines,
    contacts,
    identity_providers,
    disputes,
    invoices,
    ledger,
    dashboard,
    exam_costs,
    audit,
    audit_state,
    operations,
    openapi,
    qido_rs,
    wado_rs,
    wado_rs_metadata,
    wado_rs_rendered,
    wado_uri,
    capabilities,
):
    app.register_blueprint(area.routes)
