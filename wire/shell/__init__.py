"""Thin shells that both sides use: MQTT, mDNS, files, threads, logs, the command line.

Rules: one library, one adapter file; no decision is taken here; pure wire files never import from here.
"""
