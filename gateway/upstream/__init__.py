"""The one door to vendors: the wire, the egress guard, TLS."""
