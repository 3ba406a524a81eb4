"""Asking and steering an agent that runs, from its own machine: `watchkeep agent status` and `watchkeep agent move`.

    model    one request, one answer, as lines of JSON
    answer   what a request does, no I/O
    server   the socket in data_dir, and the thread that answers
    client   the same socket from the command line
    show     an answer as text

Rules: the socket is for the agent's user and root alone; nothing that recording needs waits for whoever asks.
"""
