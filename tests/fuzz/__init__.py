"""Coverage-guided fuzzing (atheris, libFuzzer) of everything that reads what strangers send.

Every target is a file in targets/ with `seeds`, well-formed inputs that are made and not kept, and `one`, which takes
any octets and raises where the code under test does what it must not: an exception of the wrong kind, or an answer that
contradicts another way of reading the same octets.
"""
