"""RTSP from the client's side: what to send to a camera, what its answers mean, and a session that native/ reads.

Rules: bytes go message ─▶ client ─▶ actions, without a socket or a clock; link, opening and session are the shell around it.  Media
packets pass through unread, native/stream knows them.  It serves cameras with ingest native or auto; what it is unfit for agent/pyav reads.
"""
