"""Golden cases of the pairs: what each side of a translation looks like, four files a case.

`request.client.json` and `reply.upstream.(json|sse)` are written by hand.  The other two are what
the pair makes of them; `python -m tests.golden.rewrite` writes them anew, and the diff is for
people to read.  A reply that is an error object is the answer to a refused request.  A stream
that does not end well gets no last word: the gateway's error event would follow.
"""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from providers.contract import ClientRequest, Pair, Target
from providers.dialects.openai_chat import OpenAIChat

FOLDER = Path(__file__).parent
TARGET = Target(model="upstream-model", max_output_tokens=8192)


def cases(pair: str) -> list[Path]:
    """The folders of one pair's cases."""
    return sorted(case for case in (FOLDER / pair).iterdir() if case.is_dir())


def find_pair(name: str) -> Pair:
    pair: Pair = importlib.import_module(f"providers.translate.{name}").PAIR
    return pair


def made_files(case: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files of a case that the pair makes."""
    pair = find_pair(case.parent.name)
    request = OpenAIChat().read((case / "request.client.json").read_bytes())
    outgoing = pair.request(request, TARGET)
    yield "request.upstream.json", _formatted(outgoing.body)
    stream = case / "reply.upstream.sse"
    if stream.exists():
        yield "reply.client.sse", client_stream(pair, request, stream.read_bytes())
    else:
        yield "reply.client.json", _client_reply(pair, request, case)


def client_stream(pair: Pair, request: ClientRequest, upstream: bytes) -> bytes:
    """All that a client gets of a stream."""
    reader = pair.stream(request)
    sent, _ = reader.feed(upstream)
    return sent + (reader.end() if reader.verdict().delivers else b"")


def _client_reply(pair: Pair, request: ClientRequest, case: Path) -> bytes:
    body = (case / "reply.upstream.json").read_bytes()
    if msgspec.json.decode(body).get("type") == "error":
        return _formatted(pair.error(400, body))
    reader = pair.whole(request)
    return _formatted(reader.read(body)[1])


def _formatted(body: bytes) -> bytes:
    return msgspec.json.format(body, indent=2) + b"\n"


def rewrite() -> int:
    """Write the made files; the number of those that changed."""
    changed = 0
    for pair in sorted(folder.name for folder in FOLDER.glob("[a-z]*__*") if folder.is_dir()):
        for case in cases(pair):
            for name, content in made_files(case):
                file = case / name
                if not file.exists() or file.read_bytes() != content:
                    file.write_bytes(content)
                    changed += 1
                    print(file.relative_to(FOLDER))
    return changed


if __name__ == "__main__":
    print(f"{rewrite()} files changed", file=sys.stderr)
