"""From a public model name to candidates in order: resolve, clear, select."""
