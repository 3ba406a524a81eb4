"""The edge recorder: RTSP in, hashed chunks in a journal, copies on archivers.

Rules: agent and hub never import each other; decision files are sans-I/O; every thread has an owner that joins it.
"""
