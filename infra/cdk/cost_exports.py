"""AWS's cost exports: the bucket they are delivered to, and the Lambda that shares them among hospitals (D11).

The export itself is made once by an operator in the billing account (us-east-1), with this bucket and the prefix
`exports` as its destination: CUR 2.0 or FOCUS, Parquet or gzipped CSV, daily, with resource identifiers and tags.
"""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.cdk import grants
from infra.cdk.config import Config
from infra.cdk.functions import EventFunction
from infra.cdk.messaging import alarm
from infra.cdk.meters import Meters
from infra.cdk.storage import Storage
from infra.cdk.tagging import tag_component
from infra.lambda_build import PACKAGES

PACKAGE = {package.name: package for package in PACKAGES}
PREFIX = "exports/"
KEPT_DAYS = 400
"""What was imported is kept in the archive bucket."""


class CostExports(Construct):
    """Bucket and Lambda."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        config: Config,
        storage: Storage,
        meters: Meters,
        environment: Mapping[str, str],
    ) -> None:
        super().__init__(scope, name)
        tag_component(self, "costs")
        self.bucket = self._bucket(config, storage)
        self.reconcile = EventFunction(
            self,
            "Reconcile",
            package=PACKAGE["reconcile_costs"],
            config=config,
            environment={
                **environment,
                **meters.settings(),
                "SANSFILM_REGISTRY_TABLE": storage.registry.table_name,
                "SANSFILM_LEDGER_TABLE": storage.ledger.table_name,
                "SANSFILM_AUDIT_BUCKET": storage.audit_bucket.bucket_name,
                "SANSFILM_COST_EXPORT_BUCKET": self.bucket.bucket_name,
                "SANSFILM_COST_EURO_RATE": config.cost_euro_rate,
            },
            timeout=Duration.minutes(15),
            memory_mb=3008,
            description="Shares AWS's bill of the latest months among hospitals",
        )
        self._grant(storage)
        # Credits and corrections of a month go on after its end: each day the months that may still change.
        daily = events.Schedule.cron(hour="6", minute="0")
        events.Rule(self, "Daily", schedule=daily, targets=[targets.LambdaFunction(self.reconcile.function)])
        CfnOutput(self, "Bucket", value=self.bucket.bucket_name, description="SANSFILM_COST_EXPORT_BUCKET")

    def _bucket(self, config: Config, storage: Storage) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "Exports",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2 if config.is_production else None,
            server_access_logs_bucket=storage.log_bucket,
            server_access_logs_prefix="costs/",
            removal_policy=config.removal_policy,
            lifecycle_rules=[s3.LifecycleRule(id="imported", expiration=Duration.days(KEPT_DAYS))],
        )
        stack = Stack.of(self)
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="DataExports",
                principals=[
                    iam.ServicePrincipal("bcm-data-exports.amazonaws.com"),
                    iam.ServicePrincipal("billingreports.amazonaws.com"),
                ],
                actions=["s3:PutObject", "s3:GetBucketPolicy"],
                resources=[bucket.bucket_arn, bucket.arn_for_objects(f"{PREFIX}*")],
                conditions={
                    "StringEquals": {"aws:SourceAccount": stack.account},
                    "ArnLike": {
                        "aws:SourceArn": [
                            f"arn:{stack.partition}:bcm-data-exports:us-east-1:{stack.account}:export/*",
                            f"arn:{stack.partition}:cur:us-east-1:{stack.account}:definition/*",
                        ]
                    },
                },
            )
        )
        return bucket

    def _grant(self, storage: Storage) -> None:
        role = self.reconcile.role
        storage.index.grant_read_data(role)
        grants.reconcile_costs(role, storage)
        grants.objects(role, storage, read=["costs/*"], write=["costs/*"])
        statements = (
            (["s3:GetObject"], self.bucket.arn_for_objects(f"{PREFIX}*")),
            (["s3:ListBucket"], self.bucket.bucket_arn),
        )
        for actions, resource in statements:
            role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[resource]))

    def watch(self, topic: sns.ITopic) -> None:
        """Tell the topic when a bill is not shared."""
        metric = self.reconcile.function.metric_errors(statistic="Sum")
        text = "AWS's bill was not shared among hospitals"
        alarm(self, "ReconcileErrors", topic, metric=metric, threshold=1, description=text)
