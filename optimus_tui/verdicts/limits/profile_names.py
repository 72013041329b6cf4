"""Describe which key names the rules of a profile read."""

import re
from collections.abc import Sequence

from optimus_tui.dialects.model import CacheRule, LimitRule
from optimus_tui.wording.safe import safe_text

SHOWN = 3
"""How many beginnings of names are said."""
HEAD_LENGTH = 40
_CAPTURE = re.compile(r"\{(\w+)[^}]*\}")


def names_words(rules: Sequence[LimitRule] | Sequence[CacheRule]) -> str:
    """Return ``rate_limit:* `` to be put before "key": how the names begin; "" if they may begin in any way."""
    heads = list(dict.fromkeys(rule.template.head for rule in rules))
    if not all(heads):
        return ""
    said = [f"{safe_text(head, HEAD_LENGTH)}*" for head in heads[:SHOWN]]
    more = len(heads) - len(said)
    if more > 1:
        return f"{', '.join(said)} or {more:,} other kinds of "
    if more:
        return f"{', '.join(said)} or another kind of "
    if said:
        return f"{' or '.join(said)} "
    return ""


def form_words(rules: Sequence[LimitRule]) -> str:
    """Return ``the form rate_limit:tenant:operation``, or the number of forms."""
    forms = list(dict.fromkeys(rule.template.text for rule in rules if not rule.doubt and not rule.fallback))
    if len(forms) == 1:
        return f"the form {safe_text(_CAPTURE.sub(lambda found: found[1], forms[0]), 80)}"
    return f"the {len(forms):,} forms that the profile reads"
