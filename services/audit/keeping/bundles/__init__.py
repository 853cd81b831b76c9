"""Sealed bundles: the records of closed months, compressed, in files; and reading them as if they were in the table."""
