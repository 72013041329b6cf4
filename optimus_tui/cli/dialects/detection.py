"""Print which preset fits the names in Redis, which shapes are there, and what to write."""

from typing import TYPE_CHECKING, Any

from optimus_tui.cli import exits, output
from optimus_tui.cli.output import print_error, print_line, print_wrapped
from optimus_tui.tools.dialects.finding_out import (
    NamesFound,
    find_out,
    fit_words,
    other_words,
    read_words,
    shape_words,
)
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.settings.model import Settings


async def detect(settings: "Settings", *, as_json: bool) -> int:
    """Print what the names in Redis tell, and return the exit code."""
    from optimus_tui.cli.dialects.trial import failed
    from optimus_tui.cli.run_async import connected_to

    async with connected_to(settings) as context:
        found = await find_out(context)
        if found.fault and not found.names:
            return failed(found.fault, context, as_json=as_json)
    if as_json:
        import msgspec

        output.document(msgspec.json.encode(_document(found)), indent=output.indent())
    else:
        _print(found)
    return exits.code_of(found.open_question and not found.found.certain and not found.only_answers)


def _print(found: NamesFound) -> None:
    print_wrapped("reads   ", read_words(found))
    for sentence in fit_words(found):
        print_wrapped("fits    ", sentence)
    for sentence in shape_words(found, shown=len(found.found.shapes)):
        print_wrapped("shape   ", sentence)
    if others := other_words(found):
        print_wrapped("others  ", others)
    if found.fault:
        print_error(found.fault.message)
    if not found.toml:
        if found.names:
            print_line("nothing to write: there are no other counters or cache keys")
        return
    print_line()
    print_line("Write into optimus.toml:")
    print_line()
    for line in found.toml.rstrip("\n").split("\n"):
        if line.startswith("#"):
            print_line(line)
        else:
            output.page(line)


def _document(found: NamesFound) -> dict[str, Any]:
    return {
        "dialect": found.dialect,
        "configured": found.configured,
        "read": found.names,
        "total": found.total,
        "whole": found.whole,
        "understood": found.counts,
        "fits": [
            {
                "presets": fit.presets,
                "count": fit.count,
                "example": safe_text(fit.example, 512),
                "question": fit.question or None,
            }
            for fit in found.found.fits
        ],
        "answers": [{"preset": one.preset, "sign": one.words} for one in found.answers],
        "shapes": [
            {
                "shape": safe_text(one.text, 512),
                "count": one.count,
                "family": one.family or None,
                "read_by": one.readers,
            }
            for one in found.found.shapes
        ],
        "others": found.found.others,
        "certain": found.found.certain,
        "toml": found.toml,
    }
