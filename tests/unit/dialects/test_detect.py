"""What names tell: presets by names that only they write, shapes and a template to fill in for all others."""

import tomllib

import pytest

from optimus_tui.dialects.detect import detect, toml_of
from optimus_tui.dialects.layout import KeyLayout
from optimus_tui.dialects.load import load_preset, load_table, preset_names
from optimus_tui.dialects.places import DialectError
from tests.unit.dialects.recorded import names_of, preset_of, recordings

PRESETS = [load_preset(name) for name in preset_names()]
WITH_SIGNS = {preset.name for preset in PRESETS if preset.signs}


@pytest.mark.parametrize("name", recordings())
def test_a_recording_is_found_by_its_own_names_or_not_at_all(name: str) -> None:
    found = detect([row.key for row in names_of(name)], PRESETS)
    fitting = {preset for fit in found.fits for preset in fit.presets}
    own = preset_of(name)
    if own.startswith("apisix"):
        assert fitting == {"apisix-left", "apisix-used"} and not found.certain
    elif fitting:
        assert fitting == {own}
    elif own in WITH_SIGNS:
        assert name in ("fastapi-cache2-tenant", "litellm-pubsub")  # nothing in them is exclusive


def test_a_preset_that_fits_is_one_line() -> None:
    found = detect([row.key for row in names_of("slowapi-tenant")], PRESETS)
    assert found.certain and toml_of(found) == 'dialect = "limits"\n'


def test_two_products_are_both_named() -> None:
    names = [row.key for name in ("slowapi-tenant", "fastapi-cache2-default") for row in names_of(name)]
    table = tomllib.loads(toml_of(detect(names, PRESETS)))["dialect"]
    assert table == {"extends": ["limits", "fastapi-cache"]}


def test_a_prefix_before_the_tenant_is_asked_and_its_rule_is_right() -> None:
    names = [row.key for row in names_of("slowapi-tenant-endpoint-prefix")]
    found = detect(names, PRESETS)
    assert not found.certain and "gw" in found.fits[0].question
    layout = KeyLayout(load_table(tomllib.loads(toml_of(found))["dialect"], "optimus.toml"))
    assert {layout.parse(name).tenant for name in names} == {b"acme", b"clinic_b"}


def test_a_route_before_the_tenant_is_asked_and_its_rule_is_right() -> None:
    """Spring's newer releases write the route's id and a dot before the tenant."""
    names = [f"request_rate_limiter.{{route-1.{tenant}}}.tokens".encode() for tenant in ("acme", "beta", "c")]
    found = detect(names, PRESETS)
    assert "all tenants have a dot, as route-1.acme" in found.fits[0].question
    text = toml_of(found)
    layout = KeyLayout(load_table(tomllib.loads(text)["dialect"], "o.toml", text))
    parsed = layout.parse(names[0])
    assert (parsed.family, parsed.tenant, parsed.operation) == ("limit", b"acme", b"route-1")


@pytest.mark.parametrize("tenants", [("10.0.0.1", "10.0.0.2", "10.0.0.3"), ("a.x", "b.x", "c.x"), ("a", "a.b", "a.c")])
def test_dots_that_no_route_ends_with_are_not_asked_about(tenants: tuple[str, ...]) -> None:
    names = [f"request_rate_limiter.{{{tenant}}}.tokens".encode() for tenant in tenants]
    assert not detect(names, PRESETS).fits[0].question


PREFIXED = [
    ("limits", b"SHOP:LIMITER/%b/chat/10/1/minute"),
    ("rack-attack", b"shop:rack::attack:29934851:req/ip:%b"),
    ("django", b"shop:1:rl:%b"),
    ("upstash", b"a:b:@upstash/ratelimit:%b:29934851"),
    ("fastify", b"shop:fastify-rate-limit-GET/chat-%b"),
    ("spring", b"shop:request_rate_limiter.{%b}.tokens"),
]


@pytest.mark.parametrize(("preset", "name"), PREFIXED)
def test_a_prefix_of_the_team_s_is_asked_and_its_rule_is_right(preset: str, name: bytes) -> None:
    """Clients set one before all names, as ioredis' keyPrefix, Rails' namespace and Django's KEY_PREFIX."""
    tenants = [b"a1" * 32, b"b2" * 32] if preset == "django" else [b"acme", b"clinic_b"]
    names = [name % tenant for tenant in tenants]
    found = detect(names, PRESETS)
    (fit,) = found.fits
    assert fit.presets == (preset,) and "before them: is that a prefix of yours?" in fit.question and not found.certain
    text = toml_of(found)
    layout = KeyLayout(load_table(tomllib.loads(text)["dialect"], "optimus.toml", text))
    assert [layout.parse(one).tenant for one in names] == tenants
    keys = {found for one in names for found in layout.counter(one).belongings(one)}
    assert all(one.startswith(name.partition(b":")[0]) for one in keys)


@pytest.mark.parametrize("form", ["%b_database_%b_cache_:%b", "%b-database-%b-cache-%b"])
def test_laravel_under_another_name_of_the_application_is_found_and_its_rule_is_right(form: str) -> None:
    """Its prefixes are made of APP_NAME, which is Laravel where nobody has changed it."""
    hashes = [b"2bf913e845242414829a489acfa07c0a", b"528807c28804a3c58339e98a150845a2"]
    counters = [form.encode() % (b"clinic_app", b"clinic_app", one) for one in hashes]
    found = detect([*counters, *(one + b":timer" for one in counters)], PRESETS)
    (fit,) = found.fits
    assert fit.presets == ("laravel",) and not found.certain and not found.shapes
    assert "clinic_app in the place of laravel: is that your application's name?" in fit.question
    text = toml_of(found)
    layout = KeyLayout(load_table(tomllib.loads(text)["dialect"], "optimus.toml", text))
    assert [layout.parse(one).tenant for one in counters] == hashes
    belongings = [layout.counter(name).belongings(name) for name in counters]
    assert belongings == [[name + b":timer"] for name in counters]


def test_other_names_with_a_database_in_them_are_no_laravel() -> None:
    names = [b"clinic_database_other_cache_:2bf913e845242414829a489acfa07c0a", b"a_database_a_cache_:x"]
    assert not detect(names, PRESETS).fits


def test_tenants_before_the_names_of_a_preset_are_no_prefix() -> None:
    names = [b"%b:rack::attack:29934851:req/ip:10.0.0.1" % tenant for tenant in (b"acme", b"beta", b"c", b"d")]
    assert not detect(names, PRESETS).fits


def test_a_word_before_numbers_and_addresses_may_be_the_operation() -> None:
    names = [b"@upstash/ratelimit:%b:29934851" % one for one in (b"user:42", b"user:43", b"ip:10.0.0.1")]
    found = detect(names, PRESETS)
    assert "as ip before 10.0.0.1: is the word the operation?" in found.fits[0].question
    text = toml_of(found)
    layout = KeyLayout(load_table(tomllib.loads(text)["dialect"], "optimus.toml", text))
    assert [(layout.parse(one).tenant, layout.parse(one).operation) for one in names] == [
        (b"42", b"user"), (b"43", b"user"), (b"10.0.0.1", b"ip"),
    ]  # fmt: skip


def test_names_of_a_preset_that_it_does_not_read_are_asked_about() -> None:
    found = detect([b"rlflx:acme:chat", b"rlflx:beta:chat"], PRESETS)
    assert found.fits[0].presets == ("rate-limiter-flexible",) and not found.certain
    assert 'extends = "rate-limiter-flexible"' in toml_of(found) and 'key = "rlflx:{1}:chat"' in toml_of(found)


def test_a_shape_that_only_a_limiter_s_preset_reads_is_asked_about() -> None:
    (shape,) = detect([b"rate:acme", b"rate:10.0.0.1", b"rate:2001:db8::7"], PRESETS).shapes
    assert (shape.family, shape.readers, shape.key) == ("limits", ("traefik",), "rate:{1...}")


def test_a_sole_tenant_is_no_prefix() -> None:
    names = [b"LIMITS:LIMITER/acme//api/chat/10/1/minute", b"LIMITS:LIMITER/acme//api/list/10/1/minute"]
    assert detect(names, PRESETS).certain


@pytest.mark.parametrize("head", [b"rl:", b"ratelimit:", b"rate_limit:", b"cache:"])
def test_names_that_many_programs_write_are_asked_never_guessed(head: bytes) -> None:
    names = [head + tenant + b":" + what for tenant in (b"acme", b"clinic_b") for what in (b"chat", b"list")]
    found = detect(names, PRESETS)
    assert found.fits == () and not found.certain
    (shape,) = found.shapes
    assert (shape.text, shape.count) == (head.decode() + "•:•", 4)
    text = toml_of(found)
    with pytest.raises(DialectError, match="unknown capture"):
        load_table(tomllib.loads(text)["dialect"], "optimus.toml", text)
    filled = text.replace('{1}:{2}"', '{tenant}:{any}"')
    layout = KeyLayout(load_table(tomllib.loads(filled)["dialect"], "optimus.toml"))
    assert [layout.parse(name).tenant for name in names] == [b"acme", b"acme", b"clinic_b", b"clinic_b"]


@pytest.mark.parametrize(
    ("names", "no_ttl"),
    [
        ((b"rl:acme:chat", b"rl:clinic_b:chat"), "normal"),  # express mends it, a home-made limiter does not
        ((b"ratelimit:acme:2026-01-31", b"ratelimit:clinic_b:2026-01-31"), "dated"),
        ((b"ratelimit:acme:chat", b"ratelimit:clinic_b:chat"), "stuck"),  # only home-made limiters write these
        ((b"my_quota:acme:chat", b"my_quota:clinic_b:chat"), "normal"),  # nobody knows
    ],
)
def test_a_rule_to_fill_in_claims_no_lost_ttl_that_is_not_known(names: tuple[bytes, ...], no_ttl: str) -> None:
    (rule,) = tomllib.loads(toml_of(detect(names, PRESETS)))["dialect"]["limits"]
    assert (rule["no_ttl"], rule["value"]) == (no_ttl, ["count", "log"])


def test_hostile_names_cannot_break_the_toml() -> None:
    names = [
        b'rl:"\n[x]\x1b[2J:a',
        b"rl:\xff\xfe\x00:b",
        "rl:\u202e“”:c".encode(),
        b"rate_limit:{x}:{1}",
        b"\x00cache:" * 9,
    ]
    names += [b'rl{"\n}:%d' % number for number in range(3)]
    text = toml_of(detect(names, PRESETS))
    assert tomllib.loads(text)["dialect"]
    assert text.isprintable() or all(letter.isprintable() or letter == "\n" for letter in text)


def test_no_names_and_names_of_nothing() -> None:
    assert toml_of(detect([], PRESETS)) == ""
    found = detect([b"celery-task-meta-0", b"session:1", b"forever"], PRESETS)
    assert (found.fits, toml_of(found), len(found.shapes)) == ((), "", 3)
