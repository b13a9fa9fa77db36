"""Cost allocation tags: every taggable resource says which project, environment and component it belongs to (D11)."""

from __future__ import annotations

from aws_cdk import Tags
from constructs import IConstruct

from infra.cdk.config import Config

REQUIRED = ("Project", "Environment", "Component")


def tag_project(scope: IConstruct, config: Config) -> None:
    """Tag everything below with project and environment."""
    Tags.of(scope).add("Project", "sans-film")
    Tags.of(scope).add("Environment", config.environment)


def tag_component(scope: IConstruct, component: str) -> None:
    """Tag everything below with a component; the innermost wins."""
    Tags.of(scope).add("Component", component)
