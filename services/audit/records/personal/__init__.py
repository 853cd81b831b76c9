"""Personal data in the log: sealed under a key per person, found by keyed words, unreadable once the key is destroyed."""
