"""What meters: Lambdas that seal facts into blocks and export these, and what others need to record and read them."""

from __future__ import annotations

from collections.abc import Iterator

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.cdk import grants
from infra.cdk.config import Config
from infra.cdk.functions import EventFunction
from infra.cdk.messaging import alarm
from infra.cdk.storage import Storage
from infra.lambda_build import PACKAGES

PACKAGE = {package.name: package for package in PACKAGES}


class Meters(Construct):
    """Lambdas of metered facts (docs/adr/0030)."""

    def __init__(self, scope: Construct, name: str, *, config: Config, storage: Storage) -> None:
        super().__init__(scope, name)
        self.config = config
        self.storage = storage
        self.seal = self._seal()
        self.export = self._export()

    def settings(self) -> dict[str, str]:
        """What whoever records or reads facts needs."""
        return {"SANSFILM_METERS_TABLE": self.storage.meters.table_name}

    def _environment(self) -> dict[str, str]:
        return self.settings() | {
            "SANSFILM_REGISTRY_TABLE": self.storage.registry.table_name,
            "SANSFILM_AUDIT_BUCKET": self.storage.audit_bucket.bucket_name,
            "SANSFILM_LOG_LEVEL": self.config.log_level,
        }

    def _seal(self) -> EventFunction:
        made = EventFunction(
            self,
            "Seal",
            package=PACKAGE["seal_facts"],
            config=self.config,
            environment=self._environment(),
            timeout=Duration.minutes(10),
            memory_mb=1024,
            description="Seals metered facts into blocks",
        )
        grants.seal_facts(made.role, self.storage)
        often = events.Schedule.rate(Duration.minutes(5))
        events.Rule(self, "Often", schedule=often, targets=[targets.LambdaFunction(made.function)])
        return made

    def _export(self) -> EventFunction:
        made = EventFunction(
            self,
            "Export",
            package=PACKAGE["export_facts"],
            config=self.config,
            environment=self._environment() | {"SANSFILM_LEDGER_TABLE": self.storage.ledger.table_name},
            timeout=Duration.minutes(15),
            memory_mb=2048,
            description="Records what is stored each day and exports metered facts as Parquet",
        )
        grants.export_facts(made.role, self.storage)
        nightly = events.Schedule.cron(hour="2", minute="30")
        events.Rule(self, "Nightly", schedule=nightly, targets=[targets.LambdaFunction(made.function)])
        return made

    def _functions(self) -> Iterator[tuple[str, EventFunction, int]]:
        """Name, function and the failures in five minutes that are worth an alarm."""
        yield "SealErrors", self.seal, 1
        yield "ExportErrors", self.export, 1

    def watch(self, topic: sns.ITopic) -> None:
        """Tell the topic when facts are not sealed."""
        for name, made, threshold in self._functions():
            metric = made.function.metric_errors(statistic="Sum")
            text = "Metered facts were not sealed or exported"
            alarm(self, name, topic, metric=metric, threshold=threshold, description=text)
