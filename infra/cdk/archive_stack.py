"""The archive: all but the DICOM endpoint and the edge. Production and the local cloud deploy this same stack."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.cdk import grants
from infra.cdk.api import STAGE, DicomWebApi
from infra.cdk.config import Config
from infra.cdk.cost_exports import CostExports
from infra.cdk.cost_functions import CostFunctions
from infra.cdk.functions import EventFunction
from infra.cdk.messaging import AlarmTopic, WorkQueue, alarm, notify_of_instances
from infra.cdk.meters import Meters
from infra.cdk.patient_functions import PatientFunctions
from infra.cdk.storage import Storage
from infra.cdk.tagging import tag_component
from infra.cdk.trail_alarms import watch_trail
from infra.lambda_build import PACKAGES

PACKAGE = {package.name: package for package in PACKAGES}
INDEX_TIMEOUT = Duration.minutes(5)
"""Fragments of a slide of gigabytes are walked to its end."""
STUDY_READY_TIMEOUT = Duration.minutes(5)
PACK_TIMEOUT = Duration.minutes(15)


class ArchiveStack(Stack):
    """Buckets, tables, queues, functions, API and alarms."""

    def __init__(self, scope: Construct, name: str, *, config: Config, **kwargs: Any) -> None:
        super().__init__(scope, name, description="Sans Film: archive, index and API", **kwargs)
        self.config = config
        tag_component(self, "archive")
        self.storage = Storage(self, "Storage", config=config)
        self.alarms = AlarmTopic(self, "Alarms", key=self.storage.data_key).topic
        self.index_queue = WorkQueue(self, "IndexQueue", handler_timeout=INDEX_TIMEOUT, config=config)
        self.study_ready_queue = WorkQueue(self, "StudyReadyQueue", handler_timeout=STUDY_READY_TIMEOUT, config=config)
        self.pack_queue = WorkQueue(self, "PackQueue", handler_timeout=PACK_TIMEOUT, config=config, fifo=True)
        tag_component(self.pack_queue, "pack-series")
        tag_component(self.index_queue, "index")
        tag_component(self.study_ready_queue, "study-ready")
        notify_of_instances(self.storage.archive_bucket, self.index_queue.queue)

        self.meters = Meters(self, "Meters", config=self.config, storage=self.storage)
        self.rendered = self._rendered()
        self.index_instance = self._index_instance()
        self.study_ready = self._study_ready()
        self.pack_series = self._pack_series()
        self.invoices = self._invoices()
        self.patients = PatientFunctions(self, "Patients", config=self.config, storage=self.storage)
        self.seal_audit_trail = self._seal_audit_trail()
        own = self._common_environment()
        self.costs = CostFunctions(self, "Costs", config=config, storage=self.storage, environment=own)
        self.cost_exports = CostExports(
            self, "CostExports", config=config, storage=self.storage, meters=self.meters, environment=own
        )
        self.api = self._api()
        self._raise_alarms()
        self._export_settings()

    def _common_environment(self) -> dict[str, str]:
        return {
            "SANSFILM_ARCHIVE_BUCKET": self.storage.archive_bucket.bucket_name,
            "SANSFILM_INDEX_TABLE": self.storage.index.table_name,
            "SANSFILM_PUBLIC_URL": self.config.public_url,
            "SANSFILM_LOG_LEVEL": self.config.log_level,
        }

    def _rendered(self) -> EventFunction:
        made = EventFunction(
            self,
            "Rendered",
            package=PACKAGE["rendered"],
            config=self.config,
            environment=self._common_environment(),
            timeout=Duration.seconds(28),
            memory_mb=2048,
            description="Decodes and renders frames",
        )
        grants.objects(made.role, self.storage, read=["archive/*"], write=["assembled/*"])
        return made

    def _index_instance(self) -> EventFunction:
        made = EventFunction(
            self,
            "IndexInstance",
            package=PACKAGE["index"],
            config=self.config,
            environment=self._common_environment()
            | {
                "SANSFILM_STUDY_READY_QUEUE_URL": self.study_ready_queue.queue.queue_url,
                "SANSFILM_STUDY_QUIET_S": str(self.config.study_quiet_s),
                **self.meters.settings(),
            },
            timeout=INDEX_TIMEOUT,
            memory_mb=1024,
            description="Indexes instances that were archived",
        )
        made.consume(self.index_queue.queue, batch_size=50, window=Duration.seconds(1))
        self.storage.index.grant_read_write_data(made.role)
        self.study_ready_queue.queue.grant_send_messages(made.role)
        grants.objects(made.role, self.storage, read=["archive/*", "index/*"], write=["index/*"])
        grants.record_facts(made.role, self.storage)
        return made

    def _study_ready(self) -> EventFunction:
        made = EventFunction(
            self,
            "StudyReady",
            package=PACKAGE["study_ready"],
            config=self.config,
            environment=self._common_environment()
            | {
                "SANSFILM_REGISTRY_TABLE": self.storage.registry.table_name,
                "SANSFILM_LEDGER_TABLE": self.storage.ledger.table_name,
                **self.meters.settings(),
                "SANSFILM_STUDY_READY_QUEUE_URL": self.study_ready_queue.queue.queue_url,
                "SANSFILM_PACK_QUEUE_URL": self.pack_queue.queue.queue_url,
                "SANSFILM_STUDY_QUIET_S": str(self.config.study_quiet_s),
                "SANSFILM_SMS_QUIET_HOURS": self.config.sms_quiet_hours,
                "SANSFILM_SMS_SENDER": self.config.sms_sender,
            },
            timeout=STUDY_READY_TIMEOUT,
            memory_mb=3008,  # metadata of a series of thousands is composed in memory
            description="Finishes studies that are quiet: metadata, ledger line, SMS",
        )
        made.consume(self.study_ready_queue.queue, batch_size=1, window=Duration.seconds(0))
        self.storage.index.grant_read_write_data(made.role)
        self.storage.registry.grant_read_write_data(made.role)
        grants.append_to_ledger(made.role, self.storage)
        grants.record_facts(made.role, self.storage)
        self.study_ready_queue.queue.grant_send_messages(made.role)
        self.pack_queue.queue.grant_send_messages(made.role)
        grants.objects(
            made.role, self.storage, read=["archive/*", "index/*", "metadata/*"], write=["index/*", "metadata/*"]
        )
        grants.send_sms(made.role)
        return made

    def _pack_series(self) -> EventFunction:
        made = EventFunction(
            self,
            "PackSeries",
            package=PACKAGE["pack_series"],
            config=self.config,
            environment=self._common_environment(),
            timeout=PACK_TIMEOUT,
            memory_mb=1769,  # one whole processor: digests and checksums
            description="Packs series into one object each",
        )
        made.consume(self.pack_queue.queue, batch_size=1)
        self.storage.index.grant_read_data(made.role)
        grants.objects(
            made.role, self.storage, read=["archive/*", "packs/*", "assembled/*"], write=["packs/*", "assembled/*"]
        )
        return made

    def _invoices(self) -> EventFunction:
        made = EventFunction(
            self,
            "Invoices",
            package=PACKAGE["invoices"],
            config=self.config,
            environment=self._common_environment()
            | {
                "SANSFILM_REGISTRY_TABLE": self.storage.registry.table_name,
                "SANSFILM_LEDGER_TABLE": self.storage.ledger.table_name,
                **self.meters.settings(),
            },
            timeout=Duration.minutes(15),
            memory_mb=2048,
            description="Issues the invoices of a month",
        )
        self.storage.registry.grant_read_data(made.role)
        grants.append_to_ledger(made.role, self.storage)
        grants.close_months_of_facts(made.role, self.storage)
        grants.objects(made.role, self.storage, read=["invoices/*"], write=["invoices/*"])
        monthly = events.Schedule.cron(day="1", hour="5", minute="0")
        events.Rule(self, "Monthly", schedule=monthly, targets=[targets.LambdaFunction(made.function)])
        return made

    def _seal_audit_trail(self) -> EventFunction:
        made = EventFunction(
            self,
            "SealAuditTrail",
            package=PACKAGE["audit"],
            config=self.config,
            environment=self._common_environment()
            | self.audit_environment()
            | {"SANSFILM_REGISTRY_TABLE": self.storage.registry.table_name},
            timeout=Duration.minutes(10),
            memory_mb=1024,
            description="Seals events of the audit trail into blocks and anchors these",
        )
        grants.seal_audit_trail(made.role, self.storage)
        often = events.Schedule.rate(Duration.minutes(5))
        events.Rule(self, "SealOften", schedule=often, targets=[targets.LambdaFunction(made.function)])
        # After midnight's anchor, so that the day before is read whole.
        nightly = events.Schedule.cron(hour="1", minute="30")
        verify = targets.LambdaFunction(
            made.function, event=events.RuleTargetInput.from_object({"verify": "new"}), retry_attempts=0
        )
        events.Rule(self, "VerifyNightly", schedule=nightly, targets=[verify])
        return made

    def _api(self) -> DicomWebApi:
        made = DicomWebApi(self, "Api", config=self.config, environment=self._api_environment())
        role = made.handler_role
        self.storage.index.grant_read_data(role)
        self.storage.registry.grant_read_write_data(role)
        self.storage.ledger.grant_read_data(role)
        grants.read_sums_of_facts(role, self.storage)
        grants.record_facts(role, self.storage)
        grants.record_audit_events(role, self.storage)
        grants.read_audit_trail(role, self.storage)
        self.storage.object_signing_secret.grant_read(role)
        self.storage.edge_secret.grant_read(role)
        self.rendered.function.grant_invoke(role)
        self.invoices.function.grant_invoke(role)
        self.patients.serve(role)
        grants.objects(
            role,
            self.storage,
            read=["archive/*", "index/*", "metadata/*", "assembled/*", "packs/*", "rejected/*"],
            write=["assembled/*"],
        )
        grants.sign_sessions(role, self.storage)
        grants.read_provider_secrets(role, self)
        self.pack_queue.queue.grant_send_messages(role)
        self.study_ready_queue.queue.grant_send_messages(role)  # when a delay is lifted, the patient is told
        for work in (self.index_queue, self.study_ready_queue, self.pack_queue):
            for queue in (work.queue, work.dead_letters):
                queue.grant(role, "sqs:GetQueueAttributes")
        grants.verify_sessions(made.authorizer_role, self.storage)
        grants.look_up_shares(made.authorizer_role, self.storage)
        return made

    def audit_environment(self) -> dict[str, str]:
        """What whoever records events needs."""
        return {
            "SANSFILM_AUDIT_TABLE": self.storage.audit.table_name,
            "SANSFILM_AUDIT_BUCKET": self.storage.audit_bucket.bucket_name,
            "SANSFILM_AUDIT_RETENTION_YEARS": str(self.config.audit_retention_years),
        }

    def _api_environment(self) -> dict[str, str]:
        return (
            self._common_environment()
            | self.audit_environment()
            | {
                "SANSFILM_REGISTRY_TABLE": self.storage.registry.table_name,
                "SANSFILM_LEDGER_TABLE": self.storage.ledger.table_name,
                **self.meters.settings(),
                "SANSFILM_INDEX_QUEUE_URL": self.index_queue.queue.queue_url,
                "SANSFILM_INDEX_DEAD_LETTER_QUEUE_URL": self.index_queue.dead_letters.queue_url,
                "SANSFILM_STUDY_READY_QUEUE_URL": self.study_ready_queue.queue.queue_url,
                "SANSFILM_STUDY_READY_DEAD_LETTER_QUEUE_URL": self.study_ready_queue.dead_letters.queue_url,
                "SANSFILM_PACK_QUEUE_URL": self.pack_queue.queue.queue_url,
                "SANSFILM_PACK_DEAD_LETTER_QUEUE_URL": self.pack_queue.dead_letters.queue_url,
                "SANSFILM_RENDERED_FUNCTION": self.rendered.function.function_name,
                "SANSFILM_INVOICES_FUNCTION": self.invoices.function.function_name,
                **self.patients.settings(),
                "SANSFILM_SESSION_KEY_ID": self.storage.session_key.key_id,
                "SANSFILM_EDGE_SECRET": self.storage.edge_secret.secret_arn,
                "SANSFILM_OBJECT_SIGNING_SECRET": self.storage.object_signing_secret.secret_arn,
            }
        )

    def _raise_alarms(self) -> None:
        self.index_queue.alarm(self.alarms)
        self.pack_queue.alarm(self.alarms, late_after=Duration.hours(1))
        self.meters.watch(self.alarms)
        self.cost_exports.watch(self.alarms)
        self.patients.watch(self.api.access_log, self.alarms)
        watch_trail(self, self.api.handler_log, self.seal_audit_trail.log_group, self.alarms)
        # A message may be put off over a whole night: SMS have quiet hours.
        self.study_ready_queue.alarm(self.alarms, late_after=Duration.hours(14))
        functions: tuple[tuple[str, lambda_.IFunction], ...] = (
            ("RenderedErrors", self.rendered.function),
            ("IndexErrors", self.index_instance.function),
            ("StudyReadyErrors", self.study_ready.function),
            ("PackErrors", self.pack_series.function),
            ("InvoicesErrors", self.invoices.function),
            ("PatientMessagesErrors", self.patients.messages.function),
            ("PatientSheetErrors", self.patients.sheet.function),
            ("AuditErrors", self.seal_audit_trail.function),
            ("RollUpErrors", self.costs.roll_up.function),
        )
        for name, function in functions:
            metric, text = function.metric_errors(statistic="Sum"), "A function failed as a whole"
            alarm(self, name, self.alarms, metric=metric, threshold=5, description=text)
        self.api.watch(self.alarms)

    def _export_settings(self) -> None:
        """One output per setting, named as the setting: what operators' commands and the ingest container need."""
        settings = self._api_environment() | {
            "SANSFILM_STUDY_QUIET_S": str(self.config.study_quiet_s),
            "SANSFILM_SMS_QUIET_HOURS": self.config.sms_quiet_hours,
        }
        for name, value in settings.items():
            logical_id = "Setting" + "".join(word.capitalize() for word in name.split("_")[1:])
            CfnOutput(self, logical_id, value=value, description=name)
        CfnOutput(self, "RestApiId", value=self.api.rest_api_id, description="REST_API_ID")
        CfnOutput(self, "RestApiStage", value=STAGE, description="REST_API_STAGE")
