"""What the gateway tells those who watch it: metrics, log lines, the lag of its own loop."""
