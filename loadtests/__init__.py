"""What a request costs, and what holds the loop: `loadtests.bench` and `loadtests.lag`.

Measured, never asserted in the suite: absolute figures belong to a machine, ratios to a run.
"""
