"""Work orders: what a device is asked to prove on site, and what it proved (docs/work-orders.md). Pure, and in the base
install: a technician's laptop reads it as the verifier does.

ticket: the verifier's order about one card in one device. bundle: a technician's orders. proof: a ticket with the
Evidence that answers it. finding: what that proves.
"""
