"""What `simbond --help` lists: each command once, under those who use it, first those who begin there."""

from simbond_tools.i18n import N_

SECTIONS: dict[str, dict[str, str]] = {
    N_("At a device, with a cable (technicians; begin with 'simbond doctor')"): {
        "doctor": N_("What is wrong with this device, and what to do next."),
        "probe": N_("What is on the cable: module, card, network, signal."),
        "check": N_("Is the right card in the right device? Without a network."),
        "swap": N_("Carry out an approved change of card or module."),
        "work-orders": N_("Orders for checks and swaps; 'fetch' brings you yours."),
    },
    N_("In a factory (begin with 'simbond flash')"): {
        "flash": N_("Put the agent onto a board."),
        "stations": N_("Make the station's key; register, list and revoke stations."),
        "provision": N_("Endorse the devices on the ports, and print their labels."),
    },
    N_("For operators: cards and devices (begin with 'simbond cards')"): {
        "cards": N_("Import, show, bind, suspend, resume, swap and check cards."),
        "devices": N_("Enrol devices, show them, revoke keys, import stations' logs."),
        "decisions": N_("What waits for a second person."),
        "appeals": N_("Appeals of cards' holders."),
        "observations": N_("Hand in what networks see of cards."),
        "enforcement": N_("Stop and start what the verifier does by itself."),
        "shadow": N_("What changed rules would have done to stored history."),
    },
    N_("For auditors: proofs"): {
        "case": N_("Everything about one card as a file, and its check."),
        "ledger": N_("Export the signed log, and check an export."),
        "evidence": N_("What an agent has signed, in words."),
    },
    N_("Running a verifier (begin with 'simbond serve')"): {
        "serve": N_("Run the verifier."),
        "token": N_("Tokens of operators, technicians and stations."),
        "signing-key": N_("The keys that the verifier signs with."),
        "identities": N_("Seal the identities in the database, or open them."),
        "backup": N_("Copy the database while the verifier runs."),
        "restore": N_("Put a backup in the place of the database."),
    },
    N_("For makers of devices, and to try things (begin with 'simbond demo')"): {
        "demo": N_("A card moves into a foreign device, and the network bars it."),
        "emulate": N_("Emulated modems, or the replay of a recorded one."),
        "at": N_("What the agent reads in a modem's reply."),
    },
}
"""Heading: command: what it is for, in one line of at most 62 columns in either language."""
