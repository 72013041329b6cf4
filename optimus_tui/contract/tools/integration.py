"""test_ai_engine_integration: whether a request passes through the gateway to the engine, and how fast."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from optimus_tui.contract.tools.common import Query, Report, TenantId

TestType = Literal["connectivity", "performance", "error_handling", "full_flow"]


class IntegrationQuery(Query, frozen=True, kw_only=True):
    """Run a set of tests. full_flow posts one recognisable test message to the gateway."""

    test_type: Annotated[
        TestType, Meta(description="Which tests to run; full_flow posts a real, recognisable test message.")
    ] = "connectivity"
    tenant_id: TenantId = "demo_dentist"
    include_cache_test: Annotated[
        bool, Meta(description="Write, read and remove one key of our own (TTL one minute).")
    ] = True


class IntegrationReport(Report, frozen=True, kw_only=True):
    """The results. ``tests_performed``: one object a test with test, status (pass, fail, skipped) and measurements."""

    test_type: TestType
    """The set of tests that was run."""
    tenant_id: str
    """The tenant that the tests used."""
    tests_performed: tuple[dict[str, Any], ...]
    """One object for each test: its name, status and measurements."""
    overall_status: str
    """The verdict on all tests."""
    pass_rate: str
    """Passed and counted tests, in words."""
    notes: tuple[str, ...] = ()
    """What else is worth knowing."""
