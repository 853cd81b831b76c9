"""PostgreSQL: the roles and schemas of every service."""
