"""The Lambda that makes the dashboards' roll-ups, and the topic that it tells of months near their budget."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.cdk import grants
from infra.cdk.config import Config
from infra.cdk.functions import EventFunction
from infra.cdk.storage import Storage
from infra.cdk.tagging import tag_component
from infra.lambda_build import PACKAGES

PACKAGE = {package.name: package for package in PACKAGES}


class CostFunctions(Construct):
    """Roll-ups every hour; in a local cloud every minute, because somebody waits for them."""

    def __init__(
        self, scope: Construct, name: str, *, config: Config, storage: Storage, environment: Mapping[str, str]
    ) -> None:
        super().__init__(scope, name)
        tag_component(self, "costs")
        self.budgets = sns.Topic(
            self, "Budgets", display_name="Sans Film budgets", master_key=storage.data_key, enforce_ssl=True
        )
        self.roll_up = EventFunction(
            self,
            "RollUp",
            package=PACKAGE["roll_up"],
            config=config,
            environment={
                **environment,
                "SANSFILM_REGISTRY_TABLE": storage.registry.table_name,
                "SANSFILM_LEDGER_TABLE": storage.ledger.table_name,
                "SANSFILM_BUDGET_TOPIC_ARN": self.budgets.topic_arn,
            },
            timeout=Duration.minutes(10),
            memory_mb=1024,
            description="Makes the roll-ups of dashboards and sends budget alerts",
        )
        storage.index.grant_read_data(self.roll_up.role)
        grants.make_rollups(self.roll_up.role, storage)
        self.budgets.grant_publish(self.roll_up.role)
        often = Duration.hours(1) if config.is_production else Duration.minutes(1)
        target = targets.LambdaFunction(self.roll_up.function)
        events.Rule(self, "Often", schedule=events.Schedule.rate(often), targets=[target])
