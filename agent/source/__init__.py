"""`watchkeep source`: RTSP test cameras whose every frame carries a counter.

Rules: bytes flow one way, material ─▶ clips ─▶ feed ─▶ server ─▶ play ─▶ client; what decides (message, protocol, play, sender,
rtp, sdp) knows no socket and no clock, what is a shell (feed, server, client, udp, service) takes no decisions.
"""
