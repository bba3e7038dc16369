"""What the wire's facts mean as a verdict: the first step of classification.

After it come the machine code, the message, the status and the answer itself, all of which
`providers.faults` reads; a transport that failed left nothing to read.
"""

from types import MappingProxyType
from typing import Final

from gateway.upstream.transport import Fault, FaultKind
from providers.contract import Charge, Kind, Verdict

_KINDS: Final = MappingProxyType(
    {
        FaultKind.CONNECT: Kind.UNREACHABLE,
        FaultKind.TLS: Kind.UNREACHABLE,
        FaultKind.EGRESS: Kind.UNREACHABLE,
        FaultKind.RESET: Kind.UPSTREAM_FAULT,
        FaultKind.STALE: Kind.STALE_CONNECTION,
        # Before the commit there is no stream that breaks; after it the engine calls it one.
        FaultKind.TRUNCATED: Kind.UPSTREAM_FAULT,
        FaultKind.MALFORMED: Kind.CORRUPT_ANSWER,
        FaultKind.TOO_LARGE: Kind.CORRUPT_ANSWER,
        FaultKind.SILENT: Kind.BROWNOUT,
    }
)


def judge_fault(fault: Fault) -> Verdict:
    """The verdict on a call that ended without a whole reply.

    Sent and unanswered is an unknown charge: the vendor may have worked on it.
    """
    if fault.answered:
        charge = Charge.PARTIAL
    else:
        charge = Charge.UNKNOWN if fault.sent else Charge.NONE
    return Verdict(_KINDS[fault.kind], fault.kind, charge=charge)
