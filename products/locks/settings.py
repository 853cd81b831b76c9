"""Settings of the simulated vendor, from the environment (prefix TENANTRY_LOCK_VENDOR_)."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """It exists in local mode only: who reaches its port opens its doors."""

    model_config = SettingsConfigDict(
        env_prefix="TENANTRY_LOCK_VENDOR_", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    mode: Literal["local"] = Field(validation_alias="TENANTRY_MODE")
    key: SecretStr
    """What callers of the interface for customers prove themselves with."""
    data: Path
    """The folder of its log."""
    host: str = "127.0.0.1"
    port: int = Field(ge=1, le=65535)
    drain_seconds: float = Field(default=2.0, gt=0)
