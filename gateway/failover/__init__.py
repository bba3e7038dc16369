"""From candidates to an answer: the step function that decides, and the driver that acts."""
