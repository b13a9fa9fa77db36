"""The REST API: packaged by Chalice, so that app.py is the only source of the routes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from chalice.cdk import Chalice
from constructs import Construct

from infra.cdk import gateway_responses
from infra.cdk.config import Config
from infra.cdk.functions import function_log_group, service_role
from infra.cdk.messaging import alarm
from infra.cdk.tagging import tag_component
from infra.lambda_build import ROOT

STAGE = "api"
ACCESS_LOG_FORMAT = (
    '{"requestId":"$context.requestId","time":"$context.requestTimeEpoch","method":"$context.httpMethod",'
    '"route":"$context.resourcePath","status":"$context.status","latencyMs":"$context.responseLatency",'
    '"bytes":"$context.responseLength","ip":"$context.identity.sourceIp"}'
)
"""Routes, never paths or queries: those name patients and studies."""


class DicomWebApi(Construct):
    """API Gateway REST API, its handler and its authorizer, each with a role and a log group of its own."""

    def __init__(
        self, scope: Construct, name: str, *, config: Config, environment: Mapping[str, str], source: Path = ROOT
    ) -> None:
        super().__init__(scope, name)
        tag_component(self, "api")
        self.handler_log = function_log_group(self, "HandlerLog", config)
        self.handler_role = service_role(self, "HandlerRole", self.handler_log)
        self.authorizer_log = function_log_group(self, "AuthorizerLog", config)
        self.authorizer_role = service_role(self, "AuthorizerRole", self.authorizer_log)
        self.access_log = function_log_group(self, "AccessLog", config)
        self.chalice = Chalice(
            self,
            "App",
            source_dir=str(source),
            stage_config={
                "api_gateway_stage": STAGE,
                "manage_iam_role": False,
                "iam_role_arn": self.handler_role.role_arn,
                "environment_variables": dict(environment),
                "xray": True,
            },
        )
        self._configure_functions()
        self._configure_rest_api(config)

    def _configure_functions(self) -> None:
        parts: tuple[tuple[str, logs.LogGroup, iam.Role, str], ...] = (
            ("APIHandler", self.handler_log, self.handler_role, "DICOMweb and the portal's API"),
            ("Sessions", self.authorizer_log, self.authorizer_role, "Admits sessions"),
        )
        for logical_id, log_group, role, description in parts:
            function = self.chalice.get_resource(logical_id)
            function.add_property_override("LoggingConfig", {"LogGroup": log_group.log_group_name})
            function.add_property_override("Role", role.role_arn)
            function.add_property_override("Description", description)

    def _configure_rest_api(self, config: Config) -> None:
        api = self.chalice.get_resource("RestAPI")
        api.add_property_override("BinaryMediaTypes", ["*/*"])
        api.add_property_override("GatewayResponses", gateway_responses.for_stack())
        api.add_property_override("TracingEnabled", True)
        api.add_property_override(
            "AccessLogSetting", {"DestinationArn": self.access_log.log_group_arn, "Format": ACCESS_LOG_FORMAT}
        )
        api.add_property_override(
            "MethodSettings",
            [
                {
                    "ResourcePath": "/*",
                    "HttpMethod": "*",
                    "MetricsEnabled": True,
                    "ThrottlingBurstLimit": config.api_burst,
                    "ThrottlingRateLimit": config.api_rate_per_s,
                }
            ],
        )

    def watch(self, topic: sns.ITopic) -> None:
        """Tell the topic when the API fails to answer."""
        metric = cloudwatch.Metric(
            namespace="AWS/ApiGateway",
            metric_name="5XXError",
            dimensions_map={"ApiName": "sansfilm"},
            statistic="Sum",
        )
        alarm(self, "Errors", topic, metric=metric, threshold=10, description="The API failed to answer")

    @property
    def rest_api_id(self) -> str:
        """Id of the REST API."""
        return str(self.chalice.get_resource("RestAPI").ref)
