"""Records that are posted by publishers, in Retraced's format."""
