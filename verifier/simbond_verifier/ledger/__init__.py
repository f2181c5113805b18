"""A tamper-evident log of what the verifier knew, did and why (docs/ledger.md): pure, no clock, no database.

Needs nothing but the base dependencies, so that an auditor can check an export without a server.
"""
