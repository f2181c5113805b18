"""What an agent's errors mean, by their codes (docs/error-codes.md), in the language in force."""

from simbond_agent import codes
from simbond_tools.i18n import N_, _

# Without codes.CONNECTION: what the system says of it says more.
_MEANING = {
    codes.STATE_DIR: N_("The agent cannot make its directory (state_dir): the one above it has to be there."),
    codes.KEY_DAMAGED: N_("The file that holds the device's key is damaged."),
    codes.NEXT_KEY_DAMAGED: N_(
        "The file that holds the device's next key is damaged. As long as the verifier takes what the device says, "
        "removing that file alone is enough."
    ),
    codes.KEY_GONE: N_("The device's key is gone, its boot counter is not."),
    codes.COUNTER_DAMAGED: N_("The boot counter is damaged or gone, the device's key is not."),
    codes.SIGNER: N_("The secure element or the SIM, which holds the key, does not sign."),
    codes.MODEM_SILENT: N_("The modem does not answer the agent."),
    codes.NO_ANSWER: N_("The verifier has not answered in time."),
    codes.HTTP_STATUS: N_("The server answers, and does not take what the device sends."),
    codes.BAD_ANSWER: N_("What comes back is no verifier's answer."),
    codes.BROKER_REFUSED: N_("The MQTT broker does not let the device in, or not at its topics."),
    codes.MQTT_USER: N_("With another key the broker would not know the device: the board file has to name mqtt_user."),
    codes.MODEM_STACK: N_("The modem's own network stack reports a failure."),
    codes.OWN_CA: N_(
        "This modem does not compare the server's name: it takes a certificate authority that vouches for nothing but "
        "the verifier, and own_ca in the board file."
    ),
    codes.UNKNOWN_COMMAND: N_("The agent does not know this command: it is older than this program."),
}


def in_words(code: object, detail: object) -> str:
    """What the code means, with the agent's own words behind it; these alone where it has no code, or a newer one."""
    said = str(detail or "")
    meaning = _MEANING.get(code) if isinstance(code, str) else None
    if meaning is None:
        return said
    return f"{_(meaning)} ({said})" if said else _(meaning)
