"""What each part may do with the archive: grants by prefix and action, no more than its code uses."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from infra.cdk.storage import Storage


def objects(
    role: iam.IGrantable, storage: Storage, *, read: Sequence[str] = (), write: Sequence[str] = (), listing: bool = True
) -> None:
    """Let a role read and write objects of the archive bucket below prefixes (`archive/*`).

    `listing` is also what makes a missing object 404 instead of 403.
    """
    bucket = storage.archive_bucket
    principal = role.grant_principal
    if listing:
        _allow(principal, ["s3:ListBucket"], [bucket.bucket_arn])
    if read:
        _allow(principal, ["s3:GetObject"], [bucket.arn_for_objects(prefix) for prefix in read])
    if write:
        actions = ["s3:PutObject", "s3:AbortMultipartUpload"]
        _allow(principal, actions, [bucket.arn_for_objects(prefix) for prefix in write])
    _use_data_key(principal, storage.data_key, write=bool(write))


def delete_objects(role: iam.IGrantable, storage: Storage, prefixes: Sequence[str]) -> None:
    """Let a role delete objects below prefixes; versions stay until the bucket's lifecycle rules remove them."""
    resources = [storage.archive_bucket.arn_for_objects(prefix) for prefix in prefixes]
    _allow(role.grant_principal, ["s3:DeleteObject"], resources)


def _use_data_key(principal: iam.IPrincipal, key: kms.IKey, *, write: bool) -> None:
    _allow(principal, ["kms:Decrypt", *(["kms:GenerateDataKey"] if write else [])], [key.key_arn])


def send_sms(role: iam.IGrantable) -> None:
    """Let a role send SMS and nothing to any topic."""
    role.grant_principal.add_to_principal_policy(
        iam.PolicyStatement(actions=["sns:Publish"], not_resources=["arn:*:sns:*:*:*"])
    )


def append_to_ledger(role: iam.IGrantable, storage: Storage) -> None:
    """Let a role add lines to the ledger: it may delete none (docs/adr/0004)."""
    actions = ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem"]
    _allow(role.grant_principal, actions, [storage.ledger.table_arn])
    _use_data_key(role.grant_principal, storage.data_key, write=True)


def make_rollups(role: iam.IGrantable, storage: Storage) -> None:
    """Let a role read ledger, hospitals and budgets, and of the registry write roll-ups and alerts alone."""
    _allow(role.grant_principal, ["dynamodb:GetItem", "dynamodb:Query"], [storage.ledger.table_arn])
    for actions, keys in (
        (["dynamodb:Query", "dynamodb:GetItem"], ["HOSPITALS", "ROLLUP#*", "BUDGET#*"]),
        (["dynamodb:PutItem"], ["ROLLUP#*", "BUDGET#*"]),
    ):
        role.grant_principal.add_to_principal_policy(
            iam.PolicyStatement(
                actions=actions,
                resources=[storage.registry.table_arn],
                conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}},
            )
        )
    _use_data_key(role.grant_principal, storage.data_key, write=True)


def reconcile_costs(role: iam.IGrantable, storage: Storage) -> None:
    """Let a role read what was used, invoiced and metered, and of the registry write what was imported and billed."""
    _allow(role.grant_principal, ["dynamodb:GetItem", "dynamodb:Query"], [storage.ledger.table_arn])
    _with_keys(role, ["dynamodb:GetItem", "dynamodb:Query"], storage.meters, ["B#*", "HEAD#*"])
    reading = ["HOSPITALS", "ROLLUP#*", "COSTS", "I#*"]
    _with_keys(role, ["dynamodb:GetItem", "dynamodb:Query"], storage.registry, reading)
    _with_keys(role, ["dynamodb:PutItem"], storage.registry, ["ROLLUP#*", "COSTS"])
    _allow(role.grant_principal, ["s3:GetObject"], [storage.audit_bucket.arn_for_objects("facts/*")])
    _allow(role.grant_principal, ["s3:ListBucket"], [storage.audit_bucket.bucket_arn])
    _use_data_key(role.grant_principal, storage.data_key, write=True)


def record_facts(role: iam.IGrantable, storage: Storage) -> None:
    """Let a role add metered facts: it may neither change nor delete one (docs/adr/0030)."""
    _with_keys(role, ["dynamodb:PutItem"], storage.meters, ["F#*", "NEW#*"])
    _with_keys(role, ["dynamodb:GetItem"], storage.meters, ["F#*"])
    _use_data_key(role.grant_principal, storage.data_key, write=True)


def read_sums_of_facts(role: iam.IGrantable, storage: Storage) -> None:
    """Let a role read what metered facts of a month add up to."""
    _with_keys(role, ["dynamodb:GetItem"], storage.meters, ["HEAD#*"])
    _use_data_key(role.grant_principal, storage.data_key, write=False)


def close_months_of_facts(role: iam.IGrantable, storage: Storage) -> None:
    """Let a role read sums of facts and close months."""
    read_sums_of_facts(role, storage)
    _with_keys(role, ["dynamodb:UpdateItem"], storage.meters, ["HEAD#*"])
    _use_data_key(role.grant_principal, storage.data_key, write=True)


def seal_facts(role: iam.IGrantable, storage: Storage) -> None:
    """Let a role add blocks; what it may delete are markers, what it may update are heads and sums."""
    _with_keys(role, ["dynamodb:Query", "dynamodb:BatchWriteItem"], storage.meters, ["NEW#*"])
    _with_keys(role, ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"], storage.meters, ["B#*"])
    _with_keys(role, ["dynamodb:GetItem", "dynamodb:UpdateItem"], storage.meters, ["HEAD#*"])
    _with_keys(role, ["dynamodb:Query"], storage.registry, ["HOSPITALS"])
    objects = [storage.audit_bucket.arn_for_objects("facts/*")]
    _allow(role.grant_principal, ["s3:GetObject", "s3:PutObject"], objects)
    _allow(role.grant_principal, ["s3:ListBucket"], [storage.audit_bucket.bucket_arn])
    _use_data_key(role.grant_principal, storage.data_key, write=True)


def export_facts(role: iam.IGrantable, storage: Storage) -> None:
    """Let a role record what is stored and write exports: it may change nothing and seal nothing."""
    record_facts(role, storage)
    _allow(role.grant_principal, ["dynamodb:GetItem", "dynamodb:Query"], [storage.ledger.table_arn])
    _with_keys(role, ["dynamodb:GetItem", "dynamodb:Query"], storage.meters, ["B#*", "HEAD#*"])
    _with_keys(role, ["dynamodb:Query"], storage.registry, ["HOSPITALS"])
    _allow(role.grant_principal, ["s3:GetObject", "s3:PutObject"], [storage.audit_bucket.arn_for_objects("facts/*")])
    _allow(role.grant_principal, ["s3:ListBucket"], [storage.audit_bucket.bucket_arn])


def record_audit_events(role: iam.IGrantable, storage: Storage) -> None:
    """Let a role add events to the audit trail: it may neither change nor delete one (docs/adr/0024)."""
    _allow(role.grant_principal, ["dynamodb:PutItem", "dynamodb:GetItem"], [storage.audit.table_arn])
    _use_data_key(role.grant_principal, storage.data_key, write=True)


def read_audit_trail(role: iam.IGrantable, storage: Storage) -> None:
    """Let a role search the audit trail and read its blocks."""
    tables = [storage.audit.table_arn, f"{storage.audit.table_arn}/index/*"]
    _allow(role.grant_principal, ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"], tables)
    _allow(role.grant_principal, ["s3:GetObject"], _audit_objects(storage))
    _allow(role.grant_principal, ["s3:ListBucket"], [storage.audit_bucket.bucket_arn])
    _use_data_key(role.grant_principal, storage.data_key, write=False)


def seal_audit_trail(role: iam.IGrantable, storage: Storage) -> None:
    """Let a role add blocks; what it may delete are markers, what it may update are heads. It may list hospitals."""
    read_audit_trail(role, storage)
    _allow(role.grant_principal, ["dynamodb:PutItem"], [storage.audit.table_arn])
    for action, table, keys in (
        ("dynamodb:BatchWriteItem", storage.audit, "NEW#*"),
        ("dynamodb:UpdateItem", storage.audit, "HEAD#*"),
        ("dynamodb:Query", storage.registry, "HOSPITALS"),
    ):
        role.grant_principal.add_to_principal_policy(
            iam.PolicyStatement(
                actions=[action],
                resources=[table.table_arn],
                conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [keys]}},
            )
        )
    _allow(role.grant_principal, ["s3:PutObject"], _audit_objects(storage))
    _use_data_key(role.grant_principal, storage.data_key, write=True)


def _audit_objects(storage: Storage) -> list[str]:
    return [storage.audit_bucket.arn_for_objects(prefix) for prefix in ("blocks/*", "anchors/*")]


def sign_sessions(role: iam.IGrantable, storage: Storage) -> None:
    """Let a role issue sessions."""
    _allow(role.grant_principal, ["kms:Sign", "kms:GetPublicKey"], [storage.session_key.key_arn])


def read_provider_secrets(role: iam.IGrantable, stack: Stack) -> None:
    """Let a role show identity providers who asks: secrets that operators put under sansfilm/oidc/."""
    secrets = stack.format_arn(
        service="secretsmanager",
        resource="secret",
        resource_name="sansfilm/oidc/*",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    _allow(role.grant_principal, ["secretsmanager:GetSecretValue"], [secrets])


def verify_sessions(role: iam.IGrantable, storage: Storage) -> None:
    """Let a role verify sessions: the public key, and whether the session was ended."""
    _allow(role.grant_principal, ["kms:GetPublicKey"], [storage.session_key.key_arn])
    _allow(role.grant_principal, ["dynamodb:GetItem"], [storage.registry.table_arn])
    _use_data_key(role.grant_principal, storage.data_key, write=False)


def key_codes(role: iam.IGrantable, storage: Storage) -> None:
    """Let a role compute what codes and one-time passwords are kept as."""
    _allow(role.grant_principal, ["kms:GenerateMac"], [storage.code_key.key_arn])


def answer_challenges(role: iam.IGrantable, storage: Storage) -> None:
    """Let a role read the registry and give challenges their one-time password, and change no other item."""
    _allow(role.grant_principal, ["dynamodb:GetItem"], [storage.registry.table_arn])
    role.grant_principal.add_to_principal_policy(
        iam.PolicyStatement(
            actions=["dynamodb:UpdateItem"],
            resources=[storage.registry.table_arn],
            conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["CHALLENGE#*"]}},
        )
    )
    _use_data_key(role.grant_principal, storage.data_key, write=True)


def look_up_shares(role: iam.IGrantable, storage: Storage) -> None:
    """Let a role read what is shared with a user or hospital, and list no other items of the registry."""
    role.grant_principal.add_to_principal_policy(
        iam.PolicyStatement(
            actions=["dynamodb:Query"],
            resources=[storage.registry.table_arn],
            conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["SHARES-WITH#*"]}},
        )
    )


def keep_storage_commitments(role: iam.IGrantable, storage: Storage) -> None:
    """Let a role write requests for storage commitment and no other item of the registry."""
    only_those = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["STORAGE-COMMITMENT*"]}}
    role.grant_principal.add_to_principal_policy(
        iam.PolicyStatement(
            actions=["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"],
            resources=[storage.registry.table_arn],
            conditions=only_those,
        )
    )


def count_attempts(role: iam.IGrantable, storage: Storage) -> None:
    """Let a role count C-ECHO self-tests and what hospitals store, and change no other item of the registry."""
    role.grant_principal.add_to_principal_policy(
        iam.PolicyStatement(
            actions=["dynamodb:UpdateItem"],
            resources=[storage.registry.table_arn],
            conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ATTEMPTS#ECHO#*", "ATTEMPTS#QUOTA#*"]}},
        )
    )


def _with_keys(role: iam.IGrantable, actions: Sequence[str], table: dynamodb.ITable, keys: Sequence[str]) -> None:
    """Allow actions on items whose partition key is like one of `keys`."""
    role.grant_principal.add_to_principal_policy(
        iam.PolicyStatement(
            actions=list(actions),
            resources=[table.table_arn],
            conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(keys)}},
        )
    )


def _allow(principal: iam.IPrincipal, actions: Sequence[str], resources: Sequence[str]) -> None:
    principal.add_to_principal_policy(iam.PolicyStatement(actions=list(actions), resources=list(resources)))
