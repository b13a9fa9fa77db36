"""The Lambdas that are not HTTP, and what each may do."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.cdk.config import Config
from infra.cdk.tagging import tag_component
from infra.lambda_build import BUILD, Package

RUNTIME = lambda_.Runtime(f"python{sys.version_info.major}.{sys.version_info.minor}", lambda_.RuntimeFamily.PYTHON)
"""Packages hold binary wheels for the interpreter that builds them (Chalice's too), so that is what runs them."""


def service_role(scope: Construct, name: str, log_group: logs.ILogGroup) -> iam.Role:
    """A function's own role: to begin with it may write its log and its traces, nothing else."""
    role = iam.Role(scope, name, assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    log_group.grant_write(role)
    role.add_to_policy(
        iam.PolicyStatement(actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resources=["*"])
    )
    return role


def function_log_group(scope: Construct, name: str, config: Config) -> logs.LogGroup:
    """A log group with the deployment's retention."""
    return logs.LogGroup(scope, name, retention=config.log_retention, removal_policy=config.removal_policy)


class EventFunction(Construct):
    """A Lambda from build/lambda/<package> with its role and log group."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        package: Package,
        config: Config,
        environment: Mapping[str, str],
        timeout: Duration,
        memory_mb: int,
        description: str,
    ) -> None:
        super().__init__(scope, name)
        self.config = config
        tag_component(self, package.name.replace("_", "-"))
        self.log_group = function_log_group(self, "Log", config)
        self.role = service_role(self, "Role", self.log_group)
        self.function = lambda_.Function(
            self,
            "Function",
            description=description,
            runtime=RUNTIME,
            architecture=lambda_.Architecture.X86_64,
            handler=package.handler,
            code=lambda_.Code.from_asset(str(BUILD / package.name)),
            role=self.role,
            log_group=self.log_group,
            tracing=lambda_.Tracing.ACTIVE,
            timeout=timeout,
            memory_size=memory_mb,
            environment=dict(environment),
        )

    def consume(self, queue: sqs.IQueue, *, batch_size: int, window: Duration | None = None) -> None:
        """Run for batches of a queue's messages; only the messages that failed are delivered again."""
        self.function.add_event_source(
            event_sources.SqsEventSource(
                queue,
                batch_size=batch_size,
                max_batching_window=window,
                report_batch_item_failures=True,
                max_concurrency=self.config.queue_concurrency,
            )
        )
