"""How bytes are cut: events out of a stream, members out of a body."""
