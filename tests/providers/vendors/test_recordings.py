"""Every vendor's recorded exchanges, through the real dialects, pairs and fault tables."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers import registry
from providers.contract import (
    ClientRequest,
    Dialect,
    Kind,
    Pair,
    StreamReader,
    Usage,
    Vendor,
)
from providers.errors import UnsupportedRequestError
from providers.faults.classify import classify
from tests.providers.vendors.recorded import Recording, recordings, target_of, text_of

NOW_UNIX_S = 1_764_000_000.0
SECRETS = re.compile(r"\b(sk-|gsk_|AKIA|ghp_)[A-Za-z0-9]{8,}|eyJ[A-Za-z0-9_-]{20,}")

# What is judged wrongly today, and what would put it right.  Strict: a repair has to say so here.
OPEN: dict[str, str] = {}

ERRORS = [one for one in recordings() if one.request is None]
ANSWERS = [one for one in recordings() if one.request is not None]


def shapes() -> Iterator[tuple[Vendor, Recording]]:
    """Each vendor with an answer in each dialect: its own, or the one it claims to be shaped as."""
    for vendor in registry.vendors().values():
        for dialect in vendor.endpoints:
            told = [one for one in ANSWERS if one.dialect is dialect]
            own = [one for one in told if one.vendor == vendor.name]
            general = [one for one in told if one.vendor == "openai"]
            for one in own or general:
                yield vendor, one


def marks_of(recording: Recording) -> list[pytest.MarkDecorator]:
    reason = OPEN.get(str(recording))
    return [pytest.mark.xfail(strict=True, reason=reason)] if reason else []


SHAPES = list(shapes())
every_shape = pytest.mark.parametrize(
    ("vendor", "recording"),
    [pytest.param(v, one, id=f"{v.name}<-{one}", marks=marks_of(one)) for v, one in SHAPES],
)
every_error = pytest.mark.parametrize(
    "recording", [pytest.param(one, id=str(one), marks=marks_of(one)) for one in ERRORS]
)
every_answer = pytest.mark.parametrize("recording", ANSWERS, ids=str)


def client_of(recording: Recording) -> Dialect:
    """An OpenAI client stands before an Anthropic vendor, the vendor's own before all others."""
    is_foreign = recording.dialect is Dialect.ANTHROPIC_MESSAGES
    return Dialect.OPENAI_CHAT if is_foreign else recording.dialect


def pair_of(recording: Recording) -> Pair:
    pair = registry.pair(client_of(recording), recording.dialect)
    assert pair is not None
    return pair


def asked(recording: Recording, **more: object) -> ClientRequest:
    body = json.dumps({**(recording.request or {}), **more}).encode()
    return registry.dialect(client_of(recording)).read(body)


def replay(reader: StreamReader, pieces: Iterable[bytes]) -> bytes:
    sent = b"".join(reader.feed(piece)[0] for piece in pieces)
    return sent + reader.end() if reader.verdict().delivers else sent


def assert_as_recorded(recording: Recording, reader: Any, kind: Kind, answer: bytes) -> None:
    """`Any`: a stream's reader or a whole reply's, which share what is looked at."""
    client, expect = client_of(recording), recording.expect
    is_stream = bool((recording.request or {}).get("stream"))

    assert kind == expect["kind"]
    if kind is not Kind.OK:
        # Of a stream the good part may be out already; the error and the last word are withheld.
        assert not is_stream or not re.search(rb'\[DONE\]|message_stop|"error"', answer)
        return
    assert reader.model == expect["model"]
    assert reader.usage == (Usage(**expect["usage"]) if expect["usage"] else None)
    if "text" in expect:
        assert text_of(client, answer, is_stream=is_stream) == expect["text"]


def test_every_vendor_has_an_answer_in_each_of_its_dialects_and_an_error() -> None:
    answered = {(vendor.name, one.dialect) for vendor, one in SHAPES}
    promised = {
        (vendor.name, dialect)
        for vendor in registry.vendors().values()
        for dialect in vendor.endpoints
    }

    assert answered == promised
    assert {one.vendor for one in ERRORS} == set(registry.vendors())


@pytest.mark.parametrize("recording", recordings(), ids=str)
def test_recording_is_sourced_dated_and_scrubbed(recording: Recording) -> None:
    assert recording.vendor in registry.vendors()
    assert recording.dialect in registry.vendor(recording.vendor).endpoints
    assert recording.source.startswith("https://")
    assert date(2024, 1, 1) <= date.fromisoformat(recording.read) <= date(2026, 11, 24)
    assert not SECRETS.search(recording.text)


@every_answer
def test_request_goes_out_as_recorded(recording: Recording) -> None:
    vendor = registry.vendor(recording.vendor)

    outgoing = pair_of(recording).request(asked(recording), target_of(vendor, recording))

    assert json.loads(outgoing.body) == recording.sent
    assert set(outgoing.dropped) == recording.dropped
    assert set(outgoing.added) == recording.added


@every_shape
def test_answer_in_one_piece_is_whole(vendor: Vendor, recording: Recording) -> None:
    pair, request = pair_of(recording), asked(recording)
    pair.request(request, target_of(vendor, recording))

    if request.is_stream:
        stream = pair.stream(request)
        answer = replay(stream, [recording.body])
        assert_as_recorded(recording, stream, stream.verdict().kind, answer)
    else:
        whole = pair.whole(request)
        verdict, answer = whole.read(recording.body)
        assert_as_recorded(recording, whole, verdict.kind, answer)


STREAMS = [one for one in ANSWERS if one.request and one.request.get("stream")]
every_stream = pytest.mark.parametrize("recording", STREAMS, ids=str)


@every_stream
def test_stream_byte_by_byte_gives_the_same_answer(recording: Recording) -> None:
    request = asked(recording)
    at_once, by_byte = pair_of(recording).stream(request), pair_of(recording).stream(request)

    pieces = (bytes([byte]) for byte in recording.body)

    assert replay(by_byte, pieces) == replay(at_once, [recording.body])
    assert by_byte.verdict() == at_once.verdict()
    assert by_byte.usage == at_once.usage


@every_stream
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_stream_cut_anywhere_gives_the_same_answer(
    recording: Recording, data: st.DataObject
) -> None:
    length = len(recording.body)
    cuts = sorted(data.draw(st.sets(st.integers(1, length - 1), max_size=8)))
    request = asked(recording)
    at_once, in_pieces = pair_of(recording).stream(request), pair_of(recording).stream(request)

    bounds = [0, *cuts, length]
    pieces = [recording.body[start:end] for start, end in pairwise(bounds)]

    assert replay(in_pieces, pieces) == replay(at_once, [recording.body])
    assert in_pieces.verdict() == at_once.verdict()


@pytest.mark.parametrize(
    "recording", [one for one in STREAMS if one.expect["kind"] == Kind.OK], ids=str
)
def test_stream_that_stops_before_its_reason_is_not_whole(recording: Recording) -> None:
    stream = pair_of(recording).stream(asked(recording))
    first_words = recording.body.index(b"Hello")

    stream.feed(recording.body[: recording.body.index(b"\n\n", first_words) + 2])

    assert stream.verdict().kind is not Kind.OK


@every_error
def test_documented_error_means_what_it_should(recording: Recording) -> None:
    vendor = registry.vendor(recording.vendor)

    verdict = classify(
        recording.status, recording.headers, recording.body, vendor, now_unix_s=NOW_UNIX_S
    )

    assert verdict.kind == recording.expect["kind"]
    if "retry_after_s" in recording.expect:
        assert verdict.retry_after_s == recording.expect["retry_after_s"]


def quirks(which: str) -> list[Any]:
    """Each vendor's answer with each member that its file handles that way."""
    return [
        pytest.param(vendor, one, member, id=f"{vendor.name}-{member}")
        for vendor, one in SHAPES
        if one.vendor == vendor.name and one.case == "chat-stream"
        for member in sorted(getattr(vendor, which))
    ]


@pytest.mark.parametrize(("vendor", "recording", "member"), quirks("drop_fields"))
def test_dropped_member_is_gone_and_reported(
    vendor: Vendor, recording: Recording, member: str
) -> None:
    outgoing = pair_of(recording).request(
        asked(recording, **{member: None}), target_of(vendor, recording)
    )

    assert member not in json.loads(outgoing.body)
    assert member in outgoing.dropped


@pytest.mark.parametrize(("vendor", "recording", "member"), quirks("rename_fields"))
def test_renamed_member_goes_out_under_the_vendors_name(
    vendor: Vendor, recording: Recording, member: str
) -> None:
    request: Mapping[str, Any] = recording.request or {}
    new = vendor.rename_fields[member]
    plain = {key: value for key, value in request.items() if key != new}
    body = json.dumps({**plain, member: 11}).encode()
    client = registry.dialect(client_of(recording))

    outgoing = pair_of(recording).request(client.read(body), target_of(vendor, recording))

    assert json.loads(outgoing.body)[new] == 11
    assert member not in json.loads(outgoing.body)


@pytest.mark.parametrize(("vendor", "recording", "member"), quirks("reserved_fields"))
def test_reserved_member_from_a_client_is_refused_by_name(
    vendor: Vendor, recording: Recording, member: str
) -> None:
    with pytest.raises(UnsupportedRequestError) as refusal:
        pair_of(recording).request(
            asked(recording, **{member: "elsewhere"}), target_of(vendor, recording)
        )

    assert refusal.value.field == member
