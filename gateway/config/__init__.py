"""What operators write: read, judged as a whole, and turned into records."""
