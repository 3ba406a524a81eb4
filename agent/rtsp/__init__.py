"""RTSP from the client's side, sans-I/O: what to send to a camera, and what its answers mean.

Rules: bytes go message ─▶ client ─▶ actions; every file decides and none opens a socket or asks a clock; media packets pass
through unread, the native depacketizers know them.  Not used by the agent yet: agent/pyav reads the cameras.
"""
