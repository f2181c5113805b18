"""What is yours: edit this file."""

url = "https://verifier.example"  # or mqtts://broker.example, with mqtt_password
ca = "/ca.der"
scenario = 1
wifi = None  # ("network", "password"); None where the board reaches the verifier in another way
state_dir = "/simbond"
