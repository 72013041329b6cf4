"""For each rule, what code scanning asks for: a public page that explains it, and its severity as a weakness."""

from optimus_tui.patterns.rule import Rule

_FASTAPI = "https://fastapi.tiangolo.com/"
_OWASP = "https://cheatsheetseries.owasp.org/cheatsheets/"
_BY_PATTERN = {
    "rate_limiting": "https://www.rfc-editor.org/rfc/rfc6585#section-4",
    "caching": "https://redis.io/docs/latest/commands/expire/",
    "multi_tenancy": f"{_OWASP}Authorization_Cheat_Sheet.html",
    "error_handling": f"{_FASTAPI}tutorial/handling-errors/",
    "dependency_injection": f"{_FASTAPI}tutorial/dependencies/",
    "logging": f"{_OWASP}Logging_Cheat_Sheet.html",
    "metrics": "https://prometheus.io/docs/practices/instrumentation/",
    "circuit_breaker": "https://martinfowler.com/bliki/CircuitBreaker.html",
    "timeouts": "https://www.python-httpx.org/advanced/timeouts/",
    "input_models": f"{_FASTAPI}tutorial/body/",
    "response_models": f"{_FASTAPI}tutorial/response-model/",
    "pagination": f"{_FASTAPI}tutorial/query-params-str-validations/",
    "configuration": f"{_FASTAPI}advanced/settings/",
}
_BY_RULE = {
    "async.blocking": f"{_FASTAPI}async/",
    "unsafe.eval": "https://docs.python.org/3/library/functions.html#eval",
    "defaults.mutable": "https://docs.python.org/3/faq/programming.html#why-are-default-values-shared-between-objects",
    "errors.bare_except": "https://docs.python.org/3/tutorial/errors.html#handling-exceptions",
    "errors.swallowed": "https://docs.python.org/3/tutorial/errors.html#handling-exceptions",
    "errors.text_told": f"{_OWASP}Error_Handling_Cheat_Sheet.html",
}
_SECURITY = {
    "unsafe.eval": 9.8, "tenancy.missing": 8.1, "tenancy.optional": 8.1, "tenancy.unused": 8.1,
    "caching.key_without_tenant": 8.1, "logs.secrets": 7.5, "limits.missing": 5.3, "limits.unheeded": 5.3,
    "limits.key_without_tenant": 5.3, "lists.unbounded": 5.3, "errors.text_told": 5.3, "models.input": 5.3,
}  # fmt: skip
"""Scores from 0 to 10 as CVSS counts them, of the rules whose fault is a weakness and not only a flaw."""


def reference(rule: Rule) -> str:
    """Return the address of a public page that explains what the rule is about."""
    return _BY_RULE.get(rule.id) or _BY_PATTERN.get(rule.pattern) or f"{_FASTAPI}tutorial/bigger-applications/"


def security_severity(rule: str) -> float | None:
    """Return the severity of a rule's fault as a weakness, from 0 to 10; None where it is none."""
    return _SECURITY.get(rule)
