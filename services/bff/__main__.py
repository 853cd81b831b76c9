"""`python -m services.bff`."""

from chassis.runtime import main
from services.bff.app import SERVICE, compose
from services.bff.settings import Settings

if __name__ == "__main__":
    main(SERVICE, Settings, compose)
