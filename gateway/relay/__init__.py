"""The answer's way to the client: two relays, one for streams and one for whole answers."""
