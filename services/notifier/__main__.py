"""`python -m services.notifier`."""

from chassis.runtime import main
from services.notifier.app import SERVICE, compose
from services.notifier.settings import Settings

if __name__ == "__main__":
    main(SERVICE, Settings, compose)
