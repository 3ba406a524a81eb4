"""The agent.toml of tests that run an agent without a camera or an archiver that answers: every address refuses at once."""

from pathlib import Path

TEXT = """
[agent]
id = "edge-1"
site = "demo"
data_dir = "DATA"
[discovery]
mdns = false
[[archiver]]
id = "a"
url = "http://127.0.0.1:1"
[[camera]]
id = "cam0"
url = "rtsp://viewer:open-sesame@127.0.0.1:1/x"
"""
"""DATA stands for the data_dir."""
B = '[[archiver]]\nid = "b"\nurl = "http://127.0.0.1:1"\n'


def written(folder: Path, text: str = TEXT) -> Path:
    """An agent.toml in the folder, with its data_dir beside it."""
    file = folder / "agent.toml"
    file.write_text(text.replace("DATA", str(folder / "data")))
    return file
