"""When a vendor says to come back, in all its notations."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Headers, Kind
from providers.faults.evidence import Evidence
from providers.faults.rules import Reset
from providers.faults.waits import Wait, duration_s, read_wait

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC).timestamp()


def wait_s(headers: Headers, evidence: Evidence | None = None) -> float:
    return read_wait(headers, evidence or Evidence(), Kind.THROTTLED, None, NOW).retry_after_s


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("12ms", 0.012, id="milliseconds"),
        pytest.param("6m0s", 360.0, id="minutes"),
        pytest.param("1h2m3.5s", 3723.5, id="hours"),
        pytest.param("2m59.56s", 179.56, id="fraction"),
        pytest.param("34s", 34.0, id="seconds"),
        pytest.param("500us", 0.0005, id="microseconds"),
        pytest.param("", -1.0, id="empty"),
        pytest.param("5", -1.0, id="no unit"),
        pytest.param("s", -1.0, id="no number"),
        pytest.param("-5s", -1.0, id="negative"),
        pytest.param("1.2.3s", -1.0, id="two points"),
        pytest.param("5 s", -1.0, id="blank"),
        pytest.param("9" * 65 + "s", -1.0, id="too long"),
    ],
)
def test_duration_is_read(text: str, seconds: float) -> None:
    assert duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param([(b"retry-after", b"7")], 7.0, id="seconds"),
        pytest.param([(b"retry-after", b"1.5")], 1.5, id="fraction"),
        pytest.param([(b"retry-after-ms", b"300")], 0.3, id="milliseconds alone"),
        pytest.param(
            [(b"retry-after", b"1"), (b"retry-after-ms", b"300")], 0.3, id="milliseconds first"
        ),
        pytest.param([(b"retry-after", b"Tue, 24 Nov 2026 12:00:30 GMT")], 30.0, id="HTTP date"),
        pytest.param([(b"retry-after", b"Tue, 24 Nov 2026 11:00:00 GMT")], 0.1, id="past date"),
        pytest.param([(b"retry-after", b"0")], 0.1, id="at once"),
        pytest.param([(b"retry-after", b"86400")], 120.0, id="a day"),
        pytest.param([(b"retry-after", b"soon")], -1.0, id="no time at all"),
        pytest.param([(b"retry-after", b"-5")], -1.0, id="negative"),
        pytest.param([(b"retry-after", b"nan")], -1.0, id="not a number"),
        pytest.param([(b"retry-after", b"inf")], -1.0, id="infinite"),
        pytest.param([(b"retry-after", b"9" * 400)], -1.0, id="hundreds of digits"),
        pytest.param([(b"retry-after", b"\xff")], -1.0, id="not ascii"),
        pytest.param([(b"retry-after", b"")], -1.0, id="empty"),
        pytest.param(
            [(b"x-ratelimit-reset-tokens", b"6m0s"), (b"x-ratelimit-remaining-tokens", b"0")],
            120.0,
            id="empty bucket",
        ),
        pytest.param(
            [(b"x-ratelimit-reset-tokens", b"6m0s"), (b"x-ratelimit-remaining-tokens", b"50")],
            -1.0,
            id="bucket that is not empty",
        ),
        pytest.param(
            [
                (b"x-ratelimit-reset-requests", b"900ms"),
                (b"x-ratelimit-remaining-requests", b"0"),
                (b"x-ratelimit-reset-tokens", b"2s"),
                (b"x-ratelimit-remaining-tokens", b"0"),
            ],
            2.0,
            id="the later of two",
        ),
        pytest.param(
            [(b"retry-after", b"2"), (b"x-ratelimit-reset-requests", b"6m0s")],
            2.0,
            id="retry-after goes first",
        ),
        pytest.param(
            [
                (b"anthropic-ratelimit-requests-reset", b"2026-11-24T12:00:12Z"),
                (b"anthropic-ratelimit-requests-remaining", b"0"),
                (b"anthropic-ratelimit-tokens-reset", b"2026-11-24T12:01:00Z"),
                (b"anthropic-ratelimit-tokens-remaining", b"9000"),
            ],
            12.0,
            id="RFC 3339",
        ),
        pytest.param([(b"x-ratelimit-reset", b"1795521605000")], 5.0, id="unix milliseconds"),
        pytest.param([(b"x-ratelimit-reset", b"1795521605")], 5.0, id="unix seconds"),
        pytest.param([(b"x-ratelimit-reset", b"5")], 5.0, id="seconds from now"),
        pytest.param([], -1.0, id="nothing said"),
    ],
)
def test_headers_are_read(headers: Headers, seconds: float) -> None:
    assert wait_s(headers) == pytest.approx(seconds, abs=0.01)


def test_body_says_when_no_header_does() -> None:
    assert wait_s([], Evidence(retry_delay="34s")) == 34.0
    assert wait_s([(b"retry-after", b"3")], Evidence(retry_delay="34s")) == 3.0
    assert wait_s([], Evidence(message="slow down. please try again in 1.2s. visit x")) == 1.2


@pytest.mark.parametrize(
    ("evidence", "kind", "reset", "headers", "date"),
    [
        pytest.param(
            Evidence(),
            Kind.QUOTA_EXHAUSTED,
            Reset.NEXT_MONTH,
            [],
            datetime(2026, 12, 1, tzinfo=UTC),
            id="next month",
        ),
        pytest.param(
            Evidence(message="… you will regain access on 2027-01-01 at 00:00 utc."),
            Kind.QUOTA_EXHAUSTED,
            Reset.IN_TEXT,
            [],
            datetime(2027, 1, 1, tzinfo=UTC),
            id="date in the message",
        ),
        pytest.param(
            Evidence(resets_at="2026-11-25t00:00:00.000z"),
            Kind.QUOTA_EXHAUSTED,
            None,
            [],
            datetime(2026, 11, 25, tzinfo=UTC),
            id="OpenRouter",
        ),
        pytest.param(
            Evidence(),
            Kind.THROTTLED,
            None,
            [(b"retry-after", b"43200")],
            datetime(2026, 11, 25, tzinfo=UTC),
            id="longer than a cooldown may be",
        ),
        pytest.param(
            Evidence(),
            Kind.QUOTA_EXHAUSTED,
            None,
            [(b"retry-after", b"60")],
            datetime(2026, 11, 24, 12, 1, tzinfo=UTC),
            id="quota with a wait",
        ),
    ],
)
def test_long_wait_keeps_its_date(
    evidence: Evidence, kind: Kind, reset: Reset | None, headers: Headers, date: datetime
) -> None:
    wait = read_wait(headers, evidence, kind, reset, NOW)
    assert datetime.fromtimestamp(wait.resets_at_unix_s, UTC) == date


def test_december_is_followed_by_january() -> None:
    december = datetime(2026, 12, 31, 23, 59, tzinfo=UTC).timestamp()
    wait = read_wait([], Evidence(), Kind.QUOTA_EXHAUSTED, Reset.NEXT_MONTH, december)
    assert datetime.fromtimestamp(wait.resets_at_unix_s, UTC) == datetime(2027, 1, 1, tzinfo=UTC)


def test_text_without_a_date_says_nothing() -> None:
    evidence = Evidence(message="regain access on friday")
    assert read_wait([], evidence, Kind.QUOTA_EXHAUSTED, Reset.IN_TEXT, NOW) == Wait()


@given(
    st.sampled_from(
        [b"retry-after", b"retry-after-ms", b"x-ratelimit-reset", b"a-ratelimit-b-reset"]
    ),
    st.binary(max_size=70) | st.from_regex(rb"[0-9.:TZmsh+-]{1,30}", fullmatch=True),
    st.text(max_size=40),
)
def test_no_value_breaks_the_clamp(name: bytes, value: bytes, text: str) -> None:
    evidence = Evidence(retry_delay=text, resets_at=text, message=f"try again in {text}")
    wait = read_wait([(name, value)], evidence, Kind.THROTTLED, Reset.IN_TEXT, NOW)
    assert wait.retry_after_s == -1.0 or 0.1 <= wait.retry_after_s <= 120.0
