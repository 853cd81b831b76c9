"""What can stop the stack from starting; every message names the place and the cure."""


class StackError(Exception):
    """The stack cannot start or go on."""
