"""Settings of the registry, from the environment (prefix TENANTRY_REGISTRY_)."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


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
    challenge_seconds: int = Field(default=300, ge=10)
    push_seconds: float = Field(default=0.5, gt=0)
