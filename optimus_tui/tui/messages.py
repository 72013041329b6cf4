"""Messages between panes and screens. Names of events are in the past tense, those of requests end in Requested."""

from textual.message import Message

from optimus_tui.contract.findings import Finding


class ReportArrived(Message):
    """A sampling loop has something new for ``subject`` (health, limits, cache, details, feed)."""

    def __init__(self, subject: str, report: object) -> None:
        super().__init__()
        self.subject, self.report = subject, report


class StateChanged(Message):
    """A pane's one-word state changed; the tab strip shows it."""

    def __init__(self, pane: str) -> None:
        super().__init__()
        self.pane = pane


class InterestChanged(Message):
    """The cache pane shows other keys. Details are read only for keys in view."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        super().__init__()
        self.keys = keys


class PreviewRequested(Message):
    """The operator wants to see the beginning of one value."""

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self.key = key


class TenantRequested(Message):
    """The operator wants to see the screen of one tenant."""

    def __init__(self, tenant: bytes) -> None:
        super().__init__()
        self.tenant = tenant


class FindingRowRequested(Message):
    """The operator wants to go to the row that this finding is about.

    The application handles it, so any screen may post it.
    """

    def __init__(self, finding: Finding) -> None:
        super().__init__()
        self.finding = finding


class CopyRequested(Message):
    """Put this text on the clipboard, and say where it went."""

    def __init__(self, text: str, what: str) -> None:
        super().__init__()
        self.text, self.what = text, what


class ExportRequested(Message):
    """Write these lines, already safe, to a file named after the pane."""

    def __init__(self, pane: str, lines: list[str]) -> None:
        super().__init__()
        self.pane, self.lines = pane, lines


class RefreshRequested(Message):
    """Read the data of this pane again now."""

    def __init__(self, pane: str) -> None:
        super().__init__()
        self.pane = pane
