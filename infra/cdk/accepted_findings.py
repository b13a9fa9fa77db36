"""Findings of cdk-nag (AwsSolutions) that are accepted, and why; tests/infra fails on others and on stale ones."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Accepted:
    """A rule's finding on constructs whose path matches."""

    rule: str
    path: str
    reason: str

    def covers(self, rule: str, path: str) -> bool:
        """Whether a finding is the one that is meant; both patterns match from the beginning."""
        return bool(re.match(self.rule, rule) and re.match(self.path, path))


ACCEPTED = (
    Accepted(
        r"AwsSolutions-CFR3$",
        r"SansFilmEdge/",
        "An access log would keep queries (patients' names) and signed URLs; API Gateway's has routes and statuses.",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Resource::.*/(archive|anchors|blocks|index|invoices|facts|costs|exports|metadata|assembled|packs|rejected|staging)/\*\]$",
        r"SansFilm(Archive|Ingest)/",
        "A prefix of the bucket is the narrowest resource there is for objects that do not exist yet.",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Resource::.*\.Arn>/index/\*\]$", r"SansFilmArchive/", "Every GSI of the function's table."
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Resource::arn:.*:secret:sansfilm/oidc/\*\]$",
        r"SansFilmArchive/Api/HandlerRole/",
        "Secrets of identity providers, which operators register later.",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Action::kms:(GenerateDataKey|ReEncrypt)\*\]$",
        r"SansFilmArchive/",
        "The actions that DynamoDB needs to use the tables' key on the function's behalf.",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Resource::<(Rendered|Invoices|PatientsMessages|PatientsSheet)Function\w+\.Arn>:\*\]$",
        r"SansFilmArchive/Api/HandlerRole/",
        "Versions and aliases of the functions.",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Resource::SansFilmArchive:ExportsOutputFnGetAttRenderedFunction\w+:\*\]$",
        r"SansFilmIngest/Task/TaskRole/",
        "Versions and aliases of the one function.",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Resource::\*\]$",
        r"SansFilmArchive/(Rendered|IndexInstance|StudyReady|PackSeries|Invoices|Patients|SealAuditTrail|Costs|CostExports|Meters|Api)/",
        "X-Ray has no resources to name.",
    ),
    Accepted(
        r"AwsSolutions-IAM4",
        r"SansFilmArchive/BucketNotificationsHandler",
        "CDK's own custom resource; it writes its log and nothing else.",
    ),
    Accepted(
        r"AwsSolutions-IAM5\[Resource::\*\]$",
        r"SansFilmIngest/Task/ExecutionRole/",
        "ecr:GetAuthorizationToken has no resource.",
    ),
    Accepted(
        r"AwsSolutions-SMG4$",
        r"SansFilmArchive/Storage/EdgeSecret/",
        "CloudFront sends it as a header of its origin, so that an operator deploys the edge after a new value.",
    ),
    Accepted(
        r"AwsSolutions-SMG4$",
        r"SansFilmArchive/Storage/ObjectSigningSecret/",
        "CloudFront's key group changes together with it, so an operator rotates both.",
    ),
    Accepted(
        r"AwsSolutions-L1$",
        r"SansFilmArchive/",
        "Packages hold wheels for the interpreter that built them; the build decides the runtime.",
    ),
    Accepted(
        r"AwsSolutions-EC23$",
        r"SansFilmIngest/(Vpc|HttpLoadBalancerGroup)/",
        "Endpoints and the load balancer for CloudFront are open to the VPC's own range, which cdk-nag cannot resolve.",
    ),
    Accepted(r"AwsSolutions-ECS2$", r"SansFilmIngest/Task/", "The environment holds names of resources, no secret."),
    Accepted(r"AwsSolutions-S1$", r"SansFilm\w+/.*Logs/", "A bucket that receives access logs does not log to itself."),
    Accepted(r"AwsSolutions-CFR1$", r"SansFilmEdge/", "Doctors and patients travel."),
    Accepted(r"AwsSolutions-CFR2$", r"SansFilmEdge/", "The web ACL lives in us-east-1 and comes with its own stack."),
    Accepted(
        r"AwsSolutions-CFR4$",
        r"SansFilmEdge/",
        "Only without certificate_arn, when CloudFront's own name and certificate are used.",
    ),
)
