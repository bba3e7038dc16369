"""Write a client's members for one deployment of the same dialect.

Every value that is not ours to write goes out byte for byte, in its order.  What is left out,
renamed or added is reported; what would change the client's own words is refused.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw

from providers.contract import ClientRequest, Outgoing, Target
from providers.dialects.openai_request import present
from providers.errors import UnsupportedRequestError
from providers.framing.members import render

_encode = msgspec.json.encode
_members = msgspec.json.Decoder(dict[str, Raw]).decode
_USAGE_ASKED: Final = Raw(b'{"include_usage":true}')
_TRUE: Final = Raw(b"true")


def render_members(request: ClientRequest, target: Target, *, asks_usage: bool) -> Outgoing:
    """The body for one deployment.  Raises UnsupportedRequestError naming the field at fault."""
    members = dict(request.members)
    members["model"] = Raw(_encode(target.model))
    dropped: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    if target.reserved_fields:
        _refuse_reserved(members, target)
    if target.drop_fields or target.rename_fields:
        members, dropped, added = _adapt(members, target)
    if target.inject:
        added += _inject(members, target.inject)
    if asks_usage and request.is_stream and target.asks_usage and not request.wants_usage:
        members["stream_options"] = _with_usage(present(members, "stream_options"))
        added += ("stream_options.include_usage",)
    return Outgoing(render(members), dropped, added)


def _refuse_reserved(members: Mapping[str, Raw], target: Target) -> None:
    for name in members:
        if name in target.reserved_fields:
            raise UnsupportedRequestError(
                f"{name} chooses where or how inference runs, which the gateway's policy decides;"
                " leave it out",
                name,
            )


def _adapt(
    members: Mapping[str, Raw], target: Target
) -> tuple[dict[str, Raw], tuple[str, ...], tuple[str, ...]]:
    """Members left out or under their other name, in their order, and both lists of names."""
    written: dict[str, Raw] = {}
    dropped, added = [], []
    for name, value in members.items():
        if name in target.drop_fields:
            dropped.append(name)
            continue
        new_name = target.rename_fields.get(name, name)
        if new_name != name:
            if new_name in members:
                raise UnsupportedRequestError(
                    f"{name} and {new_name} mean the same to this vendor; give one of them", name
                )
            dropped.append(name)
            added.append(new_name)
        written[new_name] = value
    return written, tuple(dropped), tuple(added)


def _inject(members: dict[str, Raw], inject: Mapping[str, Raw]) -> tuple[str, ...]:
    """Add what the deployment needs; a client that said otherwise is refused, not overruled."""
    added = []
    for name, value in inject.items():
        if name not in members:
            members[name] = value
            added.append(name)
        elif members[name] != value:
            raise UnsupportedRequestError(
                f"{name} is set for this deployment and cannot be chosen; leave it out", name
            )
    return tuple(added)


def _with_usage(options: Raw | None) -> Raw:
    if options is None:
        return _USAGE_ASKED
    inner = _members(options)
    inner["include_usage"] = _TRUE
    return Raw(_encode(inner))
