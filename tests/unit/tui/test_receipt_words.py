"""The words of a receipt claim nothing about keys of which nobody knows whether they were done."""

import pytest

from optimus_tui.contract.actions import ActionRequest, Receipt, Where
from optimus_tui.tui.actions.action_dialog_text import receipt_lines

WHERE = Where(environment="lab", place="127.0.0.1:1", db=0, run_id="r", replid="", user="u", role="primary")


def words_of(counts: dict[str, int], again: int, gone: int) -> str:
    receipt = Receipt(
        id="1", request=ActionRequest(kind="unlink_no_ttl", tenant=b"acme"), where=WHERE, digest="", outcomes=(),
        counts=counts, started_at=0, seconds=1, acting_seconds=1, reason="x", stopped="closed",
        verified=True, there_again=again, unknown_gone=gone, new_since=0,
    )  # fmt: skip
    lines = receipt_lines(receipt, "line 1", 200)
    return "\n".join("".join(piece[0] for piece in line) for line in lines)


@pytest.mark.parametrize(
    ("counts", "again", "gone", "there", "missing"),
    [
        ({"done": 9}, 2, 0, "2 keys match the plan again: another client", "Unknown"),
        ({"done": 9, "unknown": 100}, 100, 0, "100 of 100 still match the plan: not changed, or", "Again"),
        ({"done": 9, "unknown": 100}, 43, 60, "40 of 100 still match the plan: not changed, or", "sent, and"),
        ({"done": 9, "unknown": 100}, 43, 60, "3 keys match the plan again: another client", "sent, and"),
        ({"done": 9, "unknown": 100}, 0, 100, "100 of 100 no longer match the plan", "Again"),
    ],
)
def test_only_keys_that_were_surely_done_are_called_written_anew(
    counts: dict[str, int], again: int, gone: int, there: str, missing: str
) -> None:
    said = words_of(counts, again, gone)
    assert there in said and missing not in said
