"""The effective label of a request: the key's floor, raised by headers; never lowered."""
