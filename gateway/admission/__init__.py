"""Who may come in, and how much of them at once."""
