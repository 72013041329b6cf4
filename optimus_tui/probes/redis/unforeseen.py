"""The exceptions that an unexpected answer causes in the code that reads it: faults of the answer, not bugs."""

UNFORESEEN: tuple[type[Exception], ...] = (
    *(TypeError, ValueError, LookupError, AttributeError, ArithmeticError, AssertionError, MemoryError),
    *(RecursionError, StopIteration, StopAsyncIteration),
)


def certificate_remedy(reason: str, option: str) -> str:
    """Return what helps against a certificate that was not accepted; ``option`` names the setting of its authority."""
    words = reason.lower()
    if "mismatch" in words or "not valid for" in words:
        return "use a name of the certificate in the address"
    if "expired" in words or "not yet valid" in words:
        return "renew the certificate, or check this machine's clock"
    if "self" in words or "issuer" in words or "unable to get" in words:
        return f"name its authority with {option}"
    return "check the certificate, the CA file and the scheme"
