"""Settings of the registry, from the environment (prefix TENANTRY_REGISTRY_)."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings
from services.registry.tenants.model import Ladder


class Settings(ServiceSettings):
    """What the registry needs beside what every service needs."""

    model_config = SettingsConfigDict(env_prefix="TENANTRY_REGISTRY_")

    erp_webhook_secret: SecretStr
    """Shared with the ERP; signs its webhooks."""
    erp_folder: Path
    """The local ERP: `<erp_folder>/Sales Order/<name>.json`."""
    identity_admin_url: str
    """Administration of the identity provider; locally the issuer's."""
    identity_admin_secret: SecretStr
    trial_days: int = Field(default=14, ge=1)
    trial_warning_days: tuple[int, ...] = (7, 12)
    """Days of the trial on which its end is announced."""
    grace_days: int = Field(default=30, ge=1)
    """From frozen to archived."""
    retention_days: int = Field(default=30, ge=1)
    """From archived to deleted."""
    hold_days: int = Field(default=90, ge=1, le=366)
    """So long a hold may be."""
    due_seconds: float = Field(default=1.0, gt=0)
    """How often the scheduler looks for due actions."""
    due_batch: int = Field(default=200, ge=1, le=2000)
    page_token_key: SecretStr
    """Signs page tokens; the same for all processes."""
    challenge_seconds: int = Field(default=300, ge=10)
    push_seconds: float = Field(default=0.5, gt=0)

    @property
    def ladder(self) -> Ladder:
        return Ladder(self.trial_days, self.trial_warning_days, self.grace_days, self.retention_days)
