"""Real directory servers on loopback, in one process: the product's HubService with threads, database and HTTP."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from hub_kit import Answer, Hub, wait_for

from watchkeep.hub.config import HubConfig
from watchkeep.hub.service import HubService
from watchkeep.wire.config import validate

CAMERA = {"url": "rtsp://10.0.0.1/a"}


def directory_config(folder: Path, name: str, ports: dict[str, int], **sections: dict[str, Any]) -> HubConfig:
    """hub.toml of one server of several on loopback; `sections` are added, keys of `directory` beside its servers."""
    servers = [{"id": one, "url": f"http://127.0.0.1:{port}", "rank": rank} for rank, (one, port) in enumerate(ports.items())]
    data: dict[str, Any] = {
        "hub": {"id": name, "site": "demo", "roles": ["directory"], "listen": f"127.0.0.1:{ports[name]}", "data_dir": str(folder / name)},
        "discovery": {"mdns": False},
        **sections,
        "directory": {"servers": servers, **sections.get("directory", {})},
    }  # fmt: skip
    return validate("hub.toml", data, HubConfig)


class Client(Hub):
    """Of one server's /v1/site."""

    def site(self) -> dict[str, Any]:
        found: dict[str, Any] = self.get("/v1/site").json()
        return found

    def put(self, path: str, value: dict[str, Any], **headers: str) -> Answer:
        return self.request("PUT", f"/v1/site/{path}", json.dumps(value).encode(), Content_Type="application/json", **headers)

    def delete(self, path: str, **headers: str) -> Answer:
        return self.request("DELETE", f"/v1/site/{path}", **headers)

    def post(self, path: str, value: object, **headers: str) -> Answer:
        return self.request("POST", f"/v1/site/{path}", json.dumps(value).encode(), Content_Type="application/json", **headers)

    def leader(self) -> str:
        found: str = self.site()["leader"]
        return found

    def role(self) -> str:
        site = self.site()
        return next((one["role"] for name, one in site["servers"].items() if name == self.name), "")

    name = ""


class Servers:
    """Running servers by id; `stop` and `start` single ones."""

    def __init__(self, folder: Path, ports: dict[str, int], **sections: dict[str, Any]) -> None:
        self._folder, self._ports, self._sections = folder, ports, sections
        self._running: dict[str, ExitStack] = {}
        self.clients: dict[str, Client] = {}

    def start(self, name: str) -> Client:
        service = HubService(directory_config(self._folder, name, self._ports, **self._sections), "hub.toml")
        service.start()
        self._running[name] = ExitStack()
        self._running[name].callback(service.stop)
        client = Client(service.url, [])
        client.name = name
        self.clients[name] = client
        assert client.get("/openapi.json").status == 200  # FastAPI makes its routes at first use, which two apps must not do at once
        return client

    def stop(self, name: str) -> None:
        self.clients.pop(name)
        self._running.pop(name).close()

    def close(self) -> None:
        for name in list(self._running):
            self.stop(name)

    def led(self) -> Client:
        """Wait until all that run name the same leader; its client."""
        def agreed() -> bool:
            return len({client.leader() for client in self.clients.values()} | {""}) == 2 and self._leader() is not None

        wait_for(agreed, "one leader")
        found = self._leader()
        assert found is not None
        return found

    def _leader(self) -> Client | None:
        return next((client for client in self.clients.values() if client.leader() == client.name), None)

    def level(self) -> None:
        """Wait until all that run have the same journal."""
        wait_for(lambda: len({client.site()["hash"] for client in self.clients.values()}) == 1, "equal journals")


@contextmanager
def directory(folder: Path, free_port: Callable[[], int], names: str = "abc", **sections: dict[str, Any]) -> Iterator[Servers]:
    found = Servers(folder, {name: free_port() for name in names}, **sections)
    try:
        for name in names:
            found.start(name)
        yield found
    finally:
        found.close()
