# Freezes the agent into firmware: in the board's manifest, include("<this folder>/manifest.py").
package("simbond_agent", base_path=".", opt=3)  # noqa: F821 - the build knows it
