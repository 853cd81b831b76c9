"""The device key: made once, kept closed, never readable by others."""

import stat
from pathlib import Path

import keyring
import keyring.backends.fail
import pytest

from desktop.errors import KeyStoreLocked
from desktop.keys import EncryptedFileStore, KeyStore, device_key, open_key_store


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return EncryptedFileStore(tmp_path, b"a passphrase")


def test_the_key_is_made_once(store: KeyStore) -> None:
    assert device_key(store, "desk").thumbprint() == device_key(store, "desk").thumbprint()


def test_the_file_is_encrypted_and_for_its_owner_only(tmp_path: Path, store: KeyStore) -> None:
    device_key(store, "desk")
    path = tmp_path / "desk.pem"
    assert b"ENCRYPTED" in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_another_passphrase_does_not_open_it(tmp_path: Path, store: KeyStore) -> None:
    device_key(store, "desk")
    with pytest.raises(KeyStoreLocked, match="enrol the device again"):
        EncryptedFileStore(tmp_path, b"another").load("desk")


def test_without_a_keychain_a_file_is_used_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = keyring.backends.fail.Keyring()  # type: ignore[no-untyped-call]
    monkeypatch.setattr(keyring, "get_password", failing.get_password)
    said: list[str] = []
    assert isinstance(open_key_store(tmp_path, b"a passphrase", said.append), EncryptedFileStore)
    assert said == [f"no keychain on this machine: the device key is kept in an encrypted file in {tmp_path}"]
