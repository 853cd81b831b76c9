"""`python -m services.registry serve`."""

from chassis.runtime import main
from services.registry.app import SERVICE, compose
from services.registry.settings import Settings

if __name__ == "__main__":
    main(SERVICE, Settings, compose)
