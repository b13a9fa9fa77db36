"""Alarms of the audit trail: accesses that could not be recorded, chains that were not sealed, or are wrong.

Each is one too many: a read that is not recorded is not answered, and a chain that is wrong was tampered with.
"""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.cdk.messaging import alarm

WATCHED: dict[str, tuple[tuple[str, ...], str]] = {
    "TrailNotRecorded": (("access not recorded",), "Accesses could not be recorded"),
    "TrailNotSealed": (("chain not sealed",), "Events of the audit trail could not be sealed into blocks"),
    "TrailWrong": (("chain is wrong",), "The audit trail is not what was recorded: see the privacy officer's page"),
    "TrailNotVerified": (("chain not verified",), "The audit trail could not be verified"),
}
"""Messages of the log (field `message`), and what they mean."""


def watch_trail(scope: Construct, recorders: logs.ILogGroup, sealer: logs.ILogGroup, topic: sns.ITopic) -> None:
    """Tell the topic of every failure of the trail that a log tells of."""
    for name, (messages, description) in WATCHED.items():
        counted = logs.MetricFilter(
            scope,
            name,
            log_group=recorders if name == "TrailNotRecorded" else sealer,
            filter_pattern=logs.FilterPattern.any(
                *(logs.FilterPattern.string_value("$.message", "=", message) for message in messages)
            ),
            metric_namespace="SansFilm",
            metric_name=name,
            metric_value="1",
        )
        alarm(
            scope,
            f"{name}Alarm",
            topic,
            metric=counted.metric(statistic="Sum", period=Duration.minutes(5)),
            threshold=1,
            description=description,
        )
