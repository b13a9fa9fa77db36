"""What holds data: the archive bucket, the tables, the keys."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from chalicelib.aws.tables import AUDIT, INDEX, LEDGER, METERS, REGISTRY, TableSchema
from infra.cdk.config import Config
from infra.cdk.tagging import tag_component

KEPT_NONCURRENT_DAYS = 30


class Storage(Construct):
    """The archive, audit and log buckets, five tables, the data key, the keys of sessions and of codes, the signing
    secret."""

    def __init__(self, scope: Construct, name: str, *, config: Config) -> None:
        super().__init__(scope, name)
        tag_component(self, "storage")
        self.data_key = kms.Key(
            self,
            "DataKey",
            description="Encrypts the archive bucket, the tables and the alarm topic",
            enable_key_rotation=True,
            removal_policy=config.removal_policy,
        )
        self.session_key = kms.Key(
            self,
            "SessionKey",
            description="Signs sessions (ES256)",
            key_spec=kms.KeySpec.ECC_NIST_P256,
            key_usage=kms.KeyUsage.SIGN_VERIFY,
            removal_policy=config.removal_policy,
        )
        self.code_key = kms.Key(
            self,
            "CodeKey",
            alias=f"sansfilm/{config.environment}/patient-codes",
            description="Keys what patients' codes and one-time passwords are kept as",
            key_spec=kms.KeySpec.HMAC_256,
            key_usage=kms.KeyUsage.GENERATE_VERIFY_MAC,
            removal_policy=config.removal_policy,
        )
        self.log_bucket = log_bucket(self, "AccessLogs", config)
        self.archive_bucket = self._archive_bucket(config)
        self.index = self._table("Index", INDEX, config)
        self.registry = self._table("Registry", REGISTRY, config)
        self.ledger = self._table("Ledger", LEDGER, config)
        self.meters = self._table("Meters", METERS, config)
        self.audit = self._table("Audit", AUDIT, config)
        self.audit_bucket = self._audit_bucket(config)
        self.edge_secret = secretsmanager.Secret(
            self,
            "EdgeSecret",
            description='{"value"} by which the API knows that a request came through the edge',
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template="{}",  # noqa: S106 (an empty object, into which the value is put)
                generate_string_key="value",
                exclude_punctuation=True,
                password_length=48,
            ),
            removal_policy=config.removal_policy,
        )
        self.object_signing_secret = secretsmanager.Secret(
            self,
            "ObjectSigningSecret",
            description='{"key_pair_id", "private_key"} that signs URLs under /objects/; an operator puts the value',
            removal_policy=config.removal_policy,
        )

    def _archive_bucket(self, config: Config) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "Archive",
            versioned=True,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.data_key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2 if config.is_production else None,
            server_access_logs_bucket=self.log_bucket,
            server_access_logs_prefix="archive/",
            removal_policy=config.removal_policy,
            lifecycle_rules=[
                s3.LifecycleRule(id="abort-uploads", abort_incomplete_multipart_upload_after=Duration.days(1)),
                _expire("rejected", "rejected/", 30),
                _expire("assembled", "assembled/", 1),
                _expire("packs", "packs/", 7),
                _expire("staging", "staging/", 1),
                *(
                    s3.LifecycleRule(
                        id=f"superseded-{prefix.rstrip('/')}",
                        prefix=prefix,
                        noncurrent_version_expiration=Duration.days(KEPT_NONCURRENT_DAYS),
                    )
                    for prefix in ("metadata/", "index/")
                ),
            ],
        )
        self._let_cloudfront_read(bucket)
        return bucket

    def _audit_bucket(self, config: Config) -> s3.Bucket:
        """Nobody, the account's root included, can delete or replace what is in it before its time."""
        kept = Duration.days(config.audit_retention_years * 366)
        locked = s3.ObjectLockRetention.compliance(kept) if config.is_production else None
        return s3.Bucket(
            self,
            "AuditBlocks",
            versioned=True,
            object_lock_enabled=True,
            object_lock_default_retention=locked,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.data_key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2 if config.is_production else None,
            server_access_logs_bucket=self.log_bucket,
            server_access_logs_prefix="audit/",
            removal_policy=config.removal_policy,
        )

    def _let_cloudfront_read(self, bucket: s3.Bucket) -> None:
        """Distributions of this account may read what signed URLs lead to (origin access control of the edge stack)."""
        stack = bucket.stack
        condition = {
            "ArnLike": {"AWS:SourceArn": f"arn:{stack.partition}:cloudfront::{stack.account}:distribution/*"},
        }
        cloudfront = iam.ServicePrincipal("cloudfront.amazonaws.com")
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="SignedUrls",
                principals=[cloudfront],
                actions=["s3:GetObject"],
                resources=[
                    bucket.arn_for_objects(prefix) for prefix in ("archive/*", "assembled/*", "metadata/*", "packs/*")
                ],
                conditions=condition,
            )
        )
        self.data_key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="SignedUrls", principals=[cloudfront], actions=["kms:Decrypt"], resources=["*"],
                conditions=condition,
            )
        )  # fmt: skip

    def _table(self, name: str, schema: TableSchema, config: Config) -> dynamodb.Table:
        table = dynamodb.Table(
            self,
            name,
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=self.data_key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=config.is_production,
            time_to_live_attribute=schema.time_to_live_attribute or None,
            removal_policy=config.removal_policy,
        )
        for gsi in schema.indexes:
            table.add_global_secondary_index(
                index_name=gsi.name,
                partition_key=_attribute(gsi.partition_key),
                sort_key=_attribute(gsi.sort_key) if gsi.sort_key else None,
                projection_type=dynamodb.ProjectionType[gsi.projection],
            )
        return table


def log_bucket(scope: Construct, name: str, config: Config) -> s3.Bucket:
    """A bucket that receives access logs and forgets them after the log retention."""
    return s3.Bucket(
        scope,
        name,
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_PREFERRED,
        enforce_ssl=True,
        removal_policy=config.removal_policy if config.is_production else RemovalPolicy.DESTROY,
        lifecycle_rules=[s3.LifecycleRule(id="retention", expiration=Duration.days(config.log_retention_days))],
    )


def _expire(rule: str, prefix: str, days: int) -> s3.LifecycleRule:
    return s3.LifecycleRule(
        id=rule,
        prefix=prefix,
        expiration=Duration.days(days),
        noncurrent_version_expiration=Duration.days(1),
    )


def _attribute(key: tuple[str, str]) -> dynamodb.Attribute:
    kinds = {"S": dynamodb.AttributeType.STRING, "N": dynamodb.AttributeType.NUMBER}
    return dynamodb.Attribute(name=key[0], type=kinds[key[1]])
