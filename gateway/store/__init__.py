"""What survives a restart: SQLite, its migrations, and the keys."""
