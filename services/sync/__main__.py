"""`python -m services.sync`."""

from chassis.runtime import main
from services.sync.app import SERVICE, compose
from services.sync.settings import Settings

if __name__ == "__main__":
    main(SERVICE, Settings, compose)
