"""Small checks that `make lint` calls."""
