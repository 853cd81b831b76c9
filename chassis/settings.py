"""Typed settings from the environment, read once at the entry and refused with a message that names the variable."""

import sys
from typing import Any, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

Mode = Literal["local", "production"]


class ServiceSettings(BaseSettings):
    """What every service needs. A service's own class sets `env_prefix` to `TENANTRY_<SERVICE>_`."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, hide_input_in_errors=True)

    mode: Mode = Field(validation_alias="TENANTRY_MODE")
    nats_url: str = Field(validation_alias="TENANTRY_NATS_URL")
    oidc_issuer: str = Field(validation_alias="TENANTRY_OIDC_ISSUER")
    telemetry: str = Field(default="none", validation_alias="TENANTRY_TELEMETRY")
    """`none`, `console`, `file:<path>` or `otlp:<url>`."""
    build: str = Field(default="checkout", validation_alias="TENANTRY_BUILD")
    """What runs: a version or a commit, shown at `/v1/about`."""
    registry_url: str = Field(default="", validation_alias="TENANTRY_REGISTRY_URL")
    sync_url: str = Field(default="", validation_alias="TENANTRY_SYNC_URL")

    database_url: SecretStr
    worker_database_url: SecretStr
    nats_seed: SecretStr
    service_key: SecretStr
    """Private JWK with which the service proves who it is to the issuer (private_key_jwt)."""
    host: str = "127.0.0.1"
    port: int = Field(ge=1, le=65535)
    public_origin: str = ""

    drain_seconds: float = Field(default=20.0, gt=0)
    request_seconds: float = Field(default=30.0, gt=0)
    max_body_bytes: int = Field(default=1_048_576, ge=1024)
    app_connections: int = Field(default=10, ge=1)
    worker_connections: int = Field(default=6, ge=2)


S = TypeVar("S", bound=BaseSettings)


def read(settings: type[S]) -> S:
    """The settings, or the end of the process (status 2) with every fault by its variable's name."""
    try:
        return settings()
    except ValidationError as error:
        prefix = str(settings.model_config.get("env_prefix", ""))
        for fault in error.errors():
            sys.stderr.write(f"settings: {variable_of(fault, prefix)}: {fault['msg'].lower()}\n")
        sys.exit(2)


def variable_of(fault: Any, prefix: str) -> str:
    """The environment variable behind a validation error."""
    name = str(fault["loc"][0]) if fault["loc"] else "?"
    return name if name.startswith("TENANTRY_") else f"{prefix}{name}".upper()
