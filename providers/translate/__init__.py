"""Pairs of a client's dialect and an upstream's; identity is one of them."""
