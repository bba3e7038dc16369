"""Every fault of the practice grid, streamed and whole, with a healthy forbidden deployment ready.

Whatever a vendor does, the client gets a whole answer or one explicit error; the forbidden
deployment, which would have served, sees no byte; rows and the vendors' logs join one to one
(checked by the house when it is left).

The verdict on the sick vendor is what the fault's file says it is a case of.  Where it may be
another one, `OTHERWISE` says which and why: each row there is a decision, not a tolerance.
"""

import json
import re
from types import MappingProxyType
from typing import Final

import httpx2
import pytest

from gateway.practice.faultbook import Fault, load_faults
from gateway.practice.grid import Grid
from tests.house import House, scenario

# A fault of a dialect is played by the vendor that speaks it; the others by aurora, configured as
# the vendor whose it is, so that the rules of that vendor judge it.
SICK = {"anthropic": "borealis", "mistral": "europa", "vllm": "homegrid"}
NOBODYS = {"wire", "stream", "answer", "slow", "cdn", "odd"}
VENDORS = {"azure": "azure_openai"}
FORBIDDEN = {"twin": {"trains": True}}
DELIVERED = ("ok", "refused", "caller_error")

# Fault -> form ("stream", "whole" or "both") -> the verdict, and why it is not the file's.
OTHERWISE: Final = MappingProxyType(
    {
        # A lenient route delivers another model's answer, names it in a header and counts the
        # event; test_supply_state has the strict route.
        "answer/another_model": {"both": "ok"},
        # Nobody reads the text of an answer for meaning.
        "answer/retirement_text": {"both": "ok"},
        # A stream without a terminal reason is broken, whatever it lacks besides.
        "answer/no_choices": {"stream": "broken_stream"},
        "answer/truncated": {"stream": "broken_stream"},
        "stream/bare_eof_first": {"stream": "broken_stream"},
        "stream/no_events": {"stream": "broken_stream"},
        # All was said before the framing lied: the judge had seen a terminal reason.
        "answer/content_length_long": {"stream": "ok", "whole": "upstream_fault"},
        "answer/content_length_short": {"stream": "ok"},
        # 1 MiB is our bound for one event.
        "odd/big_event": {"stream": "corrupt_answer"},
        # No bound for the gap of tokens is learned yet: a trickle runs into the total deadline,
        # which blames nobody, and a whole answer has no gaps.
        "slow/tokens": {"stream": "local", "whole": "ok"},
        # The body says overload; the file goes by the status.
        "anthropic/500_overloaded": {"both": "overloaded"},
        # The customer's own key store: nobody but the operator can repair it.
        "anthropic/503_cmek": {"both": "credential_rejected"},
        # A conflict is not of the client's making; another deployment has none.
        "anthropic/409_conflict": {"both": "upstream_fault"},
        # A refusal of the request, told as an error, is passed on as the client's own.
        "azure/400_content_filter": {"both": "caller_error"},
        "openai/400_content_policy": {"both": "caller_error"},
        "openrouter/403_moderation": {"both": "caller_error"},
        # Too large for this vendor's minute, not for another's: it goes there.
        "groq/413_tokens": {"both": "throttled"},
        # One service of the project is off; what else the account serves is not.
        "gemini/403_service": {"both": "model_withdrawn"},
        # Both cut the account.
        "openai/429_billing_not_active": {"both": "quota_exhausted"},
        "gemini/403_billing": {"both": "quota_exhausted"},
        # A JSON body or a stream of events where the other form was asked for is no answer.
        "azure/200_unfiltered": {"stream": "corrupt_answer", "whole": "ok"},
        "cohere/200_error": {"stream": "corrupt_answer"},
        "gemini/200_blocked": {"both": "corrupt_answer"},
        "openai/200_refusal": {"stream": "corrupt_answer"},
        "openai/200_stream_refusal": {"whole": "corrupt_answer"},
        "openrouter/200_error": {"stream": "corrupt_answer"},
        "openrouter/200_finish_error": {"both": "corrupt_answer"},
        "deepseek/200_no_resource": {"whole": "corrupt_answer"},
        "openai/responses_residency": {"stream": "corrupt_answer"},
        # The event names its code, and the code goes before the words.
        "openai/responses_failed": {"stream": "upstream_fault", "whole": "upstream_fault"},
        "stream/no_terminal": {"whole": "corrupt_answer"},
        "vllm/stream_abort": {"whole": "corrupt_answer"},
        # The words of a page cut nothing off, for a page may quote the client; its status does.
        "cdn/403_page": {"both": "credential_rejected"},
        # Only the path of its health check is ill.
        "vllm/503_health": {"both": "ok"},
        # A first request meets no used connection; test_bounds has the race.
        "wire/keepalive_race": {"both": "ok"},
    }
)

GAP_S: Final = 0.002  # so that a break after three events comes after the commit


def cases() -> list[object]:
    return [
        pytest.param(fault, is_stream, id=f"{fault.id}-{'stream' if is_stream else 'whole'}")
        for fault in load_faults().values()
        for is_stream in (True, False)
    ]


@pytest.mark.parametrize(("fault", "is_stream"), cases())
def test_client_gets_a_whole_answer_or_one_explicit_error(fault: Fault, is_stream: bool) -> None:
    @scenario
    async def run() -> None:
        whose = fault.id.partition("/")[0]
        sick = SICK.get(whose, "aurora")
        is_own = whose in NOBODYS or whose in SICK
        async with (
            Grid(extra={"twin": "openai", "well": "openai"}, gap_s=GAP_S) as grid,
            House(
                grid,
                {"chat": [sick, "twin", "well"]},
                facts=FORBIDDEN,
                vendors={} if is_own else {sick: VENDORS.get(whose, whose)},
            ) as house,
        ):
            grid.fail(sick, fault.id)
            path, fields = asked(fault)
            reply = await house.ask(path=path, stream=is_stream, **fields)

            kinds = await house.kinds()
            assert kinds[0] == verdict_on(fault, is_stream)
            assert grid.accepted("twin") == 0 and grid.received_bytes("twin") == 0
            outcome = judge(reply, is_stream)
            if kinds[0] in DELIVERED:
                assert outcome == ("error" if kinds[0] == "caller_error" else "whole")
                assert len(kinds) == 1 and not grid.log("well")
            elif len(kinds) == 1:
                # After the commit nothing is tried again: one error event, no last word.
                assert is_stream and outcome == "error" and not grid.log("well")
            else:
                # Before the commit the failover cannot be seen in the answer.
                assert kinds[1:] == ["ok"] and outcome == "whole"
                assert reply.headers["x-switchgear-deployment"] == "well"
                assert reply.headers["x-switchgear-failover"] == kinds[0]
                assert stripped(reply.content) == stripped(await known_answer(grid))

    run()


def asked(fault: Fault) -> tuple[str, dict[str, object]]:
    """The path and the fields of a request that can meet the fault."""
    if fault.id.startswith("openai/responses"):
        return "/v1/responses", {"input": "Tell me of the grid.", "store": False}
    if fault.stream is not None and fault.stream.only_tool:
        return "/v1/chat/completions", {"tools": [WEATHER], "tool_choice": "required"}
    return "/v1/chat/completions", {}


def verdict_on(fault: Fault, is_stream: bool) -> str:
    """The kind of the first attempt."""
    forms = OTHERWISE.get(fault.id, {})
    told = fault.expect if is_stream else fault.expect_whole
    return forms.get("stream" if is_stream else "whole", forms.get("both", told))


def judge(reply: httpx2.Response, is_stream: bool) -> str:
    """`whole`, `error`, or what is wrong: what a careful client makes of the bytes."""
    if reply.status_code != 200:
        error = reply.json()["error"]
        return "error" if error["message"] and (error["code"] or error["type"]) else "no code"
    if not is_stream:
        answer = reply.json()
        done = answer["choices"][0]["finish_reason"] if "choices" in answer else answer["status"]
        return "whole" if done else "unfinished"
    text = reply.text.removeprefix("\ufeff").replace("\r\n", "\n")
    data = ["\n".join(DATA.findall(block)) for block in text.split("\n\n")]
    events = [json.loads(text) for text in data if text not in ("", "[DONE]")]
    errors = [event for event in events if event.get("error") or event.get("type") == "error"]
    if errors:
        is_last = errors == [events[-1]] and "[DONE]" not in text
        return "error" if is_last else "an error that is not the last word"
    if events[-1].get("type") in ("response.completed", "response.incomplete"):
        return "whole"
    ended = any(c.get("finish_reason") for event in events for c in event.get("choices", ()))
    return "whole" if ended and text.endswith("data: [DONE]\n\n") else "cut"


async def known_answer(grid: Grid) -> bytes:
    """What the healthy vendor says to the very bytes that it got from the gateway."""
    got = grid.log("well")[0]
    key = grid["well"].accounts["main"]
    async with httpx2.AsyncClient(base_url=grid["well"].base_url, trust_env=False) as client:
        reply = await client.post(
            got.path,
            content=got.body,
            headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
        )
    assert reply.status_code == 200
    return reply.content


def stripped(answer: bytes) -> bytes:
    """Without what a vendor makes anew for each answer, and the usage event asked for by us."""
    answer = MADE_ANEW.sub(b"", answer)
    return b"\n\n".join(e for e in answer.split(b"\n\n") if b'"choices":[]' not in e)


DATA: Final = re.compile(r"^data: ?(.*)$", re.MULTILINE)
MADE_ANEW: Final = re.compile(rb'"(?:id|item_id)":"[^"]*"|"(?:created|created_at)":\d+')
WEATHER: Final = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
