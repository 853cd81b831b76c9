import json
from pathlib import Path

from scripts.house_rules import LOCK_FILES, addresses_in, files
from scripts.lean_lock import lean

ADDRESS = "https://example.org/"
PACKAGES: dict[str, dict[str, object]] = {
    "": {"name": "tenantry-contract-checks"},
    "node_modules/ajv": {"version": "8.20.0", "integrity": "sha512-MUC8xIUM==", "dependencies": {"é": "^3"}},
}


def as_npm_writes(packages: dict[str, dict[str, object]]) -> str:
    return json.dumps({"lockfileVersion": 3, "packages": packages}, indent=2, ensure_ascii=False) + "\n"


def test_only_addresses_are_taken_out() -> None:
    talkative = {
        name: {**package, "resolved": ADDRESS, "funding": [{"type": "github", "url": ADDRESS}]}
        for name, package in PACKAGES.items()
    }
    assert lean(as_npm_writes(talkative)) == as_npm_writes(PACKAGES)


def test_an_address_in_a_lock_file_is_a_fault(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"ajv==8 \\\n    --hash=sha256:1c89\n--index-url {ADDRESS}\n")
    assert list(addresses_in(str(lock))) == [f"{lock}:3: an address in a lock file; run `make lock`"]


def test_every_lock_file_is_looked_at() -> None:
    looked_at = set(files(*LOCK_FILES))
    assert {"requirements.lock", "requirements-dev.lock", "requirements-node.lock"} < looked_at
    assert "tests/node/package-lock.json" in looked_at
    assert not [fault for path in looked_at for fault in addresses_in(path)]
