"""What is yours: edit this file."""

url = "https://verifier.example"  # README.md says what the firmware must be able to do for https
ca = "/usr/ca.der"
state_dir = "/usr/simbond"
seed = "/usr/simbond.seed"
scenario = 1
