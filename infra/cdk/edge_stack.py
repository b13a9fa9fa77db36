"""The edge (D8): one CloudFront distribution in front of the site, the API and the archive bucket.

    /              portal          site bucket, headers of viewer_static/security-headers.json by path
    /ohif/         viewer          site bucket
    /dicomweb/*    DICOMweb        REST API, session cookie turned into Authorization; STOW-RS to the ingest containers
    /api/*         portal's API    REST API, the same; C-ECHO self-tests to the ingest containers
    /objects/*     archive bucket  signed URLs only

The site is published by `aws s3 sync viewer_static/dist s3://<SiteBucket>`. The object-signing secret of the archive
stack gets {"key_pair_id": <ObjectSigningKeyId>, "private_key": ...}. The secret by which the API knows the edge has a
value from the beginning; whoever replaces it deploys this stack with `-c edge_secret_version=<VersionId>`.
"""

from __future__ import annotations

import json
from typing import Any, cast
from urllib.parse import urlsplit

from aws_cdk import CfnOutput, Duration, SecretValue, Stack
from aws_cdk import aws_certificatemanager as certificates
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.cdk import edge_functions
from infra.cdk.api import STAGE
from infra.cdk.archive_stack import ArchiveStack
from infra.cdk.config import Config
from infra.cdk.ingest_stack import HTTP_PORT, IngestStack
from infra.cdk.storage import log_bucket
from infra.cdk.tagging import tag_component
from infra.lambda_build import ROOT

SECURITY_HEADERS = ROOT / "viewer_static/security-headers.json"
API_PATHS = ("/dicomweb", "/dicomweb/*", "/api/*")
OBJECT_PATHS = ("/objects/*",)
NOT_AT_CLOUDFRONT = ("/healthz", "*")
"""The first is the local platform's own, the second is the default behaviour."""


ERRORS = (400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504)
"""Statuses that CloudFront would keep for ten seconds by path alone, whatever the cache policy says: one caller's 404
would be another's, who may see the exam."""


class EdgeStack(Stack):
    """Site bucket, distribution, functions, key group."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        config: Config,
        archive: ArchiveStack,
        ingest: IngestStack | None,
        **kwargs: Any,
    ) -> None:
        """Without an ingest stack there is no STOW-RS and no C-ECHO self-test."""
        super().__init__(scope, name, description="Sans Film: edge", **kwargs)
        tag_component(self, "edge")
        self.config = config
        self.archive = archive
        self.ingest = ingest
        self.log_bucket = log_bucket(self, "Logs", config)
        # What has no Cache-Control of its own is asked for again each time, so that a new portal is live at once.
        self.site_cache = cloudfront.CachePolicy(
            self,
            "SiteCache",
            min_ttl=Duration.seconds(0),
            default_ttl=Duration.seconds(0),
            max_ttl=Duration.days(365),
            enable_accept_encoding_brotli=True,
            enable_accept_encoding_gzip=True,
        )
        self.site_bucket = self._site_bucket()
        self.key_group = self._key_group()
        self._origins()
        self.distribution = self._distribution()
        if ingest:
            self._add_ingest_origin(ingest)
        CfnOutput(self, "SiteBucketName", value=self.site_bucket.bucket_name)
        CfnOutput(self, "DistributionDomainName", value=self.distribution.distribution_domain_name)

    def _site_bucket(self) -> s3.Bucket:
        return s3.Bucket(
            self,
            "SiteBucket",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            versioned=True,
            server_access_logs_bucket=self.log_bucket,
            server_access_logs_prefix="site/",
            removal_policy=self.config.removal_policy,
            lifecycle_rules=[s3.LifecycleRule(noncurrent_version_expiration=Duration.days(90))],
        )

    def _key_group(self) -> cloudfront.KeyGroup:
        key = cloudfront.PublicKey(
            self,
            "ObjectSigningKey",
            encoded_key=self.config.object_signing_public_key,
            comment="Verifies signed URLs under /objects/",
        )
        CfnOutput(self, "ObjectSigningKeyId", value=key.public_key_id)
        return cloudfront.KeyGroup(self, "ObjectSigners", items=[key])

    def _origins(self) -> None:
        self.site = origins.S3BucketOrigin.with_origin_access_control(self.site_bucket)
        bucket = self.archive.storage.archive_bucket
        # Imported, because the archive stack itself lets distributions read (a grant here would make a cycle).
        imported = s3.Bucket.from_bucket_attributes(
            self, "Archive", bucket_name=bucket.bucket_name, region=self.config.region
        )
        self.objects = origins.S3BucketOrigin.with_origin_access_control(imported)
        self.api = origins.HttpOrigin(
            f"{self.archive.api.rest_api_id}.execute-api.{self.config.region}.amazonaws.com",
            origin_path=f"/{STAGE}",
            protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
            origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
            read_timeout=Duration.seconds(30),
            keepalive_timeout=Duration.seconds(60),
            # Replaces what a viewer sends.
            custom_headers={"X-Sansfilm-Edge": self._edge_secret()},
        )

    def _edge_secret(self) -> str:
        """A reference that CloudFormation resolves: the value is in no template."""
        secret = self.archive.storage.edge_secret
        version = self.config.edge_secret_version or None
        value = SecretValue.secrets_manager(secret.secret_arn, json_field="value", version_id=version)
        return value.unsafe_unwrap()

    def _add_ingest_origin(self, ingest: IngestStack) -> None:
        """An origin that no behaviour names: a function selects it by method and path."""
        origin = cloudfront.VpcOrigin(
            self,
            "IngestOrigin",
            endpoint=cloudfront.VpcOriginEndpoint.network_load_balancer(ingest.http_load_balancer),
            http_port=HTTP_PORT,
            protocol_policy=cloudfront.OriginProtocolPolicy.HTTP_ONLY,
        )
        distribution = cast(cloudfront.CfnDistribution, self.distribution.node.default_child)
        distribution.add_property_override(
            f"DistributionConfig.Origins.{len((self.site, self.api, self.objects))}",
            {
                "Id": edge_functions.INGEST_ORIGIN,
                "DomainName": ingest.http_load_balancer.load_balancer_dns_name,
                "VpcOriginConfig": {
                    "VpcOriginId": origin.vpc_origin_id,
                    "OriginReadTimeout": 60,
                    "OriginKeepaliveTimeout": 60,
                },
            },
        )

    def _function(self, name: str, code: str) -> list[cloudfront.FunctionAssociation]:
        made = cloudfront.Function(
            self,
            name,
            code=cloudfront.FunctionCode.from_inline(code),
            runtime=cloudfront.FunctionRuntime.JS_2_0,
            comment=name,
        )
        return [cloudfront.FunctionAssociation(function=made, event_type=cloudfront.FunctionEventType.VIEWER_REQUEST)]

    def _distribution(self) -> cloudfront.Distribution:
        default, by_path = self._behaviors()
        host = urlsplit(self.config.public_url).hostname or ""
        certificate = (
            certificates.Certificate.from_certificate_arn(self, "Certificate", self.config.certificate_arn)
            if self.config.certificate_arn
            else None
        )
        return cloudfront.Distribution(
            self,
            "Distribution",
            comment="Sans Film",
            default_behavior=default,
            additional_behaviors=by_path,
            certificate=certificate,
            domain_names=[host] if certificate else None,
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            price_class=cloudfront.PriceClass.PRICE_CLASS_100,
            error_responses=[cloudfront.ErrorResponse(http_status=each, ttl=Duration.seconds(0)) for each in ERRORS],
            # No access log: it would keep queries (patients' names) and signed URLs. API Gateway's has routes only.
            enable_logging=False,
        )

    def _behaviors(self) -> tuple[cloudfront.BehaviorOptions, dict[str, cloudfront.BehaviorOptions]]:
        """Default behaviour, and the others in the order in which CloudFront tries them."""
        content = json.loads(SECURITY_HEADERS.read_text())
        to_application = self._function("ApplicationPaths", edge_functions.APPLICATION_PATHS)
        to_api = (
            self._function("ApiOrIngest", edge_functions.API_OR_INGEST)
            if self.ingest
            else self._function("CookieToAuthorization", edge_functions.COOKIE_TO_AUTHORIZATION)
        )
        to_key = self._function("StripObjectsPrefix", edge_functions.STRIP_OBJECTS_PREFIX)
        by_path: dict[str, cloudfront.BehaviorOptions] = {}
        default = None
        for number, rule in enumerate(content["rules"]):
            headers = self._headers_policy(f"Headers{number}", {**content["every_path"], **rule["headers"]})
            for path in rule["paths"]:
                if path in API_PATHS:
                    by_path[path] = self._api_behavior(headers, to_api)
                elif path in OBJECT_PATHS:
                    by_path[path] = self._object_behavior(headers, to_key)
                elif path not in NOT_AT_CLOUDFRONT:
                    by_path[path] = self._site_behavior(headers, to_application)
                elif path == "*":
                    default = self._site_behavior(headers, to_application)
        if default is None:
            raise ValueError(f"{SECURITY_HEADERS} has no rule for *")
        return default, by_path

    def _site_behavior(
        self, headers: cloudfront.ResponseHeadersPolicy, functions: list[cloudfront.FunctionAssociation]
    ) -> cloudfront.BehaviorOptions:
        return cloudfront.BehaviorOptions(
            origin=self.site,
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
            cache_policy=self.site_cache,
            response_headers_policy=headers,
            function_associations=functions,
            compress=True,
        )

    def _api_behavior(
        self, headers: cloudfront.ResponseHeadersPolicy, functions: list[cloudfront.FunctionAssociation]
    ) -> cloudfront.BehaviorOptions:
        return cloudfront.BehaviorOptions(
            origin=self.api,
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
            allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
            cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
            origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
            response_headers_policy=headers,
            function_associations=functions,
        )

    def _object_behavior(
        self, headers: cloudfront.ResponseHeadersPolicy, functions: list[cloudfront.FunctionAssociation]
    ) -> cloudfront.BehaviorOptions:
        return cloudfront.BehaviorOptions(
            origin=self.objects,
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
            # Images are not kept at edge locations.
            cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
            response_headers_policy=headers,
            function_associations=functions,
            trusted_key_groups=[self.key_group],
        )

    def _headers_policy(self, name: str, headers: dict[str, str]) -> cloudfront.ResponseHeadersPolicy:
        """CloudFront takes the security headers that it knows apart from the others."""
        rest = dict(headers)
        csp = rest.pop("Content-Security-Policy")
        max_age = int(rest.pop("Strict-Transport-Security").split("max-age=")[1].split(";")[0])
        frame = {"SAMEORIGIN": cloudfront.HeadersFrameOption.SAMEORIGIN, "DENY": cloudfront.HeadersFrameOption.DENY}
        referrer = rest.pop("Referrer-Policy").upper().replace("-", "_")
        rest.pop("X-Content-Type-Options")
        return cloudfront.ResponseHeadersPolicy(
            self,
            name,
            security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                    content_security_policy=csp, override=True
                ),
                strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                    access_control_max_age=Duration.seconds(max_age), include_subdomains=True, override=True
                ),
                content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
                frame_options=cloudfront.ResponseHeadersFrameOptions(
                    frame_option=frame[rest.pop("X-Frame-Options")], override=True
                ),
                referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
                    referrer_policy=cloudfront.HeadersReferrerPolicy[referrer], override=True
                ),
            ),
            custom_headers_behavior=cloudfront.ResponseCustomHeadersBehavior(
                custom_headers=[
                    cloudfront.ResponseCustomHeader(header=header, value=value, override=header != "Cache-Control")
                    for header, value in rest.items()
                ]
            ),
        )
