"""The meaning of the words on the screens, one plain sentence each. Help (``?``) and docs/keys.md show this table."""

from typing import NamedTuple


class Term(NamedTuple):
    """A word as the screens write it, and what it means."""

    word: str
    meaning: str


GLOSSARY: tuple[Term, ...] = (
    Term("429 in", "Time until the counter reaches its limit at its present pace; – with too few readings."),
    Term("action", "A write to Redis that this program can do once it is armed; a plan is always shown first."),
    Term("alert", "A finding that began, came back, became worse or was cleared; :alerts has the history."),
    Term("armed", "Actions are allowed for a while (:arm); without it the program only reads."),
    Term("audit", "The file that records each action, chained so that a change to it is noticed."),
    Term(
        "blast radius", "How many keys an action would touch, with a sample, their bytes and the range of their TTLs."
    ),
    Term("bookmark", "A counter, a cache key or a group of keys that is kept in a list, to go to it again (b, ')."),
    Term("bulk invalidation", "One event that removes many cache keys at once; too many of them lower the hit rate."),
    Term("burn rate", "How many times more failures come than the target allows; 1 is just within it."),
    Term("caused by", "Another finding began shortly before and explains this one; cure that one first."),
    Term("circuit", "A breaker in the gateway: open, it refuses calls to a failing engine without trying them."),
    Term("coherence", "Cached copies agree with their source: no invalidated copy is left that users could still see."),
    Term("cold start", "The first requests of a process, which are slower and are not judged yet."),
    Term("counter", "A Redis key that counts the requests of one tenant and operation within a window."),
    Term("coverage", "How much of the data was read: scanned 41k of 184k; totals of a part are marked ≥."),
    Term("drift", "The running gateway has other routes or keys than its code says."),
    Term("drill", "The demo breaks something and counts how long you take to find, cure and prove it."),
    Term("dropped", "Events that came faster than they could be kept; 0 means that none is missing."),
    Term("engine", "The service behind the gateway that answers its requests."),
    Term("evidence", "What a step of an incident found: figures with their source and time."),
    Term("feed", "The invalidation events that services publish, live, as they arrive."),
    Term("finding", "What a rule judges as wrong, with the measured value and the threshold (e explains it)."),
    Term("gap", "Time in which the link to the feed was down: events of that time may be missing."),
    Term("golden signals", "How the gateway serves its users: requests, the share that fails, refusals, and the p95."),
    Term("hit rate", "The share of look-ups that the cache could answer."),
    Term("immortal", "The same as never resets: a counter without a TTL, which blocks its tenant once it is full."),
    Term("incident", "Five guided steps from the alarm to the cause, written down as they happen (i)."),
    Term("invalidation", "An event that says that a cached copy is out of date and must be removed."),
    Term("limit", "How many requests a tenant may send for one operation within a window."),
    Term("marks", "Rows chosen by ^space or V, which actions and pins then take all at once; esc clears."),
    Term("MTTR", "Mean time to repair: from the first sign of a fault to the proof that it is over."),
    Term("mute", "A muted finding is still shown, but raises no alert until its time is over (:alerts, m)."),
    Term("never resets", "A counter without a TTL: Redis will not remove it, so its tenant stays blocked."),
    Term("no TTL", "The key has no time to live: it stays until somebody deletes it."),
    Term("orphan", "A tracking key that lists cache keys which no longer exist."),
    Term("own requests", "Commands and requests a second that this program itself sends to your system."),
    Term("p95", "The time that 95 of 100 requests stayed under; it needs at least 20 of them."),
    Term("pin", "Keep a row in the timeline of the open incident (p)."),
    Term("plan", "What an action would do, read just now; only a plan that was shown can be confirmed."),
    Term("playbook", "The steps and conclusions for one kind of trouble, such as rate limiting or high latency."),
    Term("post-mortem", "The report of an incident: what happened, whom it hit, what was done, and the proof."),
    Term("proof", "The check after a remedy, over what came since: fixed, better, same or worse."),
    Term("read-only", "No action is possible; :arm changes that for a while."),
    Term("recommendation", "What a playbook advises for its findings; a in the incident carries it out."),
    Term("refused", "Answered with a 429 because a limit was reached."),
    Term("remedy", "What cures a finding; in the demo :remedy carries out one outside, such as a restart."),
    Term("resets", "Time until the window of a counter ends and it starts again at zero."),
    Term("scan", "Reading the names of all keys page by page (SCAN), which never blocks Redis."),
    Term(
        "settling",
        "The findings follow from what you just did, or are proved fixed: their figures still include the time before.",
    ),
    Term("severity", "How bad a finding is: critical, high, warning or low."),
    Term("slope", "How fast a counter grows, in requests a second; negative after it was reset."),
    Term(
        "stale", "The last good figures, dimmed, because newer ones could not be read; the truth line says since when."
    ),
    Term("stampede", "Many requests rebuild the same missing cache entries at the same time."),
    Term("survivor", "A cache key that was still there after the event that should have removed it."),
    Term("sweep", "One pass of the scan over the whole keyspace."),
    Term("tenant", "A customer of the system; limits, cache keys and events belong to one each."),
    Term("tracking key", "A Redis key that lists the cache keys of one tenant and kind; invalidations read it."),
    Term("truth line", "The line under each pane: when its data was read, how much of it, and what failed."),
    Term("TTL", "Time to live: seconds until Redis removes the key."),
    Term(
        "TTL bars",
        "How many keys of a kind expire within 10 s, 1 min, 5 min, 15 min, 1 h, 1 day and later, as seven bars.",
    ),
    Term("unknown", "It was not measured, or could not be; never shown as 0 or as good."),
    Term(
        "warming up", "A process has just started and nothing else is wrong: how quick it is will be known in a minute."
    ),
    Term(
        "watching",
        "First signs of trouble were seen, too few to judge: a finding says what, and when it will be judged.",
    ),
    Term("window", "The time that a limit or a rate counts over, such as 60 s."),
    Term(
        "windows",
        "How full the last five windows of the counter became, the newest at the right; red reached the limit.",
    ),
)
