"""`python -m tenantry.issuer`."""

import sys

from chassis import logs, telemetry
from chassis.runtime import serve
from chassis.settings import read
from tenantry.issuer.app import ProductionRefused, compose, refuse_production
from tenantry.issuer.settings import IssuerSettings

if __name__ == "__main__":
    settings = read(IssuerSettings)
    logs.setup("issuer")
    telemetry.setup("issuer", settings.telemetry)
    try:
        refuse_production(settings)  # here, because `serve` tells failures to the log alone
    except ProductionRefused as refused:
        sys.exit(f"issuer: {refused}")
    serve(lambda: compose(settings))
