"""The admin plane: metrics, health, reload.  On a port of its own, never on the data port."""
