"""Starts the real servers from wheels, and the product on them, for development, tests and demonstrations.

Never imported by the product: `python -m devstack --help` is the only door. It imports nothing of the product either,
so that it still starts, and explains itself, when the product does not.
"""
