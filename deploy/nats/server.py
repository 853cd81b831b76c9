"""The server's configuration file: limits, durability, one account with one user per service."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contracts.subjects import SERVICES
from deploy.nats.permissions import OPS, permissions_of

MOST_STORED = "64GB"
"""More than all streams may ever take together. Unsaid it is three quarters of what is free when the server starts, and on
a disk with little left no stream can be made, however small it would stay."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Where one server listens and keeps its data. A cluster has a name and the routes of all its members."""

    name: str
    host: str
    port: int
    monitor_port: int
    store: Path
    cluster: str = ""
    cluster_port: int = 0
    routes: tuple[str, ...] = ()


def configuration(listen: Listen, public_keys: Mapping[str, str]) -> str:
    """The text of nats-server's configuration. `public_keys` maps each service, and ops, to its user nkey."""
    users: list[dict[str, object]] = [{"nkey": public_keys[OPS]}]
    for service in SERVICES:
        allowed = permissions_of(service)
        users.append(
            {
                "nkey": public_keys[service],
                "permissions": {
                    "publish": {"allow": list(allowed.publish)},
                    "subscribe": {"allow": list(allowed.subscribe)},
                    "allow_responses": {"max": 1, "expires": "1m"},
                },
            }
        )
    jetstream = [
        f"store_dir: {json.dumps(str(listen.store))}",
        f"max_file_store: {MOST_STORED}",
        # Every acknowledged message is on the disk; atomic batches make it affordable.
        "sync_interval: always",
        "max_buffered_msgs: 20000",
    ]
    parts = [
        f"server_name: {listen.name}",
        f"listen: {listen.host}:{listen.port}",
        f"http: 127.0.0.1:{listen.monitor_port}",
        "ping_interval: 20s",
        "ping_max: 2",
        "max_payload: 1MB",
        "lame_duck_duration: 30s",
        # The newer form of acknowledgement subjects breaks ordered consumers and watches of nats-py.
        "feature_flags { js_ack_fc_v2: false }",
        f"jetstream {{ {', '.join(jetstream)} }}",
        f"accounts {{ TENANTRY {{ jetstream: enabled, users: {json.dumps(users)} }} }}",
    ]
    if listen.cluster:
        routes = ", ".join(json.dumps(route) for route in listen.routes)
        parts.append(
            f"cluster {{ name: {listen.cluster}, listen: {listen.host}:{listen.cluster_port}, routes: [{routes}] }}"
        )
    return "\n".join(parts) + "\n"
