"""What AWS and managed DICOM stores charge, so that counted calls and bytes become money.

AWS: on-demand list prices of eu-west-3 (Paris) in USD without tax or free tier. Those of S3, DynamoDB, SQS, Lambda and
Fargate are the product's own list (chalicelib/billing/cost/aws_prices), which says of each where it was seen;
CloudFront's are those of its offer file of 2026-10-03, transcribed in a public repository on 2026-10-09. Not checked:
API Gateway (REST), Glacier Instant Retrieval, the storage of DynamoDB. Ratios between our own requests do not depend
on them.

Managed stores: AWS HealthImaging, example prices of us-east-1 (it has no Paris region) as a third party transcribed
them on 2026-10-07; Google Cloud Healthcare API, requests only (its storage price was not found).
"""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.billing.cost.exam_cost import aws_prices

DATED = "2026-10-09 (AWS), 2026-10-07 (AWS HealthImaging)"
_LIST = aws_prices("2026-11-26").prices

API_GATEWAY_REST_REQUEST = 3.70e-6
LAMBDA_REQUEST = float(_LIST["lambda-request"])
LAMBDA_GB_S = float(_LIST["lambda-gb-second"])
"""x86."""
LAMBDA_MB_OF_ONE_CPU = 1769
S3_PUT = float(_LIST["s3-put"])
"""PUT, COPY, POST, LIST."""
S3_GET = float(_LIST["s3-get"])
S3_GB_MONTH = float(_LIST["s3-gb-month"])
S3_INSTANT_ARCHIVE_GB_MONTH = 0.005
"""Glacier Instant Retrieval."""
S3_TRANSITION = 20e-6
"""Of one object to it."""
DYNAMODB_READ_UNIT = float(_LIST["dynamodb-read-unit"])
DYNAMODB_WRITE_UNIT = float(_LIST["dynamodb-write-unit"])
DYNAMODB_GB_MONTH = 0.29715
SQS_REQUEST = float(_LIST["sqs-request"])
FARGATE_VCPU_S = float(_LIST["fargate-vcpu-hour"]) / 3600
FARGATE_GB_S = float(_LIST["fargate-gb-hour"]) / 3600
CLOUDFRONT_REQUEST = 1.2e-6
CLOUDFRONT_GB = 0.085
"""To Europe, first 10 TB."""

HEALTHIMAGING_GB_MONTH = 0.105
"""Frequent access; at least 5 MB an image set and 30 days."""
HEALTHIMAGING_ARCHIVE_GB_MONTH = 0.006
"""Archive instant access, reached after 30 days without a read; import is free."""
HEALTHIMAGING_CALL = 0.005 / 1000
GOOGLE_STANDARD_REQUEST = 0.39 / 100_000
GOOGLE_QIDO_REQUEST = 0.69 / 100_000

# What an AWS call takes, which a machine without AWS cannot measure: assumed, round, and meant to be replaced.
DYNAMODB_CALL_S = 0.005
S3_CALL_S = 0.025


@dataclass(frozen=True)
class Counted:
    """What one request, or one job, used."""

    cpu_s: float = 0.0
    dynamodb_calls: float = 0.0
    read_units: float = 0.0
    write_units: float = 0.0
    s3_gets: float = 0.0
    s3_puts: float = 0.0
    sqs_calls: float = 0.0


def lambda_gb_s(counted: Counted, memory_mb: int) -> float:
    """Billed GB-seconds: CPU at the share of a core that the memory buys, and the assumed waits for AWS."""
    cpu_s = counted.cpu_s * max(1.0, LAMBDA_MB_OF_ONE_CPU / memory_mb)
    waits_s = counted.dynamodb_calls * DYNAMODB_CALL_S + (counted.s3_gets + counted.s3_puts) * S3_CALL_S
    return (cpu_s + waits_s) * memory_mb / 1024


def calls(counted: Counted) -> float:
    """Price of the calls to DynamoDB, S3 and SQS."""
    return (
        counted.read_units * DYNAMODB_READ_UNIT
        + counted.write_units * DYNAMODB_WRITE_UNIT
        + counted.s3_gets * S3_GET
        + counted.s3_puts * S3_PUT
        + counted.sqs_calls * SQS_REQUEST
    )


def api_request(counted: Counted, memory_mb: int, delivered_bytes: float = 0.0) -> tuple[float, float]:
    """Price of one request through API Gateway, and of delivering its bytes through CloudFront."""
    compute = LAMBDA_REQUEST + lambda_gb_s(counted, memory_mb) * LAMBDA_GB_S
    return API_GATEWAY_REST_REQUEST + compute + calls(
        counted
    ), CLOUDFRONT_REQUEST + delivered_bytes / 1e9 * CLOUDFRONT_GB
