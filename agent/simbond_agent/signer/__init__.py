"""Signers: what holds the device's key.

A signer has kid (8 octets), public_key (x and y, 64 octets), protection (a KEY_ constant of claims) and the coroutine
sign(message) -> signature (r and s, 64 octets).
"""
