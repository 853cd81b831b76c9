"""Projects: what a tenant divides its API keys and its usage by."""

from typing import ClassVar
from uuid import UUID

from contracts.event import Event, Time


class ProjectEvent(Event):
    """An event about one project of a tenant. The project `default` is implicit: nothing is said of its making."""

    aggregate: ClassVar = "project"
    aggregate_field: ClassVar = "project_key"

    tenant_id: UUID
    project_id: str
    """Unique in its tenant only."""

    @property
    def project_key(self) -> str:
        """Unique everywhere."""
        return f"{self.tenant_id}/{self.project_id}"


class ProjectCreatedV1(ProjectEvent):
    """API keys and usage can name the project from now on."""

    type: ClassVar = "registry.project.created.v1"

    name: str
    created_at: Time


class ProjectArchivedV1(ProjectEvent):
    """The project ended for good: its API keys were revoked (each says so itself), no key and no usage can name it."""

    type: ClassVar = "registry.project.archived.v1"

    archived_at: Time
