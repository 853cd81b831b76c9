"""The way through to sync, which speaks with services only."""
