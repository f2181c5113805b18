"""What the emulator refuses, in words for the person who asked."""


class EmulatorError(ValueError):
    """A request that the emulated bench cannot carry out; the message says what to do instead."""


class NoPseudoTerminals(EmulatorError):
    """This machine has none."""


class ProfileError(EmulatorError):
    """A profile file that cannot be read; the message names the file and the entry."""
