"""Settings are read once and refused by the variable's name, without showing values."""

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings, read


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="TENANTRY_TEST_")

    size: int = 1


GOOD = {
    "TENANTRY_MODE": "local",
    "TENANTRY_NATS_URL": "nats://127.0.0.1:4222",
    "TENANTRY_OIDC_ISSUER": "http://127.0.0.1:9",
    "TENANTRY_TEST_DATABASE_URL": "postgresql://a:hush@127.0.0.1/x",
    "TENANTRY_TEST_WORKER_DATABASE_URL": "postgresql://w:hush@127.0.0.1/x",
    "TENANTRY_TEST_NATS_SEED": "SUhush",
    "TENANTRY_TEST_SERVICE_KEY": "{}",
    "TENANTRY_TEST_PORT": "8080",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_good_settings_are_read(environment: pytest.MonkeyPatch) -> None:
    settings = read(Settings)
    assert (settings.mode, settings.port, settings.host) == ("local", 8080, "127.0.0.1")


def test_settings_cannot_be_changed(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(read(Settings), "port", 1)  # noqa: B010  # the type checker refuses the plain form, as it should


def test_settings_never_show_a_secret(environment: pytest.MonkeyPatch) -> None:
    assert "hush" not in repr(read(Settings))


@pytest.mark.parametrize("name", GOOD)
def test_a_missing_setting_is_named(
    environment: pytest.MonkeyPatch, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.delenv(name)
    with pytest.raises(SystemExit) as ended:
        read(Settings)
    assert ended.value.code == 2
    assert f"{name}: field required" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value"),
    [("TENANTRY_TEST_PORT", "hush"), ("TENANTRY_MODE", "hush"), ("TENANTRY_TEST_SIZE", "hush")],
)
def test_a_wrong_setting_is_named_and_not_shown(
    environment: pytest.MonkeyPatch, name: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv(name, value)
    with pytest.raises(SystemExit):
        read(Settings)
    told = capsys.readouterr().err
    assert name in told
    assert "hush" not in told
