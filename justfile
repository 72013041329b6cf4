# The commands people type. `just` lists them; each line also works by hand.

python := env_var_or_default("PYTHON", "python3")

_list:
    @just --list --unsorted

# Install everything that tests and pages need into the active environment
setup:
    {{python}} -m pip install -e '.[dev,docs]' pre-commit
    pre-commit install

# Open the dashboard on a demo system of its own: just demo --scenario noisy-tenant
demo *options:
    optimus-tui demo {{options}}

# Run the tests, or some of them: just test tests/unit/grammar
test *options:
    pytest {{options}}

# Run the linters, the types and the import rules
check:
    ruff check .
    ruff format --check .
    mypy
    lint-imports

# Make the pages anew from the code and build the site into site/
docs:
    {{python}} docs/generate.py
    mkdocs build --strict

# Run all that must hold, in a fresh environment, as CI does
ci:
    .ci/run
