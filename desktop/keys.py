"""The device key: an ES256 key that never leaves the machine, behind one interface.

The operating system's keychain holds it where there is one; otherwise an encrypted file does, and `open_key_store` says so.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import keyring
import keyring.errors
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey

from desktop.errors import KeyStoreLocked

KEYCHAIN_SERVICE = "tenantry-desktop"


class KeyStore(Protocol):
    """Holds one private key per name; `load` answers None for a name never stored."""

    def load(self, name: str) -> bytes | None: ...

    def save(self, name: str, pem: bytes) -> None: ...


class KeychainStore:
    """The keychain of the operating system (Keychain, Credential Manager, Secret Service)."""

    def load(self, name: str) -> bytes | None:
        secret = keyring.get_password(KEYCHAIN_SERVICE, name)
        return secret.encode() if secret else None

    def save(self, name: str, pem: bytes) -> None:
        keyring.set_password(KEYCHAIN_SERVICE, name, pem.decode())


class EncryptedFileStore:
    """PKCS #8 files under a passphrase, readable by their owner only; for machines without a keychain."""

    def __init__(self, folder: Path, passphrase: bytes) -> None:
        self._folder = folder
        self._passphrase = passphrase

    def load(self, name: str) -> bytes | None:
        path = self._folder / f"{name}.pem"
        if not path.exists():
            return None
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), self._passphrase)
        except ValueError as error:
            raise KeyStoreLocked(
                f"{path} does not open with this passphrase; enrol the device again"
            ) from error
        return key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def save(self, name: str, pem: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        sealed = serialization.load_pem_private_key(pem, None).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(self._passphrase),
        )
        fresh = self._folder / f".{name}.pem.new"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(sealed)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._folder / f"{name}.pem")


def open_key_store(folder: Path, passphrase: bytes, say: Callable[[str], None]) -> KeyStore:
    """The keychain where a usable one answers, else encrypted files in `folder`; `say` is told which, and why."""
    try:
        keyring.get_password(KEYCHAIN_SERVICE, "probe")
    except (keyring.errors.KeyringError, RuntimeError):
        say(f"no keychain on this machine: the device key is kept in an encrypted file in {folder}")
        return EncryptedFileStore(folder, passphrase)
    say("the device key is kept in the keychain of the operating system")
    return KeychainStore()


def device_key(store: KeyStore, name: str) -> ECKey:
    """The key called `name`, made on first use."""
    pem = store.load(name)
    if pem is None:
        pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        store.save(name, pem)
    return ECKey.import_key(pem)
