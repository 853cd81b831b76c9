"""`python -m services.audit serve`."""

from chassis.runtime import main
from services.audit.app import SERVICE, compose
from services.audit.settings import Settings

if __name__ == "__main__":
    main(SERVICE, Settings, compose)
