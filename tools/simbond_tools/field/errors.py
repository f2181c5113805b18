"""What goes wrong on a cable: a code for machines, and a sentence that says what to do next."""


class FieldError(Exception):
    """code: stable, for machines (docs/probe.md). str() is the sentence."""

    code = "port"


class NoPort(FieldError):
    """The port that was named is not there, or none is."""

    code = "no-port"


class NotASerialPort(FieldError):
    """What was named is a file, or a URL that nobody understands."""

    code = "not-a-serial-port"


class PortBusy(FieldError):
    """Another program has the port."""

    code = "port-busy"


class PortNotAllowed(FieldError):
    """The system does not let this user open the port."""

    code = "port-not-allowed"


class SpeedRefused(FieldError):
    """The port has no such speed."""

    code = "speed"


class Unplugged(FieldError):
    """The port went away while it was used."""

    code = "unplugged"


class NoAgent(FieldError):
    """Nothing on the line answers as the simbond agent does."""

    code = "no-agent"


class AgentRefused(FieldError):
    """The agent answered with an error, whose text this is."""

    code = "agent-refused"


class NoModem(FieldError):
    """Nothing on the line answers AT."""

    code = "no-modem"
