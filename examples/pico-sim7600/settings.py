"""What is yours: edit this file."""

url = "modem+https://verifier.example"
ca = "/ca.der"
own_ca = True  # the SIM7600 compares no names: this CA must vouch for nothing but the verifier
apn = None  # the access point's name, where the module does not know it
scenario = 1
state_dir = "/simbond"
