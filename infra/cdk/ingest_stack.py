"""The DICOM endpoint: a network load balancer in front of the ingest containers; another, within the VPC, for STOW-RS.

TLS passes through the load balancer to the container (port 2762, PS3.15 B.12), which alone knows the hospitals'
certificates; another (`dicom_port`) is for hospitals that come by VPN. Only the networks of `dicom_networks` may
connect. CloudFront reaches the HTTP port by a VPC origin (docs/adr/0006): it has no address on the internet.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import Duration, Fn, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.cdk import grants
from infra.cdk.archive_stack import ArchiveStack
from infra.cdk.config import Config
from infra.cdk.functions import function_log_group
from infra.cdk.messaging import alarm
from infra.cdk.storage import log_bucket
from infra.cdk.tagging import tag_component
from infra.lambda_build import ROOT

DICOM_TLS_PORT, HTTP_PORT = 2762, 8081
SPOOL_DIR = "/spool"
BUILD_CONTEXT = ("chalicelib", "scp_fargate")
"""All that the image is built from, so that no other change makes a new one."""


class IngestStack(Stack):
    """VPC, load balancer, Fargate service."""

    def __init__(self, scope: Construct, name: str, *, config: Config, archive: ArchiveStack, **kwargs: Any) -> None:
        super().__init__(scope, name, description="Sans Film: DICOM ingest", **kwargs)
        tag_component(self, "ingest")
        self.config = config
        self.archive = archive
        self.dicom_ports = [port for port in (config.dicom_port, DICOM_TLS_PORT) if port]
        self.vpc = self._vpc()
        self.service = self._service()
        self.load_balancer = self._load_balancer()
        self.http_load_balancer = self._http_load_balancer()
        self._raise_alarms()

    @property
    def availability_zones(self) -> list[str]:
        """The region's first two, chosen when deploying: CDK would ask the account when synthesising."""
        return [Fn.select(number, Fn.get_azs()) for number in range(2)]

    def _vpc(self) -> ec2.Vpc:
        vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=2,
            nat_gateways=0,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24),
                ec2.SubnetConfiguration(name="private", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=22),
            ],
        )
        vpc.add_flow_log(
            "FlowLog",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(
                function_log_group(self, "FlowLogGroup", self.config)
            ),
        )
        # Containers reach AWS by endpoints alone: no way to the internet, and no NAT gateway to pay by the byte.
        for service in (ec2.GatewayVpcEndpointAwsService.S3, ec2.GatewayVpcEndpointAwsService.DYNAMODB):
            vpc.add_gateway_endpoint(service.name.rsplit(".", 1)[-1].capitalize(), service=service)
        for name, endpoint in (
            ("Ecr", ec2.InterfaceVpcEndpointAwsService.ECR),
            ("EcrDocker", ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER),
            ("Logs", ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS),
            ("Kms", ec2.InterfaceVpcEndpointAwsService.KMS),
            ("Lambda", ec2.InterfaceVpcEndpointAwsService.LAMBDA_),
        ):
            vpc.add_interface_endpoint(name, service=endpoint)
        if self.config.dicom_tls_secret_arn:
            vpc.add_interface_endpoint("Secrets", service=ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER)
        return vpc

    def _service(self) -> ecs.FargateService:
        cluster = ecs.Cluster(self, "Cluster", vpc=self.vpc, container_insights_v2=ecs.ContainerInsights.ENABLED)
        task = ecs.FargateTaskDefinition(self, "Task", cpu=1024, memory_limit_mib=4096, ephemeral_storage_gib=50)
        task.add_volume(name="spool")
        self.log_group = function_log_group(self, "Log", self.config)
        self._grant(task.task_role)
        container = task.add_container(
            "Ingest",
            image=ecs.ContainerImage.from_asset(
                str(ROOT),
                file="scp_fargate/Dockerfile",
                platform=ecr_assets.Platform.LINUX_AMD64,
                exclude=["*", *(f"!{folder}" for folder in BUILD_CONTEXT), "**/__pycache__"],
            ),
            logging=ecs.LogDrivers.aws_logs(stream_prefix="ingest", log_group=self.log_group),
            environment=self.archive.audit_environment()
            | self.archive.meters.settings()
            | {
                "SANSFILM_ARCHIVE_BUCKET": self.archive.storage.archive_bucket.bucket_name,
                "SANSFILM_REGISTRY_TABLE": self.archive.storage.registry.table_name,
                "SANSFILM_INDEX_TABLE": self.archive.storage.index.table_name,
                "SANSFILM_RENDERED_FUNCTION": self.archive.rendered.function.function_name,
                "SANSFILM_DICOM_HOST": "0.0.0.0",  # noqa: S104 - security groups say who connects
                "SANSFILM_DICOM_PORT": str(self.config.dicom_port),
                "SANSFILM_DICOM_TLS_PORT": str(DICOM_TLS_PORT),
                "SANSFILM_DICOM_TLS_SECRET": self.config.dicom_tls_secret_arn,
                "SANSFILM_INGEST_HTTP_PORT": str(HTTP_PORT),
                "SANSFILM_LOG_LEVEL": self.config.log_level,
                "SANSFILM_SESSION_KEY_ID": self.archive.storage.session_key.key_id,
                "SANSFILM_PUBLIC_URL": self.config.public_url,
                "SANSFILM_SPOOL_DIR": SPOOL_DIR,
                "SANSFILM_SPOOL_LIMIT_BYTES": str(30 << 30),
            },
            port_mappings=[ecs.PortMapping(container_port=port) for port in (*self.dicom_ports, HTTP_PORT)],
            readonly_root_filesystem=True,
            stop_timeout=Duration.seconds(120),
        )
        container.add_mount_points(ecs.MountPoint(container_path=SPOOL_DIR, source_volume="spool", read_only=False))
        service = ecs.FargateService(
            self,
            "Service",
            cluster=cluster,
            task_definition=task,
            desired_count=2,
            min_healthy_percent=100,
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
            enable_ecs_managed_tags=True,
        )
        scaling = service.auto_scale_task_count(min_capacity=2, max_capacity=10)
        scaling.scale_on_cpu_utilization("Cpu", target_utilization_percent=60)
        return service

    def _grant(self, role: iam.IRole) -> None:
        """Write instances and refused bytes; find, read and transcode instances for C-FIND, C-MOVE and C-GET."""
        grants.objects(role, self.archive.storage, write=["archive/*", "rejected/*"], listing=False)
        grants.objects(role, self.archive.storage, read=["archive/*", "index/*", "assembled/*"])
        self.archive.storage.index.grant_read_data(role)
        self.archive.rendered.function.grant_invoke(role)
        # Long instances arrive there, and S3 copies them to their keys.
        grants.objects(role, self.archive.storage, read=["staging/*"], write=["staging/*"], listing=False)
        grants.delete_objects(role, self.archive.storage, ["staging/*"])
        registry = self.archive.storage.registry
        role.add_to_principal_policy(
            iam.PolicyStatement(actions=["dynamodb:GetItem", "dynamodb:Query"], resources=[registry.table_arn])
        )
        grants.verify_sessions(role, self.archive.storage)
        grants.record_audit_events(role, self.archive.storage)
        grants.record_facts(role, self.archive.storage)
        if self.config.dicom_tls_secret_arn:
            arn = self.config.dicom_tls_secret_arn
            secretsmanager.Secret.from_secret_complete_arn(self, "DicomTlsSecret", arn).grant_read(role)
        grants.keep_storage_commitments(role, self.archive.storage)
        grants.count_attempts(role, self.archive.storage)

    def _http_load_balancer(self) -> elb.NetworkLoadBalancer:
        """For CloudFront alone, whose VPC origin has its interfaces in this VPC."""
        security_group = ec2.SecurityGroup(self, "HttpLoadBalancerGroup", vpc=self.vpc, allow_all_outbound=False)
        port = ec2.Port.tcp(HTTP_PORT)
        security_group.add_ingress_rule(ec2.Peer.ipv4(self.vpc.vpc_cidr_block), port, "CloudFront VPC origin")
        security_group.add_egress_rule(self.service.connections.security_groups[0], port, "Containers")
        made = elb.NetworkLoadBalancer(
            self,
            "HttpLoadBalancer",
            vpc=self.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
            internet_facing=False,
            cross_zone_enabled=True,
            deletion_protection=self.config.is_production,
            security_groups=[security_group],
        )
        made.log_access_logs(self.load_balancer_logs, prefix="http")
        made.add_listener("Http", port=HTTP_PORT, protocol=elb.Protocol.TCP).add_targets(
            "IngestHttp",
            port=HTTP_PORT,
            protocol=elb.Protocol.TCP,
            targets=[self.service.load_balancer_target(container_name="Ingest", container_port=HTTP_PORT)],
            deregistration_delay=Duration.seconds(120),
            health_check=elb.HealthCheck(
                port=str(HTTP_PORT), protocol=elb.Protocol.HTTP, path="/healthz", interval=Duration.seconds(10)
            ),
        )
        self.service.connections.allow_from(security_group, port, "STOW-RS")
        return made

    def _load_balancer(self) -> elb.NetworkLoadBalancer:
        security_group = ec2.SecurityGroup(self, "LoadBalancerGroup", vpc=self.vpc, allow_all_outbound=False)
        self.load_balancer_logs = log_bucket(self, "LoadBalancerLogs", self.config)
        made = elb.NetworkLoadBalancer(
            self,
            "LoadBalancer",
            vpc=self.vpc,
            internet_facing=True,
            cross_zone_enabled=True,
            deletion_protection=self.config.is_production,
            security_groups=[security_group],
        )
        made.log_access_logs(self.load_balancer_logs)
        containers = self.service.connections.security_groups[0]
        for port in self.dicom_ports:
            for network in self.config.dicom_networks.split(","):
                security_group.add_ingress_rule(ec2.Peer.ipv4(network.strip()), ec2.Port.tcp(port), "Hospitals")
            security_group.add_egress_rule(
                self.service.connections.security_groups[0], ec2.Port.tcp(port), "Containers"
            )
            made.add_listener(f"Tcp{port}", port=port, protocol=elb.Protocol.TCP).add_targets(
                f"Ingest{port}",
                port=port,
                protocol=elb.Protocol.TCP,
                targets=[self.service.load_balancer_target(container_name="Ingest", container_port=port)],
                # The limits of an address are the hospitals'.
                preserve_client_ip=True,
                deregistration_delay=Duration.seconds(120),
                health_check=elb.HealthCheck(
                    port=str(HTTP_PORT), protocol=elb.Protocol.HTTP, path="/healthz", interval=Duration.seconds(10)
                ),
            )
            self.service.connections.allow_from(security_group, ec2.Port.tcp(port), "Associations")
        security_group.add_egress_rule(containers, ec2.Port.tcp(HTTP_PORT), "Health checks")
        self.service.connections.allow_from(security_group, ec2.Port.tcp(HTTP_PORT), "Health checks")
        return made

    def _raise_alarms(self) -> None:
        alarm(
            self,
            "MemoryAlarm",
            self.archive.alarms,
            metric=self.service.metric_memory_utilization(statistic="Maximum"),
            threshold=85,
            periods=3,
            description="The ingest containers are short of memory",
        )
