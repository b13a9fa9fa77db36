"""What may differ between deployments, from CDK context (`-c name=value`)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from aws_cdk import RemovalPolicy, aws_logs

NO_ONES_PUBLIC_KEY = """\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAtIOZj2w6c7gKJ00wehdm
GGG3mptxAbxZi1WQx6I+CJFkV6WHBpRF4/H/k1Bi02WEFCTqFmU5dLGtMoQshVa0
LlU7OLdB7k/HB6TvGZc27EB671qYGCHAbA58Sg1m+imkl9E/r+FSEd+QtseiEzRK
A4kBplT5GSrpX0DUUpxMbdncTqtS6WdQH87k5RTYTpQ8DI6zqmEJYP0YpMQE4i+X
/UxwcK0zqsL0/R2+kRoJzgwnvaNiZFgle1AMW/m4f6Xu6qePCUCKA/YkFwA8Sejw
4OVuxMHVALx9jTDsDXM8zKcMXv43OcttZPR/XQbVCChYqfq5W6xQitJtS8PkDg+U
HQIDAQAB
-----END PUBLIC KEY-----
"""
"""Its private half was never kept: a deployment without a key of its own accepts no signed URL."""

ARCHIVE, INGEST, EDGE = "SansFilmArchive", "SansFilmIngest", "SansFilmEdge"


@dataclass(frozen=True)
class Config:
    """One deployment of the archive."""

    environment: str = "production"
    """`production` keeps its data when a stack is removed; anything else does not."""
    account: str = ""
    region: str = "eu-west-3"
    stacks: str = f"{ARCHIVE},{INGEST},{EDGE}"
    """Which stacks to synthesise; the local cloud runs the archive stack alone."""
    public_url: str = "https://images.example.org"
    study_quiet_s: int = 300
    sms_quiet_hours: str = "20-8"
    sms_sender: str = "SansFilm"
    log_level: str = "INFO"
    log_retention_days: int = 365
    audit_retention_years: int = 20
    """How long the audit trail is kept; what is locked cannot be deleted earlier by anybody."""
    lambda_platform: str = ""
    """Platform of the Lambda packages as `uv` names it; empty for this machine (the local cloud)."""
    queue_concurrency: int = 50
    """How many batches of a queue are handled at once, at least 2; a laptop has no use for more."""
    api_burst: int = 1000
    api_rate_per_s: int = 500
    cost_euro_rate: str = ""
    """Euros for a unit of the currency of AWS's bill, for instance 0.92; without it a bill in dollars is not shared."""
    dicom_networks: str = "10.0.0.0/8"
    """Networks of the hospitals that may reach the DICOM endpoint, separated by commas."""
    dicom_port: int = 11112
    """Port for associations without TLS, for hospitals that come by VPN; 0 for none."""
    dicom_tls_secret_arn: str = ""
    """Secret (complete ARN) that an operator made for the TLS port: {"certificate", "private_key", "client_ca" and
    perhaps "crl"}, each PEM, for instance of a certificate exported from ACM. Without it there is no TLS."""
    certificate_arn: str = ""
    """Certificate of the public host name (us-east-1); without it CloudFront's own name is used."""
    edge_secret_version: str = ""
    """VersionId of a new value that an operator gave the edge's secret; CloudFormation sees a change by it alone."""
    object_signing_public_key: str = NO_ONES_PUBLIC_KEY
    """PEM of the key that verifies signed URLs under /objects/ (RSA 2048)."""

    @classmethod
    def from_context(cls, context: Any) -> Config:
        """Read from a construct's context.

        Raises
        ------
        ValueError
            If a number is not one.
        """
        values: dict[str, str | int] = {}
        for field in fields(cls):
            value = context.try_get_context(field.name)
            if value is not None:
                values[field.name] = int(value) if isinstance(field.default, int) else str(value)
        return cls(**values)  # type: ignore[arg-type]

    @property
    def is_production(self) -> bool:
        """Whether data must survive the stack."""
        return self.environment == "production"

    @property
    def removal_policy(self) -> RemovalPolicy:
        """Of everything that holds data."""
        return RemovalPolicy.RETAIN if self.is_production else RemovalPolicy.DESTROY

    @property
    def log_retention(self) -> aws_logs.RetentionDays:
        """Retention as CloudWatch Logs knows it."""
        known = {
            7: aws_logs.RetentionDays.ONE_WEEK,
            30: aws_logs.RetentionDays.ONE_MONTH,
            90: aws_logs.RetentionDays.THREE_MONTHS,
            365: aws_logs.RetentionDays.ONE_YEAR,
            3653: aws_logs.RetentionDays.TEN_YEARS,
        }
        if self.log_retention_days not in known:
            raise ValueError(f"log_retention_days is one of {', '.join(map(str, known))}")
        return known[self.log_retention_days]
