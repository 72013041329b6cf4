"""The guards of the product, each with the test that must fail without it; see ``guards`` and ``__main__``."""
