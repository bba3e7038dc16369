"""State of every element of the supply: breaker, cooldown, cut, load."""
