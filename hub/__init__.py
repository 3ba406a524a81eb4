"""The hub: a server's side of Watchkeep.

    cli ─▶ service ─▶ api     HTTP: append, timeline, playback, export, health, metrics
                  ├─▶ store   volumes, segment files, catalog, retention
                  ├─▶ consolidate  what is missing comes from other archivers
                  ├─▶ beacon  what this archiver says about itself on MQTT
                  └─▶ broker  the embedded MQTT broker
    verify, demo              offline proof of files; the whole product on one machine

Rules: never imports the agent, they meet in wire; one adapter file per library (FastAPI in `api/`, uvicorn in
`api/server.py`, prometheus-client in `api/metrics.py`, amqtt in `broker.py`); nothing imports `service` or `cli`.
"""
