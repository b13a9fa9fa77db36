"""What serves patients beside the API: the Lambda that sends messages, and the one that draws the code's sheet."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.cdk import grants
from infra.cdk.config import Config
from infra.cdk.functions import EventFunction
from infra.cdk.messaging import alarm
from infra.cdk.storage import Storage
from infra.lambda_build import PACKAGES

REFUSED_ATTEMPTS = 50
"""In five minutes; a patient who mistypes is refused after ten."""
PACKAGE = {package.name: package for package in PACKAGES}


class PatientFunctions(Construct):
    """Both Lambdas; the sheet's may read and write nothing."""

    def __init__(self, scope: Construct, name: str, *, config: Config, storage: Storage) -> None:
        super().__init__(scope, name)
        self.config = config
        self.storage = storage
        self.messages = self._messages()
        self.sheet = EventFunction(
            self,
            "Sheet",
            package=PACKAGE["patient_sheet"],
            config=config,
            environment={"SANSFILM_LOG_LEVEL": config.log_level},
            timeout=Duration.seconds(25),
            memory_mb=1024,
            description="Draws the sheet that is handed over with a patient's code",
        )

    def _messages(self) -> EventFunction:
        made = EventFunction(
            self,
            "Messages",
            package=PACKAGE["patient_messages"],
            config=self.config,
            environment={
                "SANSFILM_REGISTRY_TABLE": self.storage.registry.table_name,
                "SANSFILM_METERS_TABLE": self.storage.meters.table_name,
                "SANSFILM_CODE_KEY_ID": self.storage.code_key.key_id,
                "SANSFILM_PUBLIC_URL": self.config.public_url,
                "SANSFILM_SMS_SENDER": self.config.sms_sender,
                "SANSFILM_LOG_LEVEL": self.config.log_level,
            },
            timeout=Duration.seconds(60),
            memory_mb=512,
            description="Sends one-time passwords and notices of access to patients",
        )
        grants.answer_challenges(made.role, self.storage)
        grants.record_facts(made.role, self.storage)
        grants.key_codes(made.role, self.storage)
        grants.send_sms(made.role)
        return made

    def settings(self) -> dict[str, str]:
        """What the API needs to reach them."""
        return {
            "SANSFILM_CODE_KEY_ID": self.storage.code_key.key_id,
            "SANSFILM_PATIENT_MESSAGES_FUNCTION": self.messages.function.function_name,
            "SANSFILM_PATIENT_SHEET_FUNCTION": self.sheet.function.function_name,
        }

    def serve(self, role: iam.IRole) -> None:
        """Let a role invoke both, and compute what codes are kept as."""
        self.messages.function.grant_invoke(role)
        self.sheet.function.grant_invoke(role)
        grants.key_codes(role, self.storage)

    def watch(self, access_log: logs.ILogGroup, topic: sns.ITopic) -> None:
        """Tell the topic when many attempts with codes are refused: somebody is guessing."""
        route = logs.FilterPattern.any(
            *(
                logs.FilterPattern.string_value("$.route", "=", f"/api/{path}")
                for path in ("patient-session", "patient-session/one-time-password", "access-grants")
            )
        )
        refused = logs.FilterPattern.string_value("$.status", "=", "429")
        counted = logs.MetricFilter(
            self,
            "CodeAttemptsRefused",
            log_group=access_log,
            filter_pattern=logs.FilterPattern.all(refused, route),
            metric_namespace="SansFilm",
            metric_name="CodeAttemptsRefused",
            metric_value="1",
        )
        alarm(
            self,
            "GuessingAlarm",
            topic,
            metric=counted.metric(statistic="Sum", period=Duration.minutes(5)),
            threshold=REFUSED_ATTEMPTS,
            description="Many attempts with patients' codes were refused",
        )
