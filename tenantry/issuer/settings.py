"""Settings of the issuer, from the environment (prefix TENANTRY_ISSUER_)."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class IssuerSettings(BaseSettings):
    """`data` is the folder with its database; `clients` a JSON file of service name → public JWK."""

    model_config = SettingsConfigDict(env_prefix="TENANTRY_ISSUER_", frozen=True, hide_input_in_errors=True)

    mode: Literal["local", "production"] = Field(validation_alias="TENANTRY_MODE")
    telemetry: str = Field(default="none", validation_alias="TENANTRY_TELEMETRY")
    port: int
    public_origin: str
    data: Path
    clients: Path
    admin_secret: SecretStr
    host: str = "127.0.0.1"
    access_seconds: int = Field(default=900, ge=30)
    service_seconds: int = Field(default=300, ge=30)
    refresh_seconds: int = Field(default=30 * 86_400, ge=60)
    code_seconds: int = Field(default=60, ge=5)
    attempts_per_minute: int = Field(default=20, ge=1)
