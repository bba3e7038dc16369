"""The data plane as clients see it: paths, the ASGI adaptor, and the paths we do not serve."""
