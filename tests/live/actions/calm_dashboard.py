"""The product as it is, but for the latency guard: a busy machine of the tests is no suffering server."""

from optimus_tui.__main__ import main
from tests.live.actions.driver import calm

if __name__ == "__main__":
    calm()
    main()
