"""What happened on the site, as this archiver heard it: the newest MAX_EVENTS, in memory and in its data_dir (docs/OPERATIONS.md).

    site   what others tell on MQTT: checked, limited, no I/O
    ring   numbered, bounded, looked through, no I/O
    log    the same as lines of JSON on disk, and the thread that writes them

Rules: an event is listed, logged and published on MQTT; none of the three waits for another.
"""
