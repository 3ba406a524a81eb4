"""Following a site's directory: which cameras this agent is to record.

Rules: invariant 9: without a directory, with a wrong one or with one that talks nonsense, recording goes on as it was.
"""
