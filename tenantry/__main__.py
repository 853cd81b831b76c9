"""`python -m tenantry`."""

from tenantry.cli import app

if __name__ == "__main__":
    app()
