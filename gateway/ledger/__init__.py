"""The ledger: one row per exchange and per attempt, written before bytes go out, settled after."""
