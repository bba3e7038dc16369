"""Properties are checked without a time limit: a busy machine must not turn them red."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
