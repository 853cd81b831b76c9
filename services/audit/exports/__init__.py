"""Exports: a range of a tenant's log as one ZIP that people read and machines verify, without asking us."""
