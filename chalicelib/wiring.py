"""Builds adapters from settings, once per process. Lambdas, the ingest container, operator commands and tests use it.

Imports are local so that each entry point loads only what it uses: a cold start pays for every import.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from chalicelib.settings import Settings

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

    from chalicelib.archive.index_instance import Index
    from chalicelib.aws.cloudfront_url_signer import CloudFrontUrlSigner
    from chalicelib.aws.dynamodb_access_grants import DynamoDBAccessGrants
    from chalicelib.aws.dynamodb_audit_blocks import DynamoDBAuditBlocks
    from chalicelib.aws.dynamodb_audit_reader import DynamoDBAuditReader
    from chalicelib.aws.dynamodb_audit_trail import DynamoDBAuditTrail
    from chalicelib.aws.dynamodb_audit_verifications import DynamoDBAuditVerifications
    from chalicelib.aws.dynamodb_index_reader import DynamoDBIndexReader
    from chalicelib.aws.dynamodb_index_writer import DynamoDBIndexWriter
    from chalicelib.aws.dynamodb_invoices import DynamoDBBillingAccounts, DynamoDBInvoices
    from chalicelib.aws.dynamodb_ledger import DynamoDBLedger
    from chalicelib.aws.dynamodb_marks import DynamoDBMarks
    from chalicelib.aws.dynamodb_notifications import DynamoDBNotifications
    from chalicelib.aws.dynamodb_patient_codes import DynamoDBChallenges, DynamoDBPatientCodes
    from chalicelib.aws.dynamodb_pending_commitments import DynamoDBPendingCommitments
    from chalicelib.aws.dynamodb_reads import DynamoDBReads
    from chalicelib.aws.dynamodb_registry import DynamoDBRegistry
    from chalicelib.aws.dynamodb_shares import DynamoDBShares
    from chalicelib.aws.ingest_object_store import IngestObjectStore
    from chalicelib.aws.kms_code_key import KmsCodeKey
    from chalicelib.aws.kms_session_signer import KmsSessionSigner
    from chalicelib.aws.lambda_invoicer import LambdaInvoicer
    from chalicelib.aws.lambda_patient_functions import LambdaPatientMessenger, LambdaPatientSheet
    from chalicelib.aws.lambda_renderer import LambdaRenderer
    from chalicelib.aws.s3_object_store import S3ObjectStore
    from chalicelib.aws.sns_sms import SnsSms
    from chalicelib.aws.sqs_pack_queue import SqsPackQueue
    from chalicelib.aws.sqs_queue_depths import SqsQueueDepths
    from chalicelib.aws.sqs_study_ready_queue import SqsStudyReadyQueue


@cache
def settings() -> Settings:
    """Settings of this process."""
    return Settings.from_env()


@cache
def object_store() -> S3ObjectStore:
    """The archive bucket."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.s3_object_store import S3ObjectStore

    return S3ObjectStore(client("s3"), settings().archive_bucket)


@cache
def ingest_object_store() -> IngestObjectStore:
    """The archive bucket for the ingest service: senders wait for the outcome and send again themselves."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.ingest_object_store import IngestObjectStore

    return IngestObjectStore(client("s3", attempts=2), settings().archive_bucket)


@cache
def index_writer() -> DynamoDBIndexWriter:
    """The index, for its one writer."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_index_writer import DynamoDBIndexWriter

    return DynamoDBIndexWriter(client("dynamodb"), settings().index_table, object_store())


@cache
def dynamodb_reads() -> DynamoDBReads:
    """Reads that a viewer waits for, over connections of their own; one pool for all tables."""
    from chalicelib.aws.clients import client, credentials
    from chalicelib.aws.dynamodb_reads import DynamoDBReads

    return DynamoDBReads(client("dynamodb"), credentials())


@cache
def index_reader() -> DynamoDBIndexReader:
    """The index, for readers."""
    from chalicelib.aws.dynamodb_index_reader import DynamoDBIndexReader

    return DynamoDBIndexReader(dynamodb_reads(), settings().index_table, object_store(), marks())


@cache
def marks() -> DynamoDBMarks:
    """What is kept back of studies."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_marks import DynamoDBMarks

    return DynamoDBMarks(client("dynamodb"), dynamodb_reads(), settings().registry_table)


@cache
def index() -> Index:
    """Ports of the index use case."""
    from chalicelib.archive.index_instance import Index

    return Index(object_store(), index_writer(), index_reader(), study_ready_queue(), settings().study_quiet_s)


@cache
def study_ready_queue() -> SqsStudyReadyQueue:
    """The delay queue that leads to a study being ready."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.sqs_study_ready_queue import SqsStudyReadyQueue

    return SqsStudyReadyQueue(client("sqs"), settings().study_ready_queue_url)


@cache
def pack_queue() -> SqsPackQueue:
    """The queue of series to pack."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.sqs_pack_queue import SqsPackQueue

    return SqsPackQueue(client("sqs"), settings().pack_queue_url)


@cache
def registry() -> DynamoDBRegistry:
    """Hospitals, application entities, users, contacts, sessions."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_registry import DynamoDBRegistry

    return DynamoDBRegistry(client("dynamodb"), settings().registry_table)


@cache
def shares() -> DynamoDBShares:
    """What was shared, by whom, with whom."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_shares import DynamoDBShares

    return DynamoDBShares(client("dynamodb"), settings().registry_table)


@cache
def pending_commitments() -> DynamoDBPendingCommitments:
    """Storage Commitment requests that have not been answered."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_pending_commitments import DynamoDBPendingCommitments

    return DynamoDBPendingCommitments(client("dynamodb"), settings().registry_table)


@cache
def session_signer() -> KmsSessionSigner:
    """The key that signs sessions."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.kms_session_signer import KmsSessionSigner

    return KmsSessionSigner(client("kms"), settings().session_key_id)


@cache
def code_key() -> KmsCodeKey:
    """The key of patient codes."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.kms_code_key import KmsCodeKey

    return KmsCodeKey(client("kms"), settings().code_key_id)


@cache
def patient_codes() -> DynamoDBPatientCodes:
    """Codes that were handed over to patients."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_patient_codes import DynamoDBPatientCodes

    return DynamoDBPatientCodes(client("dynamodb"), settings().registry_table)


@cache
def challenges() -> DynamoDBChallenges:
    """Patients who wait for a one-time password."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_patient_codes import DynamoDBChallenges

    return DynamoDBChallenges(client("dynamodb"), settings().registry_table)


@cache
def access_grants() -> DynamoDBAccessGrants:
    """Access that patients gave to professionals."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_access_grants import DynamoDBAccessGrants

    return DynamoDBAccessGrants(client("dynamodb"), dynamodb_reads(), settings().registry_table)


@cache
def patient_messenger() -> LambdaPatientMessenger:
    """The Lambda that sends SMS about patients' codes."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.lambda_patient_functions import LambdaPatientMessenger

    return LambdaPatientMessenger(client("lambda"), settings().patient_messages_function)


@cache
def patient_sheet() -> LambdaPatientSheet:
    """The Lambda that draws the sheet with a patient's code."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.lambda_patient_functions import LambdaPatientSheet

    return LambdaPatientSheet(client("lambda"), settings().patient_sheet_function)


@cache
def ledger() -> DynamoDBLedger:
    """The ledger of every hospital."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_ledger import DynamoDBLedger

    return DynamoDBLedger(client("dynamodb"), settings().ledger_table)


@cache
def audit_trail() -> DynamoDBAuditTrail:
    """The audit trail of every hospital."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_audit_trail import DynamoDBAuditTrail

    return DynamoDBAuditTrail(client("dynamodb"), settings().audit_table, settings().audit_retention_years)


@cache
def audit_reader() -> DynamoDBAuditReader:
    """The audit trail, for readers."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_audit_reader import DynamoDBAuditReader

    return DynamoDBAuditReader(client("dynamodb"), settings().audit_table)


@cache
def audit_blocks() -> DynamoDBAuditBlocks:
    """Blocks of the audit trail."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_audit_blocks import DynamoDBAuditBlocks
    from chalicelib.aws.s3_object_store import S3ObjectStore

    objects = S3ObjectStore(client("s3"), settings().audit_bucket)
    return DynamoDBAuditBlocks(client("dynamodb"), settings().audit_table, objects)


@cache
def audit_verifications() -> DynamoDBAuditVerifications:
    """The last verification of each chain of the audit trail."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_audit_verifications import DynamoDBAuditVerifications

    return DynamoDBAuditVerifications(client("dynamodb"), settings().audit_table)


@cache
def invoices() -> DynamoDBInvoices:
    """Invoices issued."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_invoices import DynamoDBInvoices

    return DynamoDBInvoices(client("dynamodb"), settings().ledger_table)


@cache
def accounts() -> DynamoDBBillingAccounts:
    """Who invoices and who is invoiced."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_invoices import DynamoDBBillingAccounts

    return DynamoDBBillingAccounts(client("dynamodb"), settings().registry_table)


@cache
def invoicer() -> LambdaInvoicer:
    """The Lambda that issues invoices."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.lambda_invoicer import LambdaInvoicer

    return LambdaInvoicer(client("lambda"), settings().invoices_function)


@cache
def notifications() -> DynamoDBNotifications:
    """What patients were told."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.dynamodb_notifications import DynamoDBNotifications

    return DynamoDBNotifications(client("dynamodb"), settings().registry_table)


@cache
def sms() -> SnsSms:
    """SMS; its client never tries twice by itself."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.sns_sms import SnsSms

    return SnsSms(client("sns", attempts=1), settings().sms_sender)


@cache
def queue_depths() -> SqsQueueDepths:
    """How much waits in each queue."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.sqs_queue_depths import SqsQueueDepths

    own = settings()
    urls = {
        "index": own.index_queue_url,
        "index-dead-letter": own.index_dead_letter_queue_url,
        "study-ready": own.study_ready_queue_url,
        "study-ready-dead-letter": own.study_ready_dead_letter_queue_url,
        "pack": own.pack_queue_url,
        "pack-dead-letter": own.pack_dead_letter_queue_url,
    }
    return SqsQueueDepths(client("sqs"), urls)


@cache
def renderer() -> LambdaRenderer:
    """The Lambda that decodes and renders."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.lambda_renderer import LambdaRenderer

    return LambdaRenderer(client("lambda"), settings().rendered_function)


@cache
def object_url_signer() -> CloudFrontUrlSigner:
    """The key that signs addresses of objects."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.cloudfront_url_signer import CloudFrontUrlSigner

    return CloudFrontUrlSigner(client("secretsmanager"), settings().object_signing_secret, settings().public_url)


def secret(name: str) -> dict[str, str]:
    """Value of a secret now."""
    from chalicelib.aws.clients import client
    from chalicelib.aws.secrets_manager_secret import read_secret

    return read_secret(client("secretsmanager"), name)


@cache
def logger(service: str) -> Logger:
    """JSON log lines of a service."""
    from aws_lambda_powertools import Logger

    return Logger(service=service, level=settings().log_level)
