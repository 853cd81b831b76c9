"""What each process is told: its environment, and nothing of ours that it was not meant to have."""

import base64
import json
import os
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from contracts.roles import PRODUCT_PREFIX
from contracts.subjects import SERVICES
from deploy.postgres.roles import DATABASE
from tenantry.stack.folder import LOCK_VENDOR, PRODUCTS, Secrets

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "VIRTUAL_ENV")
CHECKOUT = Path(__file__).parents[2]
SIGNING_NAME = "tenantry.example/audit"
ED25519 = b"\x01"


class Environment:
    """Makes the environment variables of each process from ports and secrets."""

    def __init__(self, folder: Path, ports: dict[str, int], secrets: Secrets) -> None:
        self._folder = folder
        self._ports = ports
        self._secrets = secrets

    def of(self, name: str) -> dict[str, str]:
        """The whole environment of a process. The folder of the issuer's clients is written on the way."""
        passed = {key: os.environ[key] for key in PASSED_ON if key in os.environ}
        shared = {
            "PYTHONPATH": str(CHECKOUT),
            "PYTHONUNBUFFERED": "1",
            "TENANTRY_MODE": "local",
            "TENANTRY_NATS_URL": f"nats://127.0.0.1:{self._ports['nats']}",
            "TENANTRY_OIDC_ISSUER": self.url("issuer"),
            "TENANTRY_TELEMETRY": f"file:{self._folder / 'traces' / f'{name}.jsonl'}",
            **{f"TENANTRY_{service.upper()}_URL": self.url(service) for service in SERVICES},
        }
        return {**passed, **shared, **self._own(name)}

    def _own(self, name: str) -> dict[str, str]:
        if name == "issuer":
            return self._issuer()
        if name == LOCK_VENDOR:
            return self._lock_vendor()
        return self._product(name) if name in PRODUCTS else self._service(name)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._ports[name]}"

    def dsn(self, service: str, login: str) -> str:
        user = f"{service}_{login}"
        return f"postgresql://{user}:{self._secrets.passwords[user]}@127.0.0.1:{self._ports['postgres']}/{DATABASE}"

    def _issuer(self) -> dict[str, str]:
        clients = self._folder / "issuer" / "clients.json"
        clients.parent.mkdir(parents=True, exist_ok=True)
        products = {f"{PRODUCT_PREFIX}{name}": key for name, key in self._secrets.product_keys.items()}
        public = {
            client: {part: value for part, value in key.items() if part != "d"}
            for client, key in {**self._secrets.service_keys, **products}.items()
        }
        clients.write_text(json.dumps(public))
        return {
            "TENANTRY_ISSUER_PORT": str(self._ports["issuer"]),
            "TENANTRY_ISSUER_PUBLIC_ORIGIN": self.url("issuer"),
            "TENANTRY_ISSUER_DATA": str(self._folder / "issuer"),
            "TENANTRY_ISSUER_CLIENTS": str(clients),
            "TENANTRY_ISSUER_ADMIN_SECRET": self._secrets.issuer_admin,
        }

    def _product(self, name: str) -> dict[str, str]:
        return {
            "TENANTRY_PRODUCT_SERVICE_KEY": json.dumps(self._secrets.product_keys[name]),
            "TENANTRY_PRODUCT_PORT": str(self._ports[name]),
            "TENANTRY_PRODUCT_DATA": str(self._folder / "products"),
        }

    def _lock_vendor(self) -> dict[str, str]:
        return {
            "TENANTRY_LOCK_VENDOR_KEY": self._secrets.lock_vendor,
            "TENANTRY_LOCK_VENDOR_PORT": str(self._ports[LOCK_VENDOR]),
            "TENANTRY_LOCK_VENDOR_DATA": str(self._folder / "products"),
        }

    def _service(self, name: str) -> dict[str, str]:
        prefix = f"TENANTRY_{name.upper()}_"
        common = {
            "DATABASE_URL": self.dsn(name, "app"),
            "WORKER_DATABASE_URL": self.dsn(name, "worker"),
            "NATS_SEED": self._secrets.nats_seeds[name],
            "SERVICE_KEY": json.dumps(self._secrets.service_keys[name]),
            "PORT": str(self._ports[name]),
            "PUBLIC_ORIGIN": self.url(name),
        }
        return {prefix + key: value for key, value in {**common, **self._special(name)}.items()}

    def _special(self, name: str) -> dict[str, str]:
        """What only this service is told."""
        return {
            "registry": {
                "PAGE_TOKEN_KEY": self._secrets.page_tokens,
                "KEY_PEPPERS": f"p1:{self._secrets.key_pepper}",
                "TRIAL_LINK_KEY": self._secrets.trial_links,
                "ERP_WEBHOOK_SECRET": self._secrets.erp_webhook,
                "ERP_FOLDER": str(self._folder / "erp"),
                "IDENTITY_ADMIN_URL": f"{self.url('issuer')}/admin",
                "IDENTITY_ADMIN_SECRET": self._secrets.issuer_admin,
            },
            "audit": {
                "SIGNING_KEY": self._secrets.audit_signing,
                "ROOT_KEY": self._secrets.audit_root,
                "PAGE_TOKEN_KEY": self._secrets.page_tokens,
                "EXPORT_FOLDER": str(self._folder / "audit" / "exports"),
                "BUNDLE_FOLDER": str(self._folder / "audit" / "bundles"),
                "ANCHOR_FOLDER": str(self._folder / "anchors"),
                "ANCHOR_SECONDS": "5",
            },
            "notifier": {
                "MAIL_FOLDER": str(self._folder / "mail"),
                "SEALING_KEY": self._secrets.notifier_sealing,
                "ALLOW_PRIVATE_ENDPOINTS": "true",
            },
            "sync": {"CURSOR_KEY": self._secrets.sync_cursor},
            "bff": {
                "PAGE_TOKEN_KEY": self._secrets.page_tokens,
                "STREAM_PORT": str(self._ports["bff_stream"]),
                "STREAM_ORIGIN": f"http://127.0.0.1:{self._ports['bff_stream']}",
                "DRAIN_SECONDS": "4",  # there is no other process to go to
                "AUDIT_VERIFIER_KEY": verifier_key(self._secrets.audit_signing),
                "LOCK_VENDOR_URL": self.url(LOCK_VENDOR),
                "LOCK_VENDOR_KEY": self._secrets.lock_vendor,
            },
        }[name]


def verifier_key(signing_key: str) -> str:
    """Of audit's signing key (32 bytes in base64): `<name>+<id in hex>+<base64 of type and key>` (C2SP signed-note)."""
    private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(signing_key))
    public = ED25519 + private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    identity = sha256(f"{SIGNING_NAME}\n".encode() + public).digest()[:4]
    return f"{SIGNING_NAME}+{identity.hex()}+{base64.b64encode(public).decode()}"
