"""What is yours: edit this file."""

url = "modem+https://verifier.example"  # or modem+mqtts://broker.example, with mqtt_password
ca = "/ca.der"
own_ca = False  # README.md says when it must be True
apn = None  # the access point's name, where the module does not know it
scenario = 1
state_dir = "/simbond"
