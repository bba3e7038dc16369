"""Who is asking, how much may be under way, and how large may it be."""
