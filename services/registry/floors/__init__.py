"""Version floors: the lowest version of a desktop that may come in."""
