"""`watchkeep demo`: a whole site on one machine, one archiver killed, and the proof of what was kept.

Rules: everything runs as real processes through the same commands that operators use; nothing is imported from agent.
"""
