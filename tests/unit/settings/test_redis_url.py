"""The strict reading of Redis addresses: RELIABILITY rows 54 and 55."""

import string

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from optimus_tui.settings.model import Secret
from optimus_tui.settings.redis_url import parse_address_map, parse_redis_url
from optimus_tui.settings.table import SettingsError


@pytest.mark.parametrize(
    ("url", "label"),
    [
        ("redis://localhost:6379/0", "localhost:6379/0"),
        ("redis://h", "h:6379/0"),
        ("REDIS://h/", "h:6379/0"),
        ("redis://", "localhost:6379/0"),
        ("redis://:6380/3", "localhost:6380/3"),
        ("redis://[::1]:7000/2", "[::1]:7000/2"),
        ("redis://my_redis-1.prod.example.:1", "my_redis-1.prod.example.:1/0"),
        ("rediss://u:p%40ss%2Fw%23@h:1/5", "u@h:1/5"),
        ("redis://h?db=4", "h:6379/4"),
        ("redis://h/4?db=4", "h:6379/4"),
        ("unix:///run/redis.sock?db=2", "/run/redis.sock/2"),
        ("unix://u:p@/run/redis.sock", "u@/run/redis.sock/0"),
        (" redis://h\n", "h:6379/0"),
        ("'redis://h'", "h:6379/0"),
        ('"REDISS://h:1/" ', "h:1/0"),
        ("redis://h:", "h:6379/0"),
        ("redis://:@h", "h:6379/0"),
        ("valkey://h/2", "h:6379/2"),
        ("valkeys://u@h/2", "u@h:6379/2"),
        ("redis+socket:///run/redis.sock", "/run/redis.sock/0"),
        ("redis://h?database=3", "h:6379/3"),
        ("redis://h?username=ops&password=x", "ops@h:6379/0"),
        ("redis://h?health_check_interval=30&socket_timeout=5&x=1", "h:6379/0"),
    ],
)
def test_plain_addresses_are_read(url: str, label: str) -> None:
    assert parse_redis_url(url, "X").label == label


def test_a_password_is_decoded_once_and_never_shows() -> None:
    target = parse_redis_url("rediss://ops:p%40s%2525@h", "X")
    assert target.password == Secret("p@s%25")
    assert (target.username, target.scheme, target.tls_verify) == ("ops", "rediss", True)
    assert "p@s" not in f"{target!r} {target} {target.label} {target.password}"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://ops:p@ss@h", "more than one @"),
        ("redis://ops:p/w@h", "before the host"),
        ("redis://ops:p#w@h", "before the host"),
        ("redis://ops:p?w@h", "before the host"),
        ("redis://ops:p@ss/w#rd@h", "more than one @"),
        ("unix://ops:p/w@/run/x", "before the host"),
        ("redis://ops:%zz@h", "%25"),
        ("redis://ops:%ff@h", "UTF-8"),
        ("redis://ops:%0a@h", "control character"),
        ("redis://ops:a b@h", "space"),
        ("redis://ops:a\x1b[2Jb@h", "control character"),
        ("redis://h#0", "#"),
        ("redis://h:0", "port"),
        ("redis://h:65536", "port"),
        ("redis://h:٣", "port"),
        ("redis://h:1:2", "IPv6"),
        ("redis://::1:6379", "IPv6"),
        ("redis://[::1", "IPv6"),
        ("redis://[::1]x", "port"),
        ("redis://[zz]", "IPv6"),
        ("redis://h/x", "database"),
        ("redis://h/-1", "database"),
        ("redis://h/1/2", "database"),
        ("redis://h/1?db=2", "different databases"),
        ("redis://h?db=1&db=1", "twice"),
        ("redis://:p@h?password=x", "as well"),
        ("redis://h?host=x", "before the ?"),
        ("redis://h?ssl=perhaps", "ssl is true or false"),
        ("unix:///run/x?ssl=true", "not encrypted"),
        ("rediss://h?ssl_check_hostname=false", "ssl_ca_certs"),
        ("rediss://h?ssl_check_hostname=perhaps", "true or false"),
        ("redis://h?ssl_cert_reqs=none", "rediss://"),
        ("rediss://h?ssl_cert_reqs=perhaps", "required or none"),
        ("rediss://h?ssl_ca_certs=", "ssl_ca_certs"),
        ("redis://hö.example", "host name"),
        ("redis://-h", "host name"),
        ("redis://h\\x", "host name"),
        ("unix://relative", "absolute path"),
        ("unix://", "absolute path"),
        ("http://h", "redis://"),
        ("h:6379", "redis://"),
        ("", "redis://"),
        ("redis://a,b", "redis+cluster:// or redis+sentinel://"),
        ("redis+cluster://a,b/1", "database 0 only"),
        ("redis+cluster://a,b/x", "not a number"),
        ("redis+cluster://a,,b:99999", "port is not a number"),
        ("redis+cluster://a,-b", "host name"),
        ("redis+cluster://a?sentinel_password=x", "need redis+sentinel://"),
        ("redis+sentinel://a,b", "write redis+sentinel://host:26379/mymaster"),
        ("redis+sentinel://a/my master", "space"),
        ("redis+sentinel://a/my%20master", "name of the sentinels' service"),
        ("redis+sentinel://a/mymaster/x", "not a number"),
        ("redis-sentinel://a/mymaster", "written redis+sentinel://"),
        ("rediss-cluster://a", "written rediss+cluster://"),
        ("sentinel://a/mymaster", "written redis+sentinel://"),
    ],
)
def test_what_is_not_plainly_right_is_refused_in_one_sentence_row_55(url: str, words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_redis_url(url, "REDIS_URL")
    said = str(refused.value)
    assert said.startswith("REDIS_URL: ")
    assert words in said
    assert said.isprintable()
    assert len(said) < 200


def test_an_unchecked_certificate_needs_the_flag_row_54() -> None:
    with pytest.raises(SettingsError, match="--insecure-tls"):
        parse_redis_url("rediss://h?ssl_cert_reqs=none", "REDIS_URL")
    assert parse_redis_url("rediss://h?ssl_cert_reqs=none", "REDIS_URL", insecure_tls=True).tls_verify is False
    assert parse_redis_url("rediss://h?ssl_ca_certs=/ca.pem", "X", insecure_tls=True).tls_ca == "/ca.pem"
    assert parse_redis_url("rediss://h", "X", insecure_tls=True).tls_verify is True


def test_options_of_other_clients_are_named_and_words_that_nobody_knows_are_not() -> None:
    notes: list[str] = []
    target = parse_redis_url(f"redis://h?health_check_interval=30&{CANARY}=1&{CANARY}2&timeout=1", "X", notes=notes)
    assert target.label == "h:6379/0"
    assert notes == [
        "X: health_check_interval, timeout are for other clients and ignored here",
        "X: the query holds 2 options that we do not know: ignored",
    ]


@pytest.mark.parametrize("url", ["redis://h?ssl=true", "redis://h?ssl=require", "valkeys://h", "rediss://h?ssl=false"])
def test_an_address_that_asks_for_tls_gets_it(url: str) -> None:
    assert parse_redis_url(url, "X").scheme == "rediss"


@pytest.mark.parametrize("word", ["required", "CERT_REQUIRED", "optional", "Required"])
def test_the_words_of_other_clients_for_a_checked_certificate_are_understood(word: str) -> None:
    assert parse_redis_url(f"rediss://h?ssl_cert_reqs={word}", "X").tls_verify


def test_a_name_may_go_unchecked_where_the_authority_is_the_operators_own() -> None:
    target = parse_redis_url("rediss://h?ssl_check_hostname=false&ssl_ca_certs=/ca.pem", "X")
    assert (target.tls_verify, target.tls_check_hostname) == (True, False)
    careless = parse_redis_url("rediss://h?ssl_check_hostname=false", "X", insecure_tls=True)
    assert (careless.tls_verify, careless.tls_check_hostname) == (False, False)


def test_several_addresses_are_the_nodes_of_a_cluster() -> None:
    target = parse_redis_url("rediss+cluster://ops:pw@h1:7001,[::1]:7002,h3/0?ssl_ca_certs=/ca.pem", "X")
    assert (target.topology, target.scheme, target.tls_ca) == ("cluster", "rediss", "/ca.pem")
    assert target.seeds == (("h1", 7001), ("::1", 7002), ("h3", 6379))
    assert target.label == "ops@h1:7001 and 2 more"
    node = target.at("10.0.0.5", 7003)
    assert (node.topology, node.label, node.password) == ("single", "ops@10.0.0.5:7003/0", target.password)


def test_sentinels_have_a_login_apart_from_that_of_the_servers() -> None:
    url = "redis+sentinel://ops:pw@s1,s2:26380/my-master/2?sentinel_username=watch&sentinel_password=s%40"
    target = parse_redis_url(url, "X")
    assert (target.topology, target.service, target.db) == ("sentinel", "my-master", 2)
    assert target.seeds == (("s1", 26379), ("s2", 26380))
    assert target.label == "ops@my-master by s1:26379 and 1 more, database 2"
    assert target.sentinel_at("s1", 26379).label == "sentinel watch@s1:26379"
    sentinel = target.sentinel_at("s1", 26379)
    assert (sentinel.username, sentinel.password, sentinel.db) == ("watch", Secret("s@"), 0)
    assert target.at("10.0.0.5", 6379).password == Secret("pw")
    assert "s@" not in repr(target)


def test_an_announced_address_is_reached_where_the_map_says() -> None:
    pairs = parse_address_map({"10.0.0.5:6379": "127.0.0.1:7001", "[fd00::5]:1": "[::1]:2"}, "x.toml")
    target = replace(parse_redis_url("redis+cluster://127.0.0.1:7000", "X"), address_map=pairs)
    assert target.reach("10.0.0.5", 6379, "h") == ("127.0.0.1", 7001)
    assert target.reach("fd00::5", 1, "h") == ("::1", 2)
    assert target.reach("", 7005, "127.0.0.1") == ("127.0.0.1", 7005)
    for table in ({"a": "b:1"}, {"a:1": "b"}, {"a:1": "redis://b:1"}, {"a:1": "b:0"}):
        with pytest.raises(SettingsError, match=r"x\.toml: "):
            parse_address_map(table, "x.toml")


CANARY = "CANARYx7"
_around = st.text(st.sampled_from(string.ascii_letters + string.digits + "@/#?:[]%&=.\\ \x1b\n\xe9"), max_size=6)


@given(
    before=_around,
    after=_around,
    user=st.sampled_from(["", "ops", "a:b", "x@y"]),
    scheme=st.sampled_from(["redis", "rediss", "unix", "redis+cluster", "http", "x"]),
    rest=st.sampled_from(["", "@h", "@h:6379/0", "@[::1]:1/0", "@/run/x", "@h/99999999", "@h?x=1", "@h#x"]),
)
@example(before="p@", after="/w#rd", user="ops", scheme="redis", rest="@h")
@example(before="1?", after="", user="ops", scheme="redis", rest="")
@example(before="1/0?", after="=x", user="ops", scheme="redis", rest="")
def test_no_message_and_no_host_ever_holds_a_piece_of_the_password_row_55(
    before: str, after: str, user: str, scheme: str, rest: str
) -> None:
    assume(rest or "@" not in user + before + after)  # user:0@CANARY is a well-formed address of the host CANARY
    url = f"{scheme}://{user}:{before}{CANARY}{after}{rest}"
    try:
        target = parse_redis_url(url, "REDIS_URL")
    except SettingsError as refused:
        assert CANARY.lower() not in str(refused).lower()
        assert refused.__cause__ is None
        return
    assume(target.password is not None)
    assume(rest or "@" not in before)  # "redis://:0@CANARY" plainly names a host
    assert CANARY not in repr(target)
    assert CANARY not in target.label
    assert target.password is not None
    assert CANARY in target.password.reveal()
