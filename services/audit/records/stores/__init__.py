"""The search store as who keeps the log sees it: what it was built from, and building it anew."""
