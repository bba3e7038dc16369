"""A vendor of its own for every fault, dialect and shape, so that no case spoils another.

One gateway serves them all: route `CASE-alone` has the sick vendor, `CASE-pair` has a sick twin
and after it a healthy one.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.practice.faultbook import find_fault
from gateway.practice.grid import Grid
from tests.house import House
from tests.running_house import Running

DIALECTS: Final = ("openai", "anthropic", "mistral", "vllm")
LIKE_ANY: Final = ("openai", "anthropic")
# The healthy vendor speaks another dialect than the sick one, where there are two.
WELL: Final = {"openai": "borealis", "anthropic": "aurora", "mistral": "homegrid", "vllm": "europa"}
DEADLINES: Final = {"first_token_s": 0.5, "whole_s": 0.5, "idle_s": 0.4, "total_s": 6.0}


class End(StrEnum):
    """What a client may see of a fault."""

    FAILS = "fails"  # before any text: another deployment answers, or 503
    BREAKS = "breaks"  # text went out: one error, whoever else stands ready
    TOLD = "told"  # the request's own fault: an error of the client's, never tried elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One fault as one dialect plays it, asked for in one shape."""

    name: str
    fault: str
    flavour: str
    is_stream: bool
    end: End

    @property
    def id(self) -> str:
        shape = "stream" if self.is_stream else "whole"
        return f"{self.name.replace(' ', '_')}-{self.flavour}-{shape}"


# What happens, the fault that plays it in each dialect, and what a client may see of it.
_BOTH: Final[dict[str, tuple[str, ...]]] = {
    "throttled": ("openai/429_reset_minutes", "anthropic/429_ramp", "mistral/429_rate"),
    "page of a throttle": ("cdn/1015",),
    "overloaded": ("anthropic/529_overloaded", "mistral/503_capacity", "vllm/503_busy"),
    "page of an overload": ("cdn/503_html",),
    "quota used up": ("openai/429_insufficient_quota", "anthropic/400_credit_too_low",
                      "mistral/402_payment"),
    "billing stopped": ("openai/429_billing_not_active", "anthropic/402_billing"),
    "organisation disabled": ("openai/401_account_deactivated",
                              "anthropic/400_organization_disabled"),
    "country refused": ("openai/403_country", "anthropic/403_country"),
    "model gone": ("openai/404_model_not_found", "anthropic/404_model",
                   "mistral/400_invalid_model", "vllm/404_model"),
    "server error": ("openai/500_server_error", "anthropic/500_api_error",
                     "mistral/500_internal", "vllm/500_engine_dead"),
    "page in a 502": ("cdn/502_html",),
    "page in a 200": ("answer/html",),
    "reset": ("wire/reset",),
    "refused": ("wire/refused",),
    "hangs": ("wire/hang",),
    "half a head": ("wire/half_head",),
    "empty body": ("answer/empty_body",),
    "gzip bomb": ("answer/gzip_bomb",),
    "gzip lie": ("answer/gzip_lie",),
    "redirect": ("cdn/307",),
}  # fmt: skip
_STREAM: Final[dict[str, tuple[str, ...]]] = {
    "cut before text": ("stream/cut_first",),
    "ends before text": ("stream/bare_eof_first",),
    "stalls before text": ("stream/stall_first",),
    "comments before text": ("stream/comments_first",),
    "error before text": ("openai/stream_error_first", "anthropic/stream_overloaded",
                          "vllm/stream_engine_dead_first"),
}  # fmt: skip
_WHOLE: Final[dict[str, tuple[str, ...]]] = {
    "json cut short": ("answer/truncated",),
    "bad utf-8": ("answer/bad_utf8",),
    "no choices": ("answer/no_choices",),
    "null": ("answer/json_null",),
}
_AFTER: Final[dict[str, tuple[str, ...]]] = {
    "cut after text": ("stream/cut",),
    "reset after text": ("stream/reset",),
    "ends after text": ("stream/bare_eof",),
    "torn event": ("stream/torn_event",),
    "stalls after text": ("stream/stall",),
    "no terminal reason": ("stream/no_terminal",),
    "error after text": ("openai/stream_error", "anthropic/stream_error", "mistral/stream_error",
                         "vllm/stream_engine_dead"),
    "overloaded after text": ("anthropic/stream_overloaded_late",),
}  # fmt: skip
_TOLD: Final[dict[str, tuple[str, ...]]] = {
    "context too long": ("openai/400_context_length", "anthropic/400_context_length",
                         "mistral/400_context_length", "vllm/400_context_length"),
    "prompt refused": ("openai/400_content_policy",),
    "unknown 400": ("openai/400_unknown_text",),
}  # fmt: skip


def cases() -> list[Case]:
    """All of them."""
    return [
        Case(name=name, fault=fault, flavour=flavour, is_stream=is_stream, end=end)
        for table, shapes, end in (
            (_BOTH, (True, False), End.FAILS),
            (_STREAM, (True,), End.FAILS),
            (_WHOLE, (False,), End.FAILS),
            (_AFTER, (True,), End.BREAKS),
            (_TOLD, (True, False), End.TOLD),
        )
        for name, faults in table.items()
        for fault in faults
        for flavour in _flavours(fault)
        for is_stream in shapes
    ]


def _flavours(fault: str) -> tuple[str, ...]:
    """A vendor's own error in its own dialect; what is below dialects in two of them."""
    vendor = fault.partition("/")[0]
    return (vendor,) if vendor in DIALECTS else LIKE_ANY


def build() -> tuple[Grid, House]:
    """The grid with every fault turned on, and the gateway before it."""
    routes: dict[str, object] = {}
    sick: dict[str, Case] = {}
    for number, case in enumerate(cases()):
        for kind in ("alone", "pair"):
            vendor = sick_vendor(number, kind)
            sick[vendor] = case
            assert f"{case.id}-{kind}" not in routes, "two cases of one name"
            routes[f"{case.id}-{kind}"] = [vendor] + [WELL[case.flavour]] * (kind == "pair")
    # With a gap text and fault come in two reads: in one, nothing would have gone out yet.
    grid = Grid(extra={name: case.flavour for name, case in sick.items()}, gap_s=0.001, words=12)
    for vendor, case in sick.items():
        grid.knobs.turn(vendor, find_fault(case.fault))
    return grid, House(grid, routes, deadlines=DEADLINES)


def sick_vendor(number: int, kind: str) -> str:
    """The vendor of the case of that number in `cases()`."""
    return f"sick{number}{kind}"


def close_ports(it: Running) -> None:
    """Knobs that were turned before the start refuse connections from now on."""
    it.do(it.grid.refresh)
