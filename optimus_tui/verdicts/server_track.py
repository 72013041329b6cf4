"""What several samples of one Redis tell together: what it refused lately, how many replicas dropped away. Pure.

Another run of the server (its run id, or an uptime that fell) starts the comparison again.
"""

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.services import ServerState, growth

KEEP_SECONDS = 30.0
"""Looks are compared over so long: a server that is asked to write only now and then still refuses."""
REPLICA_SECONDS = 600.0
"""For so long a replica that dropped away is missed."""


class ServerTrack(Struct, frozen=True, kw_only=True):
    """Looks at one run of a server, oldest first, of the last ``KEEP_SECONDS``: (monotonic seconds, state).

    Beside them how many replicas it had at most, and when that was.
    """

    looks: tuple[tuple[float, ServerState], ...] = ()
    replicas: int = 0
    replicas_mono: float = 0.0


NO_SAMPLES = ServerTrack()


def track_server(track: ServerTrack, state: ServerState, mono: float) -> tuple[ServerTrack, ServerState]:
    """Return the track with this sample added, and the state with what earlier samples add to it."""
    last = None
    if track.looks:
        last = track.looks[-1][1]
    if last is not None and (last.run_id != state.run_id or (state.uptime_seconds or 0) < (last.uptime_seconds or 0)):
        track, last = NO_SAMPLES, None
    recent = [(at, one) for at, one in track.looks if at >= mono - KEEP_SECONDS]
    looks = (*(recent or track.looks[-1:]), (mono, state))
    most, at = track.replicas, track.replicas_mono
    replicas = state.replicas or 0
    if replicas >= most or mono - at > REPLICA_SECONDS:
        most, at = replicas, mono
    lost = 0
    if state.role == "primary" and state.replicas is not None:
        lost = most - replicas
    lately = None
    if last is not None:
        lately = growth(looks[0][1].refused, state.refused, mono - looks[0][0])
    if last is not None and lately is None and state.refused.writes is not None:
        looks = ((mono, state),)  # counts were set back (CONFIG RESETSTAT): compare from here on
    track = ServerTrack(looks=looks, replicas=most, replicas_mono=at)
    return track, replace(state, refused_lately=lately, replicas_lost=lost)
