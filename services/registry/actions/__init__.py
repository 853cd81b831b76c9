"""What administrators ask products to do for one tenant."""
