"""A vendor of locks that is none: a process of its own with a log of its own, which fails as it is told to."""
