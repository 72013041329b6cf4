"""The only module that prints. Control characters are escaped first, so that none reaches the terminal.

Nothing is coloured, and no word is broken that somebody may want to copy.
"""

import os
import shutil
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from optimus_tui.wording.safe import safe_text

LONGEST = 2000
"""Characters of one sentence; the middle of a longer one is elided."""


class ReaderGone(Exception):
    """Raised if the reader of our output has closed it, as ``| head`` does.

    It is not an OSError, because click would then end the process with exit code 1.
    """


class Unwritable(Exception):
    """Raised if standard output cannot be written, for example on a full disk."""


def prepare() -> None:
    """Make printing safe: characters that the terminal's encoding lacks are escaped; a closed stream goes nowhere."""
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 - as long as the process
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def print_line(text: str = "") -> None:
    """Print one line on stdout; raise Unwritable if it cannot be written."""
    with _writing():
        print(safe_text(text, LONGEST))


def flush() -> None:
    """Flush stdout; raise Unwritable if it cannot be written."""
    with _writing():
        sys.stdout.flush()


def unwritable(error: BaseException) -> Unwritable | None:
    """Return Unwritable if click could not print its help because the disk is full; None for any other error."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    by_click = trace is not None and str(trace.tb_frame.f_globals.get("__name__")).startswith("click.")
    if by_click and isinstance(error, OSError):
        return _full(error)
    return None


def _full(error: OSError) -> Unwritable:
    return Unwritable(f"the output cannot be written: {error.strerror}")


def print_error(sentence: object) -> None:
    """Print one sentence on stderr."""
    print(f"optimus-tui: {safe_text(sentence, LONGEST)}", file=sys.stderr)


def indent() -> int:
    """Return the indentation of a JSON document: 2 blanks on a terminal, else 0."""
    if sys.stdout.isatty():
        return 2
    return 0


def document(encoded: bytes, indent: int = 0) -> None:
    """Print one JSON document as a line of its own, always UTF-8; ``indent`` spreads it for people.

    Characters that a terminal could take for a command are written as JSON escapes.
    """
    text = encoded.decode("utf-8")
    if not text.isprintable():
        text = "".join(char if char.isprintable() else _json_escape(char) for char in text)
    data = text.encode("utf-8")
    if indent:
        import msgspec

        data = msgspec.json.format(data, indent=indent)
    _write(data + b"\n")


def page(text: str) -> None:
    """Print a document for a browser, always UTF-8. All its parts are safe already."""
    _write(text.encode("utf-8", "backslashreplace") + b"\n")


def _write(data: bytes) -> None:
    with _writing():
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise ReaderGone from None
    except OSError as error:
        raise _full(error) from None


def _json_escape(char: str) -> str:
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))


def clear_screen() -> None:
    """Clear the terminal."""
    sys.stdout.write("\x1b[H\x1b[2J")


_decided = 0


def decided(code: int) -> None:
    """Store the exit code of an answer that is about to be written, in case its reader closes the output early."""
    global _decided
    _decided = code


def left_by_reader() -> int:
    """Discard further output, and return the exit code stored by ``decided``, or 0 if none was."""
    discard()
    return _decided


def discard() -> None:
    """Discard everything else written to stdout, including what Python would flush when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def exit_now(code: int) -> NoReturn:
    """End the process now, even if a thread still hangs in a DNS look-up."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            try:
                stream.flush()
            except OSError:  # nobody takes the rest; nor may Python try it once more at its end
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    if any(not one.daemon for one in threading.enumerate() if one is not threading.main_thread()):
        os._exit(code)
    sys.exit(code)


def report(text: str) -> None:
    """Print several lines on stderr, such as a crash report."""
    for line in text.splitlines():
        print(safe_text(line, LONGEST), file=sys.stderr)


def print_wrapped(lead: str, text: str) -> None:
    """Print ``lead`` and then ``text``, wrapped and indented at the terminal's width (60 to 100 columns)."""
    width = max(60, min(100, shutil.get_terminal_size((80, 24)).columns))
    shown = safe_text(text, LONGEST)
    lines = textwrap.wrap(shown, max(20, width - len(lead)), break_long_words=False, break_on_hyphens=False) or [""]
    print_line(f"{lead}{lines[0]}".rstrip())
    for line in lines[1:]:
        print_line(" " * len(lead) + line)
