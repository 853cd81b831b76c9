"""Settings of a product, from the environment (prefix TENANTRY_PRODUCT_)."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from chassis.settings import Mode
from products.behaviour import How


class Settings(BaseSettings):
    """`data` is the folder of its database; `service_key` the private JWK of its own client at the issuer."""

    model_config = SettingsConfigDict(
        env_prefix="TENANTRY_PRODUCT_", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    mode: Mode = Field(validation_alias="TENANTRY_MODE")
    oidc_issuer: str = Field(validation_alias="TENANTRY_OIDC_ISSUER")
    registry_url: str = Field(validation_alias="TENANTRY_REGISTRY_URL")
    telemetry: str = Field(default="none", validation_alias="TENANTRY_TELEMETRY")
    service_key: SecretStr
    data: Path
    host: str = "127.0.0.1"
    port: int = Field(ge=1, le=65535)
    behaviour: How = "well"
    """How it behaves from the start; local mode only."""
    report_seconds: float = Field(default=2.0, gt=0)
    """How often what was used is reported."""
    drain_seconds: float = Field(default=10.0, gt=0)
    request_seconds: float = Field(default=20.0, gt=0)
