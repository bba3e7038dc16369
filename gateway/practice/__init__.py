"""The practice grid: imitations of model vendors that can be made to fail in every known way.

It stands alone and shares no code with what it tests: an error of ours would hide in its twin.
"""

from gateway.practice.control import Control
from gateway.practice.faultbook import (
    BadFaultFileError,
    Expect,
    Fault,
    UnknownFaultError,
    find_fault,
    load_faults,
)
from gateway.practice.grid import Grid
from gateway.practice.knobs import BadKnobError, Knob, Scope
from gateway.practice.listener import PortTakenError
from gateway.practice.log import Outcome, Request
from gateway.practice.station import Station
from gateway.practice.vendors import Flavour, Model, Vendor

__all__ = [
    "BadFaultFileError",
    "BadKnobError",
    "Control",
    "Expect",
    "Fault",
    "Flavour",
    "Grid",
    "Knob",
    "Model",
    "Outcome",
    "PortTakenError",
    "Request",
    "Scope",
    "Station",
    "UnknownFaultError",
    "Vendor",
    "find_fault",
    "load_faults",
]
