"""What a client sends as a frame is answered in words, whatever it is."""

import pytest

from optimus_tui.mcp_server.stdio import WITH_BATCHES, FrameRefused, members_of


@pytest.mark.parametrize("odd", [[1], {}, None, 1.5])
def test_a_request_in_a_batch_needs_a_usable_id_also_where_it_carries_an_error(odd: object) -> None:
    message = {"jsonrpc": "2.0", "method": "ping", "id": odd, "error": {"code": 1, "message": ""}}
    with pytest.raises(FrameRefused, match="an id must be"):
        members_of([message, message], WITH_BATCHES)


def test_an_answer_in_a_batch_may_have_any_id() -> None:
    answer = {"jsonrpc": "2.0", "id": None, "error": {"code": 1, "message": ""}}
    assert members_of([answer, answer], WITH_BATCHES) == [answer, answer]
