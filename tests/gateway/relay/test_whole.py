"""An answer in one piece goes out at its end."""

from tests.core_rig import JSON, WALL_S
from tests.gateway.relay.table_readers import Log, TableWhole, begin


def test_whole_answer_goes_out_in_one_piece_at_its_end() -> None:
    relay, exchange, sink = begin(TableWhole(), is_stream=False)
    relay.head(200, JSON)
    relay.body(b"a")
    relay.body(b"b")
    assert not sink.replies
    relay.deliver(Log(), relay.end(WALL_S))
    assert (sink.status, sink.data, exchange.bytes_out) == (200, b"<ab>", 4)
