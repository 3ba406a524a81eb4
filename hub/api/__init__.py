"""The archiver's HTTP API (paths and codes: wire/http.py; for operators: docs/OPERATIONS.md).

    decisions, sans-I/O                       shells
    batch      is an append's body proven     append      POST /v1/append
    mentions   which states does it ask for   playback    timeline, playlist, init, media, export
    window     which time does a query mean   operations  cameras, healthz, metrics, docs
    playable   chunks to key-frame groups     app         routes, errors, OpenAPI
    hls        groups to playlists            server      uvicorn on its own thread
    export     chunks to one MP4 per epoch    peers       chunks, hashes, records, orders of consolidation
                                              workers     the bounded threads that touch disks
    byterange  Range and ETag rules           metrics     prometheus-client, its only importer
    errors     error tree to status and code

Rules: the event loop never touches a disk; appends and reads have threads of their own (invariant 7); every answer
that is not 2xx or 3xx is an ErrorAnswer with a remedy.
"""
