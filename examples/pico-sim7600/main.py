import board

from simbond_agent import run

run(board)
