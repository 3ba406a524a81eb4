"""A GStreamer RTSP server with one finite H.264 camera whose frames carry our counter.  Runs on the system's Python.

    /usr/bin/python3 gst_server.py PORT CLIP FPS

CLIP holds access units, each behind its length as u32 big-endian, counters already in.  A client gets all of them,
from the first on, in real time, and then the end of the stream; whoever comes after that is told that there is no camera.
"""

import sys
import warnings
from pathlib import Path

warnings.simplefilter("ignore")  # Debian's gi imports in a way that Python warns of, and tests make warnings errors

import gi  # noqa: E402

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402


class Camera(GstRtspServer.RTSPMediaFactory):
    def __init__(self, units, fps, ended):
        super().__init__()
        self.units, self.step, self.ended = units, Gst.SECOND // fps, ended
        self.set_shared(False)
        self.set_launch('( appsrc name=src is-live=true format=time max-bytes=200000 caps="video/x-h264,stream-format=byte-stream,'
                        'alignment=au" ! rtph264pay config-interval=-1 name=pay0 pt=96 mtu=1400 )')  # fmt: skip
        self.connect("media-configure", self.configure)

    def configure(self, _factory, media):
        state = {"n": 0}

        def feed(source, _length):
            number = state["n"]
            if number == len(self.units):
                self.ended()
                source.emit("end-of-stream")
                return
            state["n"] += 1
            buffer = Gst.Buffer.new_wrapped(self.units[number])
            buffer.pts = buffer.dts = number * self.step
            buffer.duration = self.step
            source.emit("push-buffer", buffer)

        media.get_element().get_child_by_name("src").connect("need-data", feed)


def read_clip(path):
    data, units, at = Path(path).read_bytes(), [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        units.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return units


def main():
    port, clip, fps = sys.argv[1:]
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_service(port)
    mounts = server.get_mount_points()
    mounts.add_factory("/cam0", Camera(read_clip(clip), int(fps), lambda: mounts.remove_factory("/cam0")))
    if not server.attach(None):
        raise SystemExit(f"port {port} is taken")
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
