"""Mechanism that every service needs and no business word. Imports contracts only."""
