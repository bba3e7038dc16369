"""A chat request as a Messages request."""

from providers.contract import ClientRequest, Outgoing, Target
from providers.translate.openai_chat__anthropic_messages.draft import Draft
from providers.translate.openai_chat__anthropic_messages.fields import FIELDS
from providers.translate.openai_chat__anthropic_messages.values import is_null, refuse


def render_request(request: ClientRequest, target: Target) -> Outgoing:
    """Render the body for one deployment.

    Raises UnsupportedRequestError naming the field that can't be carried.
    """
    draft = Draft(request, target)
    for name, value in request.members.items():
        if name in target.reserved_fields:
            refuse(name, "chooses where inference runs, which policy decides; leave it out")
        if is_null(value):
            continue
        if name in target.drop_fields:
            draft.dropped.add(name)
        elif (take := FIELDS.get(name)) is not None:
            take(draft, name, value)
        else:
            draft.dropped.add(name)
    return draft.finished()
