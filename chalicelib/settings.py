"""Settings: the only reader of the environment (AWS SDK variables apart, which boto3 reads itself)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

PREFIX = "SANSFILM_"


@dataclass(frozen=True)
class Settings:
    """Everything that may differ between a laptop, a test and AWS.

    Each field is read from `SANSFILM_<FIELD NAME IN CAPITALS>`; a function that does not need a resource simply
    does not get its name.
    """

    archive_bucket: str = ""
    index_table: str = ""
    registry_table: str = ""
    ledger_table: str = ""
    meters_table: str = ""
    """Metered facts; their blocks are in the audit bucket."""
    audit_table: str = ""
    audit_bucket: str = ""
    """Blocks and anchors of the audit trail, under Object Lock."""
    audit_retention_years: int = 20
    """How long events of the audit trail are kept at least."""
    index_queue_url: str = ""
    index_dead_letter_queue_url: str = ""
    study_ready_queue_url: str = ""
    study_ready_dead_letter_queue_url: str = ""
    pack_queue_url: str = ""
    pack_dead_letter_queue_url: str = ""
    rendered_function: str = ""
    invoices_function: str = ""
    cost_export_bucket: str = ""
    """Where AWS Data Exports delivers CUR 2.0 or FOCUS."""
    cost_euro_rate: str = ""
    """Euros for a unit of the bill's currency, "" where that is the euro."""
    budget_topic_arn: str = ""
    """Topic that is told of months near or beyond their budget, "" for none."""
    session_key_id: str = ""
    """KMS key (ECC_NIST_P256) that signs sessions."""
    code_key_id: str = ""
    """KMS key (HMAC_256) of patient codes."""
    patient_messages_function: str = ""
    patient_sheet_function: str = ""
    patient_code_days: int = 365
    """How long a patient's code is good for."""
    patient_session_s: int = 1800
    access_grant_days: int = 30
    """How long a professional who presented a patient's code has access."""
    care_relation_days: int = 90
    """How long a declared care relation lasts."""
    object_signing_secret: str = ""
    """Secrets Manager secret: {"key_pair_id": ..., "private_key": PEM} that signs URLs under /objects/."""
    edge_secret: str = ""
    """Secrets Manager secret: {"value"} by which the edge is known; without it nobody may say a caller's address."""
    public_url: str = "http://127.0.0.1:8080"
    """Origin that callers use, without a trailing slash."""
    sms_sender: str = "SansFilm"
    sms_within_days: int = 7
    """Nobody is told of an exam that arrived longer ago: a rebuild of the index is no arrival."""
    sms_quiet_hours: str = "20-8"
    """Hours in Paris during which no SMS is sent, "" for none (docs/adr/0005)."""
    study_quiet_s: int = 300
    """Seconds without a new instance after which a study is ready."""
    session_lifetime_s: int = 1800
    """Of a token; a browser's session that is used goes on (docs/adr/0026)."""
    machine_token_s: int = 900
    session_renewable_s: int = 12 * 3600
    """After which everybody signs in again."""
    share_days: int = 7
    """How long a share lasts unless its maker says otherwise."""
    share_maximum_days: int = 90
    log_level: str = "INFO"
    dicom_host: str = "127.0.0.1"
    """Address that the ingest service listens on (DIMSE and its HTTP port)."""
    dicom_port: int = 11112
    """Port for associations without TLS, 0 for none."""
    dicom_tls_port: int = 2762
    """Port for associations over TLS (PS3.15 B.12), where there is a certificate; 0 for none."""
    dicom_tls_secret: str = ""
    """Secrets Manager secret: {"certificate", "private_key", "client_ca", optionally "crl"}, each PEM."""
    dicom_tls_certificate_file: str = ""
    """Without a secret: the server's certificate with its chain, PEM; the three below likewise."""
    dicom_tls_private_key_file: str = ""
    dicom_tls_client_ca_file: str = ""
    """Authorities that issue the certificates of hospitals."""
    dicom_tls_crl_file: str = ""
    """Revocation lists, one of each of these authorities; "" for none. Those that expired refuse every certificate."""
    tls_handshake_timeout_s: int = 10
    ingest_http_port: int = 8081
    """STOW-RS, health and counts of the ingest service."""
    ae_title: str = "SANSFILM"
    """Called AE title that callers must use."""
    maximum_associations: int = 100
    maximum_hospital_associations: int = 64
    """Of one hospital at once, unless the registry says otherwise."""
    maximum_address_associations: int = 64
    """From one address at once."""
    address_associations_per_minute: int = 3000
    """New ones from one address; as many may come at once after a minute of silence."""
    receive_limit_bytes: int = 2 << 30
    """Data sets under way in one ingest process, together; what goes beyond is refused (0xA700)."""
    spool_dir: str = ""
    """Folder for the parts of STOW-RS requests until they are whole, "" for the system's."""
    spool_limit_bytes: int = 16 << 30
    """Parts of STOW-RS requests under way in one ingest process, together; what goes beyond is refused."""
    c_store_path: str = "own"
    """`own`: C-STORE has its own way from the socket to S3; `pynetdicom`: the plain one (docs/adr/0010)."""
    ingest_processes: int = 0
    """Processes that share the ingest port; 0: one a CPU."""
    maximum_matches: int = 5000
    """Matches of one C-FIND; a query with more ends with status A700 after as many."""
    slow_peer_grace_s: int = 30
    """A peer that takes less than 32 KiB/s of a C-GET or C-MOVE after this time is dropped."""
    move_associations: int = 2
    """Associations with the destination of one C-MOVE."""
    commitment_wait_s: int = 60
    """How long a Storage Commitment request waits for instances that are not indexed yet."""
    commitment_lease_s: int = 180
    """After so long a request that a process took up and left may be taken up by another."""
    commitment_retry_s: int = 60
    """Time until a report that could not be delivered is tried again; it doubles up to an hour."""
    shutdown_grace_s: int = 25
    """Time for running associations to finish after SIGTERM; Fargate allows 30 s by default."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read settings.

        Raises
        ------
        ValueError
            If a number is not one.

        >>> Settings.from_env({"SANSFILM_STUDY_QUIET_S": "5"}).study_quiet_s
        5
        """
        values: dict[str, str | int] = {}
        for field in fields(cls):
            text = environ.get(PREFIX + field.name.upper())
            if text is not None:
                values[field.name] = int(text) if isinstance(field.default, int) else text
        return cls(**values)  # type: ignore[arg-type]
