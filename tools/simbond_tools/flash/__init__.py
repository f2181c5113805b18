"""Puts the agent onto boards: `simbond flash`, and what a factory's own station software calls.

    from pathlib import Path
    from simbond_tools.flash.contents import maker_files
    from simbond_tools.flash.job import Job
    from simbond_tools.flash.run import flash

    report = flash("/dev/ttyACM0", Job(given=maker_files(Path("my-board"), None)), Quiet())

where Quiet is a Progress (job.py). It takes the extra `serial`.
"""
