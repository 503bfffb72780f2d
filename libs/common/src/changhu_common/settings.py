"""What a deployment decides about a service, read from CHANGHU_… variables and checked before anything starts.

Secrets are never printed. What is meant for a developer's machine (a clock that can be moved) is
refused in production.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from changhu_common.field_encryption import BlindIndex, FieldCipher, FieldKey, IndexKey


class ServiceSettings(BaseSettings):
    """The settings that every service has."""

    model_config = SettingsConfigDict(env_prefix="CHANGHU_", frozen=True, extra="ignore")

    environment: Literal["production", "development"] = "production"
    # postgresql+psycopg://… as the role that runs the service, not the one that migrates.
    database_url: SecretStr

    bus: Literal["kafka", "postgres"] = "kafka"
    kafka_bootstrap: str = ""
    bus_url: SecretStr = SecretStr("")

    oidc_issuer: str
    oidc_audience: str = "changhu"
    # Where the issuer's keys (JWKS) are: an address or a file.
    oidc_jwks: str

    # Key id → "aes-256-gcm:BASE64" or "sm4-gcm:BASE64". The current one encrypts; the others still decrypt.
    field_keys: dict[str, SecretStr] = Field(default_factory=dict)
    field_key_current: str = ""
    # Version → "hmac-sm3:BASE64" or "hmac-sha256:BASE64", for keyed indexes such as that of resident numbers.
    index_keys: dict[str, SecretStr] = Field(default_factory=dict)
    index_key_current: str = ""

    # Pools whose drafts (征求意见稿) run here, with commas between, or "all"; the packs ask for it themselves.
    draft_pools: str = ""

    clock_file: Path | None = None

    host: str = "127.0.0.1"
    port: int = 8000

    @model_validator(mode="after")
    def _fits_its_environment(self) -> Self:
        if self.environment == "production" and self.clock_file is not None:
            raise ValueError("production runs on the machine's clock: CHANGHU_CLOCK_FILE must not be set")
        if self.bus == "kafka" and not self.kafka_bootstrap:
            raise ValueError("CHANGHU_BUS=kafka needs CHANGHU_KAFKA_BOOTSTRAP")
        if self.bus == "postgres" and not self.bus_url.get_secret_value():
            raise ValueError("CHANGHU_BUS=postgres needs CHANGHU_BUS_URL")
        return self

    def field_cipher(self) -> FieldCipher:
        """What encrypts identifying fields (敏感字段) in this deployment."""
        keys = {name: FieldKey.parse(key.get_secret_value()) for name, key in self.field_keys.items()}
        return FieldCipher(keys, current=self.field_key_current)

    def blind_index(self, purpose: str) -> BlindIndex:
        """What finds an encrypted field again by its value; `purpose` keeps two fields' indexes apart."""
        keys = {version: IndexKey.parse(key.get_secret_value()) for version, key in self.index_keys.items()}
        return BlindIndex(keys, current=self.index_key_current, purpose=purpose)
