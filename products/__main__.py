"""`python -m products <key>`."""

import sys

from chassis import logs, telemetry
from chassis.runtime import serve
from chassis.settings import read
from products.app import compose
from products.kinds import KINDS
from products.settings import Settings

if __name__ == "__main__":
    key = sys.argv[1] if len(sys.argv) == 2 else ""
    if key not in KINDS:
        sys.exit(f"usage: python -m products {'|'.join(KINDS)}")
    settings = read(Settings)
    logs.setup(key)
    telemetry.setup(key, settings.telemetry)
    serve(lambda: compose(KINDS[key], settings))
