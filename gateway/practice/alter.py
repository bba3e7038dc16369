"""Changes to what a healthy answer says, in every dialect; changes to its bytes are `play.py`'s."""

import dataclasses
import json
import re
from collections.abc import Callable, Mapping

from gateway.practice.answer import Answer, Event, Part, to_json
from gateway.practice.faultbook import Alter

Edit = Callable[[dict[str, object]], dict[str, object]]


def alter(answer: Answer, how: Alter, value: str, model: str | None) -> Answer:
    """The answer with the fault in it; unchanged where the fault is one of bytes."""
    match how:
        case Alter.MODEL:
            old, new = f'"model":"{model}"'.encode(), f'"model":"{value}"'.encode()
            return _replace(answer, lambda data: data.replace(old, new))
        case Alter.FINISH:
            return _replace(answer, lambda data: _set_finish(data, b'"%b"' % value.encode()))
        case Alter.NO_TERMINAL:
            if answer.events is None:
                return _replace(answer, lambda data: _set_finish(data, b"null"))
            return _keep(answer, lambda event: event.part not in (Part.TERMINAL, Part.USAGE))
        case Alter.NO_LAST_WORD:
            return _keep(answer, lambda event: event.part is not Part.DONE)
        case Alter.NO_USAGE:
            answer = _keep(answer, lambda event: event.part is not Part.USAGE)
            return _edit(answer, lambda value: _without(value, "usage"))
        case Alter.ZERO_USAGE:
            return _edit(answer, _zero_usage)
        case Alter.NO_CHOICES:
            answer = _keep(answer, lambda event: not _is_content(event))
            return _edit(answer, _empty)
        case _:
            return answer


def _replace(answer: Answer, change: Callable[[bytes], bytes]) -> Answer:
    events = answer.events
    if events is not None:
        events = tuple(Event(event.part, change(event.data)) for event in events)
    return dataclasses.replace(answer, body=change(answer.body), events=events)


def _keep(answer: Answer, is_kept: Callable[[Event], bool]) -> Answer:
    if answer.events is None:
        return answer
    return dataclasses.replace(answer, events=tuple(filter(is_kept, answer.events)))


def _edit(answer: Answer, edit: Edit) -> Answer:
    """Change the JSON of the body or of every event."""

    def change(data: bytes) -> bytes:
        start = data.find(b"{")
        if start < 0:
            return data
        value = edit(json.loads(data[start:].strip()))
        return data[:start] + to_json(value) + (b"\n\n" if data.endswith(b"\n\n") else b"")

    return _replace(answer, change)


def _set_finish(data: bytes, reason: bytes) -> bytes:
    return re.sub(rb'"(finish_reason|stop_reason)":"\w+"', rb'"\1":' + reason, data)


def _is_content(event: Event) -> bool:
    if event.data.startswith(b"data: "):
        return event.part in (Part.START, Part.CONTENT, Part.TOOL, Part.TERMINAL)
    return event.part in (Part.CONTENT, Part.TOOL) or b"content_block" in event.data


def _empty(value: dict[str, object]) -> dict[str, object]:
    response = value.get("response")
    if isinstance(response, dict):
        value = {**value, "response": _empty(response)}
    return {
        name: [] if name in ("choices", "content", "output") else member
        for name, member in value.items()
    }


def _without(value: dict[str, object], name: str) -> dict[str, object]:
    """Without that member, here and in the objects of `message` and `response`."""
    kept = {key: member for key, member in value.items() if key != name}
    for key in ("message", "response"):
        inner = kept.get(key)
        if isinstance(inner, dict):
            kept[key] = _without(inner, name)
    return kept


def _zero_usage(value: dict[str, object]) -> dict[str, object]:
    changed = dict(value)
    for key in ("message", "response"):
        inner = changed.get(key)
        if isinstance(inner, dict):
            changed[key] = _zero_usage(inner)
    usage = changed.get("usage")
    if isinstance(usage, Mapping):
        changed["usage"] = {
            name: 0 if isinstance(count, int) else count for name, count in usage.items()
        }
    return changed
