"""The adapter of PyAV: nothing else in the tree imports `av`.

Rules: one thread owns a container from open to close; libav never gets a path to write to; no time-out callback
while demuxing (it takes the GIL a thousand times a second), FFmpeg's own socket time-out instead.
"""
