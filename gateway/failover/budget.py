"""The retry budget: retries as a share of requests, so that an outage is not multiplied.

A count of retries per request is a guess that holds in fair weather; in a storm it triples the
load on what still stands.  A budget ties retries to the traffic that pays for them.  Linkerd and
Finagle keep a ten-second window of 20 % and a floor; a bucket that holds ten seconds of the
floor and leaks nothing else gives the same bound with two numbers.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Budget:
    """A bucket that every request fills by `ratio` and time by `floor_per_s`."""

    ratio: float = 0.2
    floor_per_s: float = 1.0
    cap: float = 20.0
    balance: float = 10.0
    at: float = 0.0  # monotonic seconds of the last refill

    def deposit(self) -> None:
        """A request came."""
        if self.balance < self.cap:
            self.balance += self.ratio

    def withdraw(self, now: float) -> bool:
        """Take one retry out, if there is one."""
        if now > self.at:
            self.balance = min(self.cap, self.balance + (now - self.at) * self.floor_per_s)
            self.at = now
        if self.balance < 1.0:
            return False
        self.balance -= 1.0
        return True
