"""Enrolled desktop installations."""
