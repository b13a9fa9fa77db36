"""Queues with their dead-letter queues, the alarm topic, and the alarms on them."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_notifications as notifications
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.cdk.config import Config
from infra.cdk.tagging import tag_component

MAX_RECEIVES = 5
LATE_AFTER = Duration.minutes(15)


class WorkQueue(Construct):
    """A queue whose messages go to a dead-letter queue, which raises an alarm, after `MAX_RECEIVES` failures."""

    def __init__(
        self, scope: Construct, name: str, *, handler_timeout: Duration, config: Config, fifo: bool = False
    ) -> None:
        """`fifo`: messages that carry the same id within five minutes are one."""
        super().__init__(scope, name)
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            fifo=fifo or None,
            retention_period=Duration.days(14),
            enforce_ssl=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            removal_policy=config.removal_policy,
        )
        # AWS advises six times the function's timeout; in the local cloud a killed function should be noticed sooner.
        visibility_s = handler_timeout.to_seconds() * (6 if config.is_production else 1)
        self.queue = sqs.Queue(
            self,
            "Queue",
            fifo=fifo or None,
            visibility_timeout=Duration.seconds(visibility_s),
            retention_period=Duration.days(14),
            receive_message_wait_time=Duration.seconds(20),
            enforce_ssl=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=MAX_RECEIVES, queue=self.dead_letters),
            removal_policy=config.removal_policy,
        )

    def alarm(self, topic: sns.ITopic, *, late_after: Duration = LATE_AFTER) -> None:
        """Alarm on a dead letter and on messages that wait for too long."""
        dead = self.dead_letters.metric_approximate_number_of_messages_visible(statistic="Maximum")
        late = self.queue.metric_approximate_age_of_oldest_message(statistic="Maximum")
        for name, metric, threshold, text in (
            ("DeadLetterAlarm", dead, 1, "A message failed repeatedly and waits in the dead-letter queue"),
            ("LateAlarm", late, late_after.to_seconds(), "Messages are not being handled in time"),
        ):
            alarm(self, name, topic, metric=metric, threshold=threshold, description=text)


class AlarmTopic(Construct):
    """Where alarms are published; operators subscribe to it."""

    def __init__(self, scope: Construct, name: str, *, key: kms.IKey) -> None:
        super().__init__(scope, name)
        tag_component(self, "operations")
        self.topic = sns.Topic(self, "Topic", display_name="Sans Film alarms", master_key=key, enforce_ssl=True)
        key.grant(iam.ServicePrincipal("cloudwatch.amazonaws.com"), "kms:Decrypt", "kms:GenerateDataKey*")


def alarm(
    scope: Construct,
    name: str,
    topic: sns.ITopic,
    *,
    metric: cloudwatch.IMetric,
    threshold: float,
    description: str,
    periods: int = 1,
) -> cloudwatch.Alarm:
    """Tell the topic when a metric reaches a threshold."""
    made = cloudwatch.Alarm(
        scope,
        name,
        metric=metric,
        threshold=threshold,
        evaluation_periods=periods,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        alarm_description=description,
    )
    made.add_alarm_action(actions.SnsAction(topic))
    return made


def notify_of_instances(bucket: s3.Bucket, queue: sqs.IQueue) -> None:
    """Each instance that is new in the archive bucket, or back from a slower class, becomes a message."""
    instances = s3.NotificationKeyFilter(prefix="archive/", suffix=".dcm")
    for event in (s3.EventType.OBJECT_CREATED, s3.EventType.OBJECT_RESTORE_COMPLETED):
        bucket.add_event_notification(event, notifications.SqsDestination(queue), instances)
