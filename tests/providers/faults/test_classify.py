"""Every rule knows its refusal, in the right order, and nothing that a vendor says breaks it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Charge, Dialect, Headers, Kind, Vendor
from providers.faults.classify import classify, classify_error
from providers.faults.codes import CODES, FAMILIES
from providers.faults.messages import MESSAGES, PAGES, QUOTA_IDS
from providers.faults.rules import SOURCES
from tests.providers.faults.refusals import REFUSALS, Refusal, anthropic, google, openai

RULES = [*CODES, *MESSAGES, *QUOTA_IDS, *PAGES, *FAMILIES]
CUTS_SUPPLY = {
    Kind.ACCOUNT_CUT_OFF,
    Kind.CREDENTIAL_REJECTED,
    Kind.JURISDICTION_DENIED,
    Kind.MODEL_WITHDRAWN,
    Kind.QUOTA_EXHAUSTED,
}
NOW = 1_795_521_600.0  # 2026-11-24 12:00 UTC


def vendor(
    name: str, codes: dict[str, Kind] | None = None, statuses: dict[int, Kind] | None = None
) -> Vendor:
    return Vendor(
        name=name,
        docs="https://docs.example",
        docs_read="2026-11-24",
        sign=lambda credential: [],
        endpoints={Dialect.OPENAI_CHAT: "/chat/completions"},
        codes=codes or {},
        statuses=statuses or {},
    )


@pytest.mark.parametrize(
    "refusal", [pytest.param(r, id=f"{r.vendor} {r.status} {r.match}") for r in REFUSALS]
)
def test_refusal_is_known_by_its_rule(refusal: Refusal) -> None:
    verdict = classify(
        refusal.status, refusal.headers, refusal.body, vendor(refusal.vendor), now_unix_s=NOW
    )
    assert (verdict.kind, verdict.detail.partition(" ")[2]) == (refusal.kind, refusal.match)
    assert not verdict.is_guess


def test_every_rule_has_its_refusal() -> None:
    assert {rule.match for rule in RULES} == {refusal.match for refusal in REFUSALS}


def test_every_rule_names_its_source_and_every_source_is_used() -> None:
    assert {rule.source for rule in RULES} <= set(SOURCES)
    assert all(rule.match == rule.match.lower() for rule in RULES)


def test_no_text_that_a_client_could_have_quoted_cuts_supply() -> None:
    quotable = [rule for rule in (*MESSAGES, *PAGES) if not rule.is_prefix]
    assert not [rule.match for rule in quotable if rule.kind in CUTS_SUPPLY]


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("This organization has been disabled.", id="disabled"),
        pytest.param("Your credit balance is too low", id="credit"),
        pytest.param("User location is not supported", id="location"),
        pytest.param("error code: 1020", id="page"),
    ],
)
def test_quoted_words_of_a_client_are_its_own_error(words: str) -> None:
    body = openai(f"Invalid value: '{words}'. Supported values are: 'system'.", "x")
    verdict = classify(400, [], body, vendor("openai"), now_unix_s=NOW)
    assert (verdict.kind, verdict.is_guess) == (Kind.CALLER_ERROR, True)


@pytest.mark.parametrize(
    ("status", "kind", "charge", "is_guess"),
    [
        pytest.param(200, Kind.CORRUPT_ANSWER, Charge.NONE, False, id="200"),
        pytest.param(204, Kind.CORRUPT_ANSWER, Charge.NONE, False, id="204"),
        pytest.param(302, Kind.UPSTREAM_FAULT, Charge.NONE, False, id="302"),
        pytest.param(307, Kind.UPSTREAM_FAULT, Charge.NONE, False, id="307"),
        pytest.param(400, Kind.CALLER_ERROR, Charge.NONE, True, id="400"),
        pytest.param(401, Kind.CREDENTIAL_REJECTED, Charge.NONE, False, id="401"),
        pytest.param(402, Kind.QUOTA_EXHAUSTED, Charge.NONE, False, id="402"),
        pytest.param(403, Kind.CREDENTIAL_REJECTED, Charge.NONE, False, id="403"),
        pytest.param(404, Kind.MODEL_WITHDRAWN, Charge.NONE, True, id="404"),
        pytest.param(407, Kind.UPSTREAM_FAULT, Charge.NONE, False, id="407"),
        pytest.param(408, Kind.UPSTREAM_FAULT, Charge.UNKNOWN, False, id="408"),
        pytest.param(409, Kind.UPSTREAM_FAULT, Charge.NONE, False, id="409"),
        pytest.param(410, Kind.MODEL_WITHDRAWN, Charge.NONE, True, id="410"),
        pytest.param(413, Kind.CALLER_ERROR, Charge.NONE, True, id="413"),
        pytest.param(418, Kind.CALLER_ERROR, Charge.NONE, True, id="418"),
        pytest.param(422, Kind.CALLER_ERROR, Charge.NONE, True, id="422"),
        pytest.param(424, Kind.UPSTREAM_FAULT, Charge.NONE, False, id="424"),
        pytest.param(425, Kind.UPSTREAM_FAULT, Charge.NONE, False, id="425"),
        pytest.param(429, Kind.THROTTLED, Charge.NONE, False, id="429"),
        pytest.param(451, Kind.JURISDICTION_DENIED, Charge.NONE, False, id="451"),
        pytest.param(498, Kind.OVERLOADED, Charge.NONE, False, id="498"),
        pytest.param(499, Kind.UPSTREAM_FAULT, Charge.UNKNOWN, False, id="499"),
        pytest.param(500, Kind.UPSTREAM_FAULT, Charge.NONE, False, id="500"),
        pytest.param(503, Kind.OVERLOADED, Charge.NONE, False, id="503"),
        pytest.param(504, Kind.UPSTREAM_FAULT, Charge.UNKNOWN, False, id="504"),
        pytest.param(520, Kind.UPSTREAM_FAULT, Charge.NONE, False, id="520"),
        pytest.param(521, Kind.UPSTREAM_FAULT, Charge.NONE, False, id="521"),
        pytest.param(522, Kind.UPSTREAM_FAULT, Charge.NONE, False, id="522"),
        pytest.param(523, Kind.UPSTREAM_FAULT, Charge.NONE, False, id="523"),
        pytest.param(524, Kind.UPSTREAM_FAULT, Charge.UNKNOWN, False, id="524"),
        pytest.param(529, Kind.OVERLOADED, Charge.NONE, False, id="529"),
    ],
)
def test_status_decides_where_nothing_was_said(
    status: int, kind: Kind, charge: Charge, is_guess: bool
) -> None:
    verdict = classify(status, [], b"<html>Bad gateway</html>", now_unix_s=NOW)
    assert verdict[:2] == (kind, f"status {status}")
    assert (verdict.charge, verdict.is_guess) == (charge, is_guess)


def test_code_goes_before_message_and_message_before_family() -> None:
    body = anthropic(
        "rate_limit_error", "This organization has been disabled.", "ramp_limit_exceeded"
    )
    assert classify(429, [], body, now_unix_s=NOW).kind is Kind.THROTTLED
    body = anthropic("rate_limit_error", "This organization has been disabled.")
    assert classify(429, [], body, now_unix_s=NOW).kind is Kind.ACCOUNT_CUT_OFF


def test_code_goes_before_type() -> None:
    body = openai("x", "insufficient_quota", "rate_limit_exceeded")
    assert classify(429, [], body, now_unix_s=NOW).kind is Kind.THROTTLED


def test_vendor_file_goes_first() -> None:
    own = vendor("x", {"Rate_Limit_Exceeded": Kind.OVERLOADED}, {418: Kind.THROTTLED})
    body = openai("x", "requests", "rate_limit_exceeded")
    verdict = classify(429, [], body, own, now_unix_s=NOW)
    assert verdict[:2] == (Kind.OVERLOADED, "code Rate_Limit_Exceeded")
    assert classify(418, [], b"", own, now_unix_s=NOW).kind is Kind.THROTTLED


def test_vendors_own_status_is_its_alone() -> None:
    assert classify(403, [], b"", vendor("together"), now_unix_s=NOW).kind is Kind.CALLER_ERROR
    assert classify(403, [], b"", vendor("groq"), now_unix_s=NOW).kind is Kind.CREDENTIAL_REJECTED


def test_rule_of_one_vendor_says_nothing_of_another() -> None:
    body = b'{"message":"x","code":"1300"}'
    assert classify(400, [], body, vendor("openai"), now_unix_s=NOW).is_guess


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        pytest.param([(b"retry-after", b"7")], openai("x", "requests"), 7.0, id="header"),
        pytest.param(
            [],
            openai("Please try again in 1.2s.", "requests", "rate_limit_exceeded"),
            1.2,
            id="text",
        ),
        pytest.param(
            [],
            google(429, "RESOURCE_EXHAUSTED", "x", {"@type": "RetryInfo", "retryDelay": "34s"}),
            34.0,
            id="RetryInfo",
        ),
        pytest.param([], b"error code: 1015", 60.0, id="rule"),
        pytest.param([], b"", -1.0, id="not said"),
    ],
)
def test_wait_is_taken_over(headers: Headers, body: bytes, seconds: float) -> None:
    assert classify(429, headers, body, now_unix_s=NOW).retry_after_s == seconds


def test_spend_limit_knows_when_it_ends() -> None:
    body = anthropic("rate_limit_error", "x", "enforced_spend_limit_reached")
    verdict = classify(429, [], body, vendor("anthropic"), now_unix_s=NOW)
    assert verdict.resets_at_unix_s == 1_796_083_200.0  # 2026-12-01 00:00 UTC


def test_change_of_unknown_outcome_may_have_been_charged() -> None:
    body = anthropic("api_error", "x", "change_outcome_unknown")
    assert classify(503, [], body, now_unix_s=NOW).charge is Charge.UNKNOWN


@pytest.mark.parametrize(
    ("body", "message_rule"),
    [
        pytest.param(b'[{"error":{"message":"Insufficient Balance"}}]', True, id="in a list"),
        pytest.param(b'{"error":"Insufficient Balance"}', True, id="string"),
        pytest.param(b'{"detail":"Insufficient Balance"}', True, id="detail"),
        pytest.param(b'{"detail":[{"msg":"Insufficient Balance"}]}', True, id="list of details"),
        pytest.param(b'{"message":"Insufficient Balance"}', True, id="flat"),
        pytest.param(b"Insufficient Balance", False, id="no JSON"),
        pytest.param(b'{"error":{"message":["Insufficient Balance"]}}', True, id="list"),
        pytest.param(b'{"error":{"message":7}}', False, id="number"),
        pytest.param(b'{"error":[]}', False, id="empty list"),
    ],
)
def test_message_is_found_in_every_shape(body: bytes, message_rule: bool) -> None:
    kind = Kind.QUOTA_EXHAUSTED if message_rule else Kind.CALLER_ERROR
    assert classify(400, [], body, now_unix_s=NOW).kind is kind


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "details", "code", "message", "metadata", "detail", "type"])
            | st.sampled_from(
                ["innererror", "violations", "reason", "retryDelay", "resets_at", "status"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(st.integers(100, 599), JSON)
def test_no_document_breaks_the_reading(status: int, document: object) -> None:
    body = json.dumps(document).encode()
    assert classify(status, [], body, vendor("gemini"), now_unix_s=NOW).kind is not Kind.OK
    assert classify_error(body).charge is Charge.PARTIAL


@given(st.integers(100, 599), st.binary(max_size=200), st.binary(max_size=80))
def test_no_bytes_break_the_reading(status: int, body: bytes, value: bytes) -> None:
    headers = [(b"x-amzn-errortype", value), (b"retry-after", value)]
    assert classify(status, headers, body, now_unix_s=NOW).kind is not Kind.OK


def test_body_over_the_bound_is_left_unread() -> None:
    body = openai("x" * 70_000, "insufficient_quota", "insufficient_quota")
    assert classify(429, [], body, now_unix_s=NOW).kind is Kind.THROTTLED


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(openai("x", "server_error"), Kind.UPSTREAM_FAULT, id="no more said"),
        pytest.param(
            b'{"type":"error","sequence_number":2,"error":{"type":"service_unavailable_error",'
            b'"code":"server_is_overloaded","message":"x"}}',
            Kind.OVERLOADED,
            id="overloaded, nested",
        ),
        pytest.param(anthropic("overloaded_error", "Overloaded"), Kind.OVERLOADED, id="Anthropic"),
        pytest.param(
            openai("EngineCore encountered an issue.", "InternalServerError", 500),
            Kind.UPSTREAM_FAULT,
            id="vLLM",
        ),
        pytest.param(
            b'{"error":{"code":502,"message":"Provider disconnected"}}',
            Kind.UPSTREAM_FAULT,
            id="OpenRouter",
        ),
        pytest.param(b'{"error":{"code":429,"message":"x"}}', Kind.THROTTLED, id="status inside"),
        pytest.param(b'{"error":{"code":"503","message":"x"}}', Kind.OVERLOADED, id="as text"),
        pytest.param(
            b'{"object":"error","message":"The model is overloaded","type":"x","code":null}',
            Kind.OVERLOADED,
            id="flat",
        ),
    ],
)
def test_error_inside_an_answer_is_judged_by_the_same_tables(body: bytes, kind: Kind) -> None:
    verdict = classify_error(body)
    assert (verdict.kind, verdict.charge) == (kind, Charge.PARTIAL)
