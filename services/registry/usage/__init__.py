"""What tenants used of products, by day."""
