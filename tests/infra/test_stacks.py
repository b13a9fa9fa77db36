"""What the synthesised stacks promise: tags, encryption, no public bucket, dead-letter queues, least privilege."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.cdk.accepted_findings import ACCEPTED
from infra.cdk.tagging import REQUIRED
from infra.cdk.trail_alarms import WATCHED
from infra.lambda_build import ROOT
from tests.infra.conftest import STACKS, TLS_SECRET

Templates = dict[str, dict[str, Any]]


def _resources(templates: Templates, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for template in templates.values():
        for logical_id, resource in template["Resources"].items():
            if resource["Type"] == kind:
                yield logical_id, resource


def _policies_of(templates: Templates, role: str) -> list[dict[str, Any]]:
    """Statements of the policies attached to roles whose logical id begins so."""
    statements: list[dict[str, Any]] = []
    for _, policy in _resources(templates, "AWS::IAM::Policy"):
        if any(reference.get("Ref", "").startswith(role) for reference in policy["Properties"]["Roles"]):
            statements += policy["Properties"]["PolicyDocument"]["Statement"]
    assert statements, role
    return statements


def _actions(statement: dict[str, Any]) -> list[str]:
    actions = statement["Action"]
    return [actions] if isinstance(actions, str) else actions


def test_every_taggable_resource_is_tagged(templates: Templates) -> None:
    from cfnlint.schema import ResourceNotFoundError
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

    untagged = []
    for stack, template in templates.items():
        for logical_id, resource in template["Resources"].items():
            try:
                schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("eu-west-3", resource["Type"]).schema
            except ResourceNotFoundError:
                assert resource["Type"].startswith("Custom::")
                continue
            if "Tags" not in schema["properties"] or schema.get("tagging", {}).get("taggable") is False:
                continue
            tags = resource.get("Properties", {}).get("Tags", [])
            names = set(tags) if isinstance(tags, dict) else {tag["Key"] for tag in tags}
            if not set(REQUIRED) <= names:
                untagged.append(f"{stack}/{logical_id}")
    assert untagged == []


def test_no_bucket_is_public_or_unencrypted_or_served_without_tls(templates: Templates) -> None:
    buckets = list(_resources(templates, "AWS::S3::Bucket"))
    assert len(buckets) == 7
    protected = {
        policy["Properties"]["Bucket"]["Ref"]
        for _, policy in _resources(templates, "AWS::S3::BucketPolicy")
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    }
    for logical_id, bucket in buckets:
        properties = bucket["Properties"]
        assert all(properties["PublicAccessBlockConfiguration"].values())
        assert "BucketEncryption" in properties
        assert logical_id in protected
        assert bucket["DeletionPolicy"] == "Retain"


def test_the_archive_bucket_keeps_versions_under_its_own_key_and_forgets_what_is_derived(templates: Templates) -> None:
    bucket = next(
        found for name, found in _resources(templates, "AWS::S3::Bucket") if name.startswith("StorageArchive")
    )
    properties = bucket["Properties"]
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    default = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
    assert default["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert default["BucketKeyEnabled"]
    rules = {rule["Id"]: rule for rule in properties["LifecycleConfiguration"]["Rules"]}
    assert (rules["rejected"]["Prefix"], rules["rejected"]["ExpirationInDays"]) == ("rejected/", 30)
    assert (rules["assembled"]["Prefix"], rules["assembled"]["ExpirationInDays"]) == ("assembled/", 1)
    assert (rules["packs"]["Prefix"], rules["packs"]["ExpirationInDays"]) == ("packs/", 7)
    assert rules["abort-uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    # Nothing ever removes an instance.
    assert not [rule for rule in rules.values() if "archive/".startswith(rule.get("Prefix", "x"))]
    assert not [rule for rule in rules.values() if "Prefix" not in rule and "ExpirationInDays" in rule]


def test_instances_are_announced_to_the_index_queue(templates: Templates) -> None:
    _, notifications = next(_resources(templates, "Custom::S3BucketNotifications"))
    configurations = notifications["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    assert [each["Events"] for each in configurations] == [["s3:ObjectCreated:*"], ["s3:ObjectRestore:Completed"]]
    for configuration in configurations:
        assert configuration["Filter"]["Key"]["FilterRules"] == [
            {"Name": "suffix", "Value": ".dcm"},
            {"Name": "prefix", "Value": "archive/"},
        ]
        assert configuration["QueueArn"]["Fn::GetAtt"][0].startswith("IndexQueue")


def test_every_queue_with_work_has_dead_letters_with_an_alarm(templates: Templates) -> None:
    queues = dict(_resources(templates, "AWS::SQS::Queue"))
    dead = {
        queue["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        for queue in queues.values()
        if "RedrivePolicy" in queue["Properties"]
    }
    assert len(dead) == 3
    assert set(queues) == dead | {name for name, queue in queues.items() if "RedrivePolicy" in queue["Properties"]}
    watched = {
        dimension["Value"]["Fn::GetAtt"][0]
        for _, alarm in _resources(templates, "AWS::CloudWatch::Alarm")
        for dimension in alarm["Properties"].get("Dimensions", [])
        if dimension["Name"] == "QueueName" and alarm["Properties"]["AlarmActions"]
    }
    assert dead <= watched
    for queue in queues.values():
        assert queue["Properties"]["SqsManagedSseEnabled"] is True


def test_a_queue_hides_messages_for_longer_than_its_function_may_take(templates: Templates) -> None:
    functions = dict(_resources(templates, "AWS::Lambda::Function"))
    queues = dict(_resources(templates, "AWS::SQS::Queue"))
    mappings = list(_resources(templates, "AWS::Lambda::EventSourceMapping"))
    assert len(mappings) == 3
    for _, mapping in mappings:
        properties = mapping["Properties"]
        assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        timeout = functions[properties["FunctionName"]["Ref"]]["Properties"]["Timeout"]
        queue = queues[properties["EventSourceArn"]["Fn::GetAtt"][0]]
        assert queue["Properties"]["VisibilityTimeout"] >= 6 * timeout


def test_tables_are_on_demand_recoverable_and_under_the_archives_key(templates: Templates) -> None:
    tables = list(_resources(templates, "AWS::DynamoDB::Table"))
    assert len(tables) == 5
    for _, table in tables:
        properties = table["Properties"]
        assert properties["BillingMode"] == "PAY_PER_REQUEST"
        assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
        assert properties["SSESpecification"]["SSEType"] == "KMS"
        assert properties["DeletionProtectionEnabled"]
        assert table["DeletionPolicy"] == "Retain"


def test_functions_run_the_interpreter_that_packaged_them_and_keep_logs_for_a_time(templates: Templates) -> None:
    runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
    own = [
        function
        for kind in ("AWS::Lambda::Function", "AWS::Serverless::Function")
        for name, function in _resources(templates, kind)
        if not name.startswith("BucketNotificationsHandler")
    ]
    assert len(own) == 14
    for function in own:
        assert function["Properties"]["Runtime"] == runtime
        assert function["Properties"]["LoggingConfig"]["LogGroup"]
        assert {"Variables"} == set(function["Properties"]["Environment"])
    for _, group in _resources(templates, "AWS::Logs::LogGroup"):
        assert group["Properties"]["RetentionInDays"] == 365


def test_every_function_has_a_role_of_its_own(templates: Templates) -> None:
    roles = [
        json.dumps(function["Properties"]["Role"])
        for kind in ("AWS::Lambda::Function", "AWS::Serverless::Function")
        for _, function in _resources(templates, kind)
    ]
    assert len(roles) == len(set(roles))


@pytest.mark.parametrize(
    ("role", "forbidden"),
    [
        ("ApiAuthorizerRole", r"(s3|sqs|sns|lambda|secretsmanager):|kms:Sign|dynamodb:(Put|Update|Delete|Batch|Scan)"),
        ("ApiHandlerRole", r"sns:|s3:Delete|sqs:(Receive|Delete)|iam:"),
        ("IndexInstanceRole", r"sns:|s3:Delete|lambda:|secretsmanager:|kms:Sign"),
        ("PackSeriesRole", r"s3:Delete|dynamodb:(Put|Update|Delete)|lambda:|secretsmanager:|kms:Sign|sns:"),
        ("StudyReadyRole", r"s3:Delete|lambda:|secretsmanager:|kms:Sign"),
        (
            "PatientsMessagesRole",
            r"s3:|sqs:|lambda:|secretsmanager:|kms:Sign|dynamodb:(Delete|Query)",
        ),
        ("PatientsSheetRole", r"(s3|sqs|sns|lambda|secretsmanager|kms|dynamodb):"),
        ("SealAuditTrailRole", r"sns:|sqs:|s3:Delete|dynamodb:(Delete|Scan)|lambda:|secretsmanager:|kms:Sign"),
        ("MetersSealRole", r"sns:|sqs:|s3:Delete|dynamodb:(Delete|Scan)|lambda:|secretsmanager:|kms:Sign"),
        (
            "MetersExportRole",
            r"sns:|sqs:|s3:Delete|dynamodb:(Delete|Scan|Update|Batch)|lambda:|secretsmanager:|kms:Sign",
        ),
        ("RenderedRole", r"sns:|sqs:|s3:Delete|dynamodb:|kms:Sign"),
        ("TaskTaskRole", r"sns:|sqs:|dynamodb:BatchWrite|kms:Sign"),
    ],
)
def test_no_role_may_do_what_its_code_does_not(templates: Templates, role: str, forbidden: str) -> None:
    for statement in _policies_of(templates, role):
        for action in _actions(statement):
            assert not re.match(forbidden, action), action
            assert action != "*"


def test_codes_are_keyed_by_a_key_that_computes_macs_and_nothing_else(templates: Templates) -> None:
    keys = [key["Properties"] for _, key in _resources(templates, "AWS::KMS::Key")]
    (own,) = [key for key in keys if key.get("KeySpec") == "HMAC_256"]
    assert own["KeyUsage"] == "GENERATE_VERIFY_MAC"
    for role in ("ApiHandlerRole", "PatientsMessagesRole"):
        (macs,) = [found for found in _policies_of(templates, role) if "kms:GenerateMac" in _actions(found)]
        assert macs["Resource"]["Fn::GetAtt"][0].startswith("StorageCodeKey")
    changed = [
        found for found in _policies_of(templates, "PatientsMessagesRole") if "dynamodb:UpdateItem" in _actions(found)
    ]
    assert [found["Condition"] for found in changed] == [
        {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["CHALLENGE#*"]}}
    ]


def test_guessing_of_codes_raises_an_alarm(templates: Templates) -> None:
    (found,) = [
        each["Properties"]
        for _, each in _resources(templates, "AWS::Logs::MetricFilter")
        if each["Properties"]["MetricTransformations"][0]["MetricName"] == "CodeAttemptsRefused"
    ]
    for part in ('$.status = "429"', '$.route = "/api/patient-session"', '$.route = "/api/access-grants"'):
        assert part in found["FilterPattern"]
    watched = [
        each["Properties"]
        for _, each in _resources(templates, "AWS::CloudWatch::Alarm")
        if each["Properties"].get("MetricName") == found["MetricTransformations"][0]["MetricName"]
    ]
    assert [bool(each["AlarmActions"]) for each in watched] == [True]


def test_the_api_asks_for_packs_and_looks_at_studies_and_for_nothing_else(templates: Templates) -> None:
    (sending,) = [found for found in _policies_of(templates, "ApiHandlerRole") if "sqs:SendMessage" in _actions(found)]
    queues = [resource["Fn::GetAtt"][0] for resource in sending["Resource"]]
    assert [queue[: queue.index("Queue")] for queue in queues] == ["Pack", "StudyReady"]


def test_packs_are_written_and_read_beside_instances_that_are_read_only(templates: Templates) -> None:
    written = [found for found in _policies_of(templates, "PackSeriesRole") if "s3:PutObject" in _actions(found)]
    assert re.findall(r"/(\w+)/\*", json.dumps(written)) == ["assembled", "packs"]


def test_the_ingest_containers_write_instances_refused_bytes_and_staged_ones_only(templates: Templates) -> None:
    written = [
        json.dumps(resource)
        for statement in _policies_of(templates, "TaskTaskRole")
        if "s3:PutObject" in _actions(statement)
        for resource in statement["Resource"]
    ]
    assert sorted(re.search(r"/(\w+)/\*", text)[1] for text in written) == ["archive", "rejected", "staging"]  # type: ignore[index]


def test_the_ingest_containers_write_no_item_of_the_registry_but_storage_commitments_and_counts(
    templates: Templates,
) -> None:
    writing = [
        statement
        for statement in _policies_of(templates, "TaskTaskRole")
        if any(re.match(r"dynamodb:(Put|Update|Delete)", action) for action in _actions(statement))
        and not re.search("Storage(Audit|Meters)", json.dumps(statement["Resource"]))
    ]
    assert [statement["Condition"] for statement in writing] == [
        {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}}
        for keys in (["STORAGE-COMMITMENT*"], ["ATTEMPTS#ECHO#*", "ATTEMPTS#QUOTA#*"])
    ]


def test_functions_that_record_facts_add_them_and_change_none(templates: Templates) -> None:
    for role in ("TaskTaskRole", "IndexInstanceRole", "StudyReadyRole"):
        own = [found for found in _policies_of(templates, role) if "StorageMeters" in json.dumps(found.get("Resource"))]
        keys = [found["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] for found in own]
        assert [_actions(found) for found in own] == [["dynamodb:PutItem"], ["dynamodb:GetItem"]], role
        assert keys == [["F#*", "NEW#*"], ["F#*"]]


def test_the_ingest_containers_delete_staged_objects_only(templates: Templates) -> None:
    (deleted,) = [found for found in _policies_of(templates, "TaskTaskRole") if "s3:DeleteObject" in _actions(found)]
    assert "/staging/*" in json.dumps(deleted["Resource"])
    assert "archive/*" not in json.dumps(deleted["Resource"])


def test_the_authorizer_lists_shares_and_nothing_else_of_the_registry(templates: Templates) -> None:
    (listing,) = [
        found for found in _policies_of(templates, "ApiAuthorizerRole") if "dynamodb:Query" in _actions(found)
    ]
    assert listing["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["SHARES-WITH#*"]}}


def test_nobody_may_delete_a_line_of_the_ledger(templates: Templates) -> None:
    (ledger,) = [name for name, _ in _resources(templates, "AWS::DynamoDB::Table") if "Ledger" in name]
    for role in (
        "ApiHandlerRole",
        "StudyReadyRole",
        "PackSeriesRole",
        "IndexInstanceRole",
        "RenderedRole",
        "InvoicesRole",
    ):
        for statement in _policies_of(templates, role):
            if ledger in json.dumps(statement.get("Resource", "")):
                assert not [action for action in _actions(statement) if re.search("Delete|BatchWrite", action)]


def test_nobody_may_change_or_delete_a_metered_fact(templates: Templates) -> None:
    for role in (
        "ApiHandlerRole",
        "StudyReadyRole",
        "InvoicesRole",
        "PatientsMessagesRole",
        "MetersSealRole",
        "MetersExportRole",
    ):
        for statement in _policies_of(templates, role):
            if "StorageMeters" in json.dumps(statement.get("Resource", "")):
                keys = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
                changes = [action for action in _actions(statement) if re.search("Delete|Update|BatchWrite", action)]
                assert not changes or keys in (["NEW#*"], ["HEAD#*"])


def test_nobody_may_change_or_delete_an_event_of_the_audit_trail(templates: Templates) -> None:
    for role in ("ApiHandlerRole", "TaskTaskRole"):
        for statement in _policies_of(templates, role):
            if "StorageAudit" in json.dumps(statement.get("Resource", "")):
                assert not [action for action in _actions(statement) if re.search("Delete|Update|Write", action)]
    bucket = next(found for name, found in _resources(templates, "AWS::S3::Bucket") if "AuditBlocks" in name)
    lock = bucket["Properties"]["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert lock == {"Mode": "COMPLIANCE", "Days": 20 * 366}


def test_sms_may_be_sent_to_phones_and_not_to_topics(templates: Templates) -> None:
    (statement,) = [found for found in _policies_of(templates, "StudyReadyRole") if "sns:Publish" in _actions(found)]
    assert statement["NotResource"] == "arn:*:sns:*:*:*"


def test_the_api_takes_every_type_as_binary_and_each_route_but_the_public_ones_has_the_authorizer(
    templates: Templates,
) -> None:
    _, api = next(_resources(templates, "AWS::Serverless::Api"))
    assert api["Properties"]["BinaryMediaTypes"] == ["*/*"]
    public = set()
    for path, methods in api["Properties"]["DefinitionBody"]["paths"].items():
        for method, operation in methods.items():
            if method != "options" and not operation.get("security"):
                public.add((method, path))
    capabilities = {(method, "/dicomweb") for method in ("get", "head")}
    described = {("get", "/dicomweb/openapi.json"), ("head", "/dicomweb/openapi.json"), ("get", "/api/openapi.json")}
    sign_in = {("post", f"/api/{path}") for path in ("session", "patient-session", "patient-session/one-time-password")}
    steps = ("share-preview", "share-session", "share-challenge", "share-session/one-time-password")
    links = {("post", f"/api/{step}") for step in steps}
    sign_in |= {("get", f"/api/oidc/{{provider}}/{step}") for step in ("sign-in", "callback")}
    sign_in |= {("get", "/api/identity-providers"), ("post", "/api/oauth2/token")}
    assert public == sign_in | {("get", "/api/healthz")} | links | capabilities | described


def test_access_logs_name_no_patient(templates: Templates) -> None:
    _, api = next(_resources(templates, "AWS::Serverless::Api"))
    log_format = api["Properties"]["AccessLogSetting"]["Format"]
    assert "$context.resourcePath" in log_format
    for telling in ("$context.path", "querystring", "$context.authorizer"):
        assert telling not in log_format


def test_the_tls_port_has_its_secret_and_sees_addresses(templates: Templates) -> None:
    (statement,) = [found for found in _policies_of(templates, "TaskTaskRole") if "GetSecret" in str(found["Action"])]
    assert statement["Resource"] == TLS_SECRET
    (_, task), *others = _resources(templates, "AWS::ECS::TaskDefinition")
    assert not others
    environment = {item["Name"]: item["Value"] for item in task["Properties"]["ContainerDefinitions"][0]["Environment"]}
    assert (environment["SANSFILM_DICOM_TLS_PORT"], environment["SANSFILM_DICOM_TLS_SECRET"]) == ("2762", TLS_SECRET)
    endpoints = [str(found["Properties"]["ServiceName"]) for _, found in _resources(templates, "AWS::EC2::VPCEndpoint")]
    assert any("secretsmanager" in name for name in endpoints)
    for _, group in _resources(templates, "AWS::ElasticLoadBalancingV2::TargetGroup"):
        attributes = {item["Key"]: item["Value"] for item in group["Properties"]["TargetGroupAttributes"]}
        wants_addresses = group["Properties"]["Port"] in (11112, 2762)
        assert (attributes.get("preserve_client_ip.enabled") == "true") == wants_addresses


def test_only_hospitals_reach_the_dicom_endpoint(templates: Templates) -> None:
    for _, group in _resources(templates, "AWS::EC2::SecurityGroup"):
        for rule in group["Properties"].get("SecurityGroupIngress", []):
            assert rule.get("CidrIp") != "0.0.0.0/0"
    ports = {rule["Properties"]["Port"] for _, rule in _resources(templates, "AWS::ElasticLoadBalancingV2::Listener")}
    assert ports == {11112, 2762, 8081}
    internal = [
        balancer["Properties"]["Scheme"]
        for name, balancer in _resources(templates, "AWS::ElasticLoadBalancingV2::LoadBalancer")
        if name.startswith("HttpLoadBalancer")
    ]
    assert internal == ["internal"]


def test_the_findings_of_cdk_nag_are_the_accepted_ones(assembly: Path) -> None:
    report = json.loads((assembly / "validation-report.json").read_text())
    findings = [
        (violation["ruleName"], construct["constructPath"])
        for plugin in report["pluginReports"]
        if plugin["pluginName"] == "AwsSolutions"
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    ]
    assert findings
    unexpected = [finding for finding in findings if not any(accepted.covers(*finding) for accepted in ACCEPTED)]
    assert unexpected == []
    stale = [accepted for accepted in ACCEPTED if not any(accepted.covers(*finding) for finding in findings)]
    assert stale == []


def test_cfn_lint_finds_nothing(assembly: Path) -> None:
    files = [str(assembly / f"{stack}.template.json") for stack in STACKS]
    # W3005: CDK writes dependencies that a reference already implies.
    command = [sys.executable, "-c", "from cfnlint.runner import main; main()"]
    command += ["--regions", "eu-west-3", "--ignore-checks", "W3005", "--", *files]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_reconciliation_reads_exports_daily_writes_bills_alone_and_alarms(templates: Templates) -> None:
    policies = _policies_of(templates, "CostExportsReconcileRole")
    writing = [found for found in policies if any(re.search("Put|Update|Delete|Write", a) for a in _actions(found))]
    tables = [found for found in writing if any(action.startswith("dynamodb:") for action in _actions(found))]
    assert [_actions(found) for found in tables] == [["dynamodb:PutItem"]]
    assert tables[0]["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ROLLUP#*", "COSTS"]}}
    objects = [found for found in writing if any(action.startswith("s3:") for action in _actions(found))]
    assert [json.dumps(found["Resource"]).count("/costs/*") for found in objects] == [1]
    rules = [each["Properties"] for name, each in _resources(templates, "AWS::Events::Rule") if "CostExports" in name]
    assert [each["ScheduleExpression"] for each in rules] == ["cron(0 6 * * ? *)"]
    (made,) = [each for name, each in _resources(templates, "AWS::CloudWatch::Alarm") if "ReconcileErrors" in name]
    assert (made["Properties"]["Threshold"], len(made["Properties"]["AlarmActions"])) == (1, 1)
    (policy,) = [
        statement
        for _, each in _resources(templates, "AWS::S3::BucketPolicy")
        for statement in each["Properties"]["PolicyDocument"]["Statement"]
        if statement.get("Sid") == "DataExports"
    ]
    assert policy["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
    assert set(policy["Principal"]["Service"]) == {"bcm-data-exports.amazonaws.com", "billingreports.amazonaws.com"}


def test_roll_ups_write_nothing_but_roll_ups_and_alerts(templates: Templates) -> None:
    policies = _policies_of(templates, "CostsRollUpRole")
    writing = [found for found in policies if any(re.search("Put|Update|Delete|Write", a) for a in _actions(found))]
    (table,) = [found for found in writing if any(action.startswith("dynamodb:") for action in _actions(found))]
    assert _actions(table) == ["dynamodb:PutItem"]
    assert table["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ROLLUP#*", "BUDGET#*"]}}
    (publishing,) = [found for found in policies if "sns:Publish" in _actions(found)]
    assert "Budgets" in json.dumps(publishing["Resource"])


def test_failures_of_the_audit_trail_raise_alarms_by_messages_that_the_code_logs(templates: Templates) -> None:
    code = "".join(
        (ROOT / name).read_text() for name in ("chalicelib/web/auditing.py", "chalicelib/functions/seal_audit_trail.py")
    )
    resources = templates["SansFilmArchive"]["Resources"].values()
    alarms = {each["Properties"].get("MetricName") for each in resources if each["Type"] == "AWS::CloudWatch::Alarm"}
    for name, (messages, _) in WATCHED.items():
        assert name in alarms
        assert all(f'"{message}"' in code for message in messages), name
