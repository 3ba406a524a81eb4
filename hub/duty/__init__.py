"""Whether this archiver is wanted at work now: what an operator has announced, and what the agents know of it.

    maintenance.py   an announced silence, and who has been told
    standby.py       whether it may sleep, no I/O
    sleeper.py       the thread that runs the sleep command
    client.py        maintenance of a hub that runs elsewhere, for the command line

Rules: an agent is never told by MQTT: what it has to know comes with the answers to what it sends.
"""
