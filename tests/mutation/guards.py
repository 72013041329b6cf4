# ruff: noqa: E501 - a guard is a line of ours, whatever its length
"""Lines on which the product's safety rests: what stands there, what takes its place, and the test that must fail.

A guard's text stands exactly once in its file; a fast house test holds that, and that the named tests exist.
"""

from typing import NamedTuple


class Guard(NamedTuple):
    """``text`` in ``file`` becomes ``instead``; then ``test`` (a file, or a file and a name) must fail."""

    about: str
    file: str
    text: str
    instead: str
    test: str


_P, _A, _S, _H = "optimus_tui/probes/", "optimus_tui/actions/", "optimus_tui/serving/", "optimus_tui/history/"
_D, _STORAGE = "optimus_tui/storage/", "tests/unit/storage/test_storage.py"
_COMMANDS, _GUARD = "tests/unit/probes/test_commands.py", "tests/live/probes/redis/test_guard.py"
_PURE, _REFUSED = "tests/unit/actions/test_actions_pure.py", "tests/live/actions/test_actions_refused.py"
_CLUSTER, _SENTINELS = (
    "tests/live/actions/test_actions_on_a_cluster.py",
    "tests/live/actions/test_actions_behind_sentinels.py",
)
_CAPS, _DOORS, _HTTP = (
    "tests/live/probes/redis/test_reply_caps.py",
    "tests/surfaces/test_listening.py",
    "tests/surfaces/test_http_api.py",
)
_GIT, _CHILDREN = "tests/scaffold/test_git_state.py", "tests/house/test_children.py"
_WRITING, _HOSTILE = "tests/scaffold/test_writing.py", "tests/scaffold/test_hostile.py"
_AUDIT, _CHAIN = "tests/unit/history/test_audit.py", "tests/unit/history/test_audit_continuity.py"
_MCP, _URL = "tests/surfaces/test_mcp.py", "tests/unit/settings/test_redis_url.py"

GUARDS: tuple[Guard, ...] = (
    # -- what an observer may say
    Guard("names that are not listed", _P + "redis/commands.py",
          "    raise CommandRefused(f\"{name[:40]!r} is not on the observer's list\")", "    return words", _COMMANDS),
    Guard("our own scripts only", _P + "redis/commands.py", "as_bytes(words[1]) not in SCRIPTS", "False", _COMMANDS),
    Guard("the configured database", _P + "redis/commands.py", "as_bytes(words[1]) != str(db).encode()", "False", _COMMANDS),
    Guard("patterns of few stars", _P + "redis/commands.py", "count(b\"*\") > MAX_PATTERN_STARS", "count(b\"*\") > 99",
          _COMMANDS),
    Guard("scans of few keys a call", _P + "redis/commands.py", "int(value) > MAX_SCAN_COUNT", "False", _COMMANDS),
    Guard("SET of our own key", _P + "redis/commands.py", "not plain[1].startswith(OWN_PREFIX) or", "", _COMMANDS),
    Guard("a TTL of a minute", _P + "redis/commands.py", "not 0 < int(plain[4][:9]) <= OWN_SECONDS", "False", _COMMANDS),
    Guard("UNLINK of our own key", _P + "redis/commands.py", "not as_bytes(words[1]).startswith(OWN_PREFIX)", "False",
          _COMMANDS),
    Guard("packed bytes that did not pass", _P + "redis/guard.py", "if not isinstance(command, _Cleared):", "if False:",
          _GUARD),
    Guard("checked where it is packed", _P + "redis/guard.py", "        return check(words)\n",
          "        return tuple(words)\n", _GUARD),
    Guard("the library's own loops", _P + "redis/observer.py", "    hscan_iter = sscan_iter = zscan_iter = scan_iter\n", "\n",
          f"{_GUARD}::test_the_back_doors_of_the_library_are_shut_row_77"),
    # -- replies
    Guard("the cap of a reply", _P + "redis/parser.py", "if self._taken > self._cap + self._read_size:", "if False:", _CAPS),
    Guard("announcements before the parser", _P + "redis/parser.py", "            self._heads.check(data)\n",
          "            pass\n", _CAPS),
    Guard("elements of a reply", _P + "redis/parser.py", "if self._announced > MAX_ELEMENTS:", "if False:",
          f"{_CAPS}::test_announcements_are_followed_whatever_the_pieces"),
    Guard("depth of a reply", _P + "redis/parser.py", "if len(self._open) > MAX_DEPTH:", "if False:",
          f"{_CAPS}::test_announcements_are_followed_whatever_the_pieces"),
    Guard("lines without end", _P + "redis/parser.py", "if len(self._rest) > MAX_LINE:", "if False:",
          f"{_CAPS}::test_announcements_are_followed_whatever_the_pieces"),
    Guard("a counter of a megabyte", _P + "counters.py", "    except ReplyTooLarge:\n        gets",
          "    except ZeroDivisionError:\n        gets",
          f"{_CAPS}::test_one_counter_of_a_megabyte_hides_no_other"),
    Guard("the feed's message cap", _P + "events/link.py", "if self._unparsed > MAX_MESSAGE:", "if False:",
          f"{_CAPS}::test_a_message_without_end_costs_the_feed_its_link_and_no_memory"),
    Guard("the feed's own list", _P + "events/link.py", "if words[0] not in _OURS:", "if False:",
          "tests/live/probes/events/test_feed_faults.py::test_the_link_cannot_say_what_is_not_on_its_list_row_77"),
    Guard("logins in the command log", _P + "round_trips.py", "_ELIDED = {*_LOGINS, b\"SET\"}", "_ELIDED = set()",
          "tests/unit/probes/test_command_log.py"),
    Guard("the log's bound", _P + "round_trips.py", "len(self._trips) > most.most_trips", "False", "tests/unit/probes/test_command_log.py"),
    # -- HTTP
    Guard("no proxies", _P + "http/fetch.py", "        trust_env=False,\n", "",
          "tests/live/probes/http/test_no_proxy.py"),
    Guard("no cookies", _P + "http/fetch.py", "DefaultCookiePolicy(allowed_domains=[])", "DefaultCookiePolicy()",
          "tests/live/probes/http/test_services.py"),
    Guard("an answer's time", _P + "http/fetch.py", "    async with asyncio.timeout(deadline_s):",
          "    async with asyncio.timeout(None):",
          "tests/live/probes/http/test_services.py::test_answers_without_an_end_are_left_while_they_go_on_all_at_once_rows_85_90_91"),
    # -- what an action may say
    Guard("commands of the action", _A + "redis/operator_connection.py", "        if name not in self._commands:\n", "        if False:\n",
          _PURE),
    Guard("keys of the plan", _A + "redis/operator_connection.py", "any(as_bytes(key) not in self._keys for key in keys)", "False", _PURE),
    Guard("one key a time", _A + "redis/operator_connection.py", "if name == \"UNLINK\" and len(raw) != 2:", "if False:", _PURE),
    Guard("seconds are a number", _A + "redis/operator_connection.py", "raw[2].isdigit() and raw[3:]", "raw[3:]", _PURE),
    Guard("the action's event", _A + "redis/operator_connection.py", "or as_bytes(words[1]) != self._channel", "", _PURE),
    Guard("the lock's form", _A + "redis/operator_connection.py", "if raw[3 if name == \"SET\" else 2 :] != tail:", "if False:", _PURE),
    Guard("what is not listed", _A + "redis/operator_connection.py", "elif name not in _LOOKING:", "elif False:", _PURE),
    Guard("a writable environment", _A + "guard.py", "    if not settings.writable:", "    if False:", _REFUSED),
    Guard("a checked certificate", _A + "redis/identity.py", "    if not target.tls_verify:", "    if False:", _REFUSED),
    Guard("an encrypted way", _A + "redis/identity.py", "if not target.loopback and target.scheme != \"rediss\":", "if False:",
          _REFUSED),
    Guard("the environment's name", _A + "guard.py", "if typed != self._settings.environment:", "if False:", _REFUSED),
    Guard("the end of arming", _A + "guard.py", "now >= self._armed.until_mono", "False", _REFUSED),
    Guard("nobody is there", _A + "guard.py", "now - self._touched >= self.idle_seconds", "False", _REFUSED),
    Guard("disarming", _A + "guard.py", "        armed, self._armed = self._armed, None\n",
          "        armed = self._armed\n", _REFUSED),
    Guard("drift", _A + "applying.py", "            refusal = await check_drift(dependencies, servers, plan)\n",
          "            pass\n", _REFUSED),
    Guard("the same server", _A + "applying.py", "        refusal = await check_server(dependencies, servers, plan)\n",
          "        refusal = None\n", _REFUSED),
    Guard("the lock", _A + "applying.py", "refusal = await lock.take(again=resumed is not None)", "refusal = None", _REFUSED),
    Guard("only reads after ASKING", _A + "redis/operator_connection.py", "if asking and name != \"PTTL\":", "if False:", _PURE),
    Guard("a wait of a second", _A + "redis/operator_connection.py", " or not 0 < int(raw[1]) <= MOST_WAIT_MS", "", _PURE),
    Guard("the owner of each key", _A + "checks.py", " or keys_moved(plan, where)", "",
          f"{_CLUSTER}::test_a_plan_is_void_once_a_slot_or_a_primary_is_another"),
    Guard("the same primaries", _A + "redis/identity.py", "        if node.id not in now_there:\n", "        if False:\n",
          f"{_CLUSTER}::test_a_plan_is_void_once_a_slot_or_a_primary_is_another"),
    Guard("the sentinels' word before a batch", _A + "applying.py", "why = why or await servers.prove(self._plan.where)\n", "why = why\n",
          f"{_SENTINELS}::test_nothing_is_written_without_the_word_of_most_sentinels"),
    Guard("the replicas' word after a batch", _A + "redis/servers.py", "        if not wanted:\n", "        if True:\n",
          f"{_SENTINELS}::test_a_demoted_primary_that_still_takes_writes_gets_none"),
    # -- the audit
    Guard("fdatasync of a record", _D + "append_log.py", "            os.fdatasync(self.handle)\n", "", "tests/live/actions/test_on_the_disk.py"),
    Guard("no part of a line", _D + "append_log.py", "                self.cut()\n",
          "                pass\n", _AUDIT),
    Guard("short writes", _D + "private_file.py", "view, offset = view[wrote:], offset + wrote", "view = view[:0]", _AUDIT),
    Guard("the file that was written", _D + "private_file.py",
          "return os.path.samestat(os.stat(self.path, follow_symlinks=False), os.fstat(self.handle))", "return True",
          _CHAIN),
    Guard("the end that was left", _D + "append_log.py", " or tail != self._tail", "", _STORAGE),
    Guard("a record without its head", _D + "append_log.py", "                confirm()\n", "                pass\n", _STORAGE),
    Guard("a sound file stays", _D + "append_log.py", " or is_sound(path)", "", _STORAGE),
    Guard("a lost file is not begun again", _H + "audit/log.py", "(os.O_CREAT if new and create else 0)", "os.O_CREAT", _CHAIN),
    # -- files
    Guard("plain paths", _A + "files/tree.py", "and part not in (\".\", \"..\")", "", _HOSTILE),
    Guard("out of the tree", _A + "files/tree.py", "if not real.is_relative_to(self.root):", "if False:", _HOSTILE),
    Guard("regular files", _A + "files/tree.py", "    if not stat.S_ISREG(kind):\n", "    if False:\n", _HOSTILE),
    Guard("the plan's files", _A + "files/changes.py", "        if tree.read(change.path) != change.before:\n",
          "        if False:\n", _WRITING),
    Guard("undo of what stands", _A + "files/changes.py", "            if changed:\n", "            if False:\n", _WRITING),
    # -- repositories and children
    Guard("the index's checksum", _A + "files/git_objects.py", "    raise RepositoryUnreadable(\"the index is damaged: its checksum is wrong\")",
          "    return 20", _GIT),
    Guard("references in refs", _A + "files/git_layout.py", "if not name.startswith(\"refs/\") or \"..\" in name or", "if", _GIT),
    Guard("pipes are not waited for", _A + "files/git_layout.py", "os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC",
          "os.O_RDONLY | os.O_CLOEXEC", f"{_GIT}::test_what_cannot_be_read_is_said_and_never_taken_for_clean"),
    Guard("no code before a yes", _A + "drafts/draft_checks.py", "if allowed else NOT_ALLOWED", "if True else NOT_ALLOWED", _GIT),
    Guard("no program of the project", _A + "drafts/draft_checks.py", "    if own:\n", "    if True:\n", _GIT),
    Guard("secrets by name", "optimus_tui/child_processes.py", "        and not _is_secret_name(name)\n", "",
          _CHILDREN),
    Guard("secrets by form", "optimus_tui/child_processes.py", "        and not _passwords_in(value)\n", "",
          _CHILDREN),
    Guard("secrets by value", "optimus_tui/child_processes.py",
          "        and not any(word in value for word in secrets)\n", "", _CHILDREN),
    Guard("the editor's environment", "optimus_tui/tui/terminal.py", "env=child_environment(), ", "", _CHILDREN),
    # -- the doors
    Guard("the token", _S + "asgi.py", "hmac.compare_digest(given.strip(), self._token)", "True", _HTTP),
    Guard("this machine only", _S + "asgi.py", "        if not _is_loopback(scope.get(\"client\")):",
          "        if False:", _HTTP),
    Guard("proxies that pass strangers on", _S + "asgi.py",
          "any(name in _PASSED_ON or name.startswith(b\"x-forwarded\") for name, _ in headers)", "False", _HTTP),
    Guard("Host", _S + "asgi.py", "lower() in self._authorities(scope):\n            return None\n        return AccessRefusal(421",
          "lower():\n            return None\n        return AccessRefusal(421", _HTTP),
    Guard("Origin", _S + "asgi.py", "        return AccessRefusal(403, \"pages of other origins are refused\")",
          "        return None", _HTTP),
    Guard("a body's size", _S + "asgi.py", "    if seen > MAX_BYTES:\n", "    if False:\n", _HTTP),
    Guard("a body's time", _S + "asgi.py", "async with asyncio.timeout(seconds):",
          "async with asyncio.timeout(None):", _DOORS),
    Guard("a head's time", _S + "listen.py",
          "        self._deadline = self.loop.call_later(HEAD_SECONDS, self._too_slow)\n        if len(",
          "        if len(", f"{_DOORS}::test_who_sends_half_a_head_or_half_a_body_is_told_408_in_a_short_document"),
    Guard("the cap of connections", _S + "listen.py", "if len(self.connections) <= self.most:", "if True:",
          f"{_DOORS}::test_with_few_descriptors_the_cap_is_lower_and_the_good_are_still_served"),
    Guard("room for the 101st client", "optimus_tui/mcp_server/streamable.py",
          "await self._put_out(scope):", "False:", f"{_DOORS}::test_the_101st_client_is_served_and_the_oldest_idle_session_gives_way"),
    Guard("odd ids", "optimus_tui/mcp_server/stdio.py", "    if not fits:\n", "    if False:\n", _MCP),
    Guard("batches by version", "optimus_tui/mcp_server/stdio.py", "    if version != WITH_BATCHES:", "    if False:",
          f"{_DOORS}::test_over_http_odd_ids_are_answered_a_bom_is_skipped_and_batches_go_by_version"),
    # -- words
    Guard("control characters", "optimus_tui/wording/safe.py", "if not char.isprintable() or char in BLANK_LOOKING",
          "if char in BLANK_LOOKING", "tests/unit/wording/test_safe_text.py"),
    Guard("a flood of marks", "optimus_tui/wording/safe.py", "            if combining <= MAX_COMBINING:",
          "            if True:", "tests/unit/wording/test_safe_text.py"),
    Guard("a word for zsh", "optimus_tui/wording/safe.py", "and not data.startswith(b\"=\")", "",
          "tests/unit/wording/test_shell.py"),
    # -- mended after their first tests let them live
    Guard("an answer's size", _P + "http/fetch.py", "body += chunk[: cap_bytes + 1 - len(body)]\n                if len(body) > cap_bytes:",
          "body += chunk\n                if False:", "tests/live/probes/http/test_services.py"),
    Guard("a file of ours", _H + "audit/log.py", "if os.fstat(file.handle).st_uid != os.geteuid():", "if False:", "tests/unit/history/test_audit_private.py"),
    Guard("a private file", _D + "private_file.py", "            os.fchmod(self.handle, 0o600)\n", "            pass\n", "tests/unit/history/test_audit_private.py"),
    Guard("what changed meanwhile", _A + "files/changes.py", "            if current != change.before:\n", "            if False:\n",
          "tests/scaffold/test_meanwhile.py"),
    Guard("a time that tells nothing", _A + "files/git_objects.py", "and entry.mtime < index.written", "", _GIT),
    Guard("the time of the last change", _A + "files/git_objects.py", " and _is_time(entry.ctime, seen.st_ctime_ns)", "", _GIT),
    Guard("a redirect's target", _P + "http/fetch.py", 'response.headers.pop("location", "")', 'response.headers.get("location", "")',
          "tests/live/probes/http/test_services.py"),
    Guard("a connection that is lost is not asked again", _A + "redis/operator_connection.py", "        if self._lost is not None:\n", "        if False:\n",
          f"{_CAPS}::test_the_operators_connection_ends_there_as_well"),
    Guard("no traceback at the end", _S + "asgi.py", "        except (asyncio.CancelledError, Exception) as error:\n",
          "        except ZeroDivisionError as error:\n", "tests/surfaces/test_ending_well.py"),
    Guard("no log where no screen shows it", _P + "round_trips.py", "        if not self._keeps:\n", "        if False:\n",
          "tests/surfaces/test_soak.py"),
)  # fmt: skip
