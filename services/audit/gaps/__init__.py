"""The book of gaps: numbers of a source that did not arrive."""
