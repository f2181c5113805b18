"""Runs the main.py in the folder SIMBOND_FLASH, a board's file system, with the machine module beside this file."""

import os
import sys

sys.path[:0] = [os.getenv("SIMBOND_FLASH"), __file__.rsplit("/", 1)[0]]
__import__("main")
