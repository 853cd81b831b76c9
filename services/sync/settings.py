"""Settings of sync, from the environment (prefix TENANTRY_SYNC_)."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """What sync needs beside what every service needs."""

    model_config = SettingsConfigDict(env_prefix="TENANTRY_SYNC_")

    cursor_key: SecretStr
    """Authenticates cursors; 32 bytes in base64."""
    max_mutations: int = Field(default=500, ge=1)
    max_page: int = Field(default=1000, ge=1)
