"""Which row of the acceptance list is shown by what: `python -m tests.acceptance` writes docs/acceptance.md."""
