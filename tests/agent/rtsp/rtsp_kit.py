"""A client and a scripted camera in one process: every request is answered from a list, time stands where the test puts it."""

from watchkeep.agent.rtsp import actions
from watchkeep.agent.rtsp.actions import Action, Failed, Playing
from watchkeep.agent.rtsp.client import Client
from watchkeep.agent.rtsp.message import Parser, Request

URL = "rtsp://op:se%3Acret@cam.example:8554/live?x=1"
SDP = (b"v=0\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n"
       b"m=audio 0 RTP/AVP 0\r\na=control:trackID=1\r\n")  # fmt: skip
OK = {
    "OPTIONS": (200, {"Public": "OPTIONS, GET_PARAMETER, PLAY"}, b""),
    "DESCRIBE": (200, {"Content-Base": "rtsp://cam.example/live/"}, SDP),
    "SETUP": (200, {"Session": "42;timeout=20"}, b""),
    "PLAY": (200, {"RTP-Info": "url=trackID=1;seq=7;rtptime=9,url=trackID=0;seq=5"}, b""),
    "GET_PARAMETER": (200, {}, b""),
    "TEARDOWN": (200, {}, b""),
}

Reply = tuple[int, dict[str, str], bytes]


class Camera:
    """Answers with `script[method]`: a reply, or a list of which the last one stays."""

    def __init__(self, script: dict[str, Reply | list[Reply]], transport: str = "tcp", url: str = URL) -> None:
        self.script = {**OK, **script}
        self.client = Client(url, "udp" if transport == "udp" else "tcp", lambda: "token")
        self.now = 100.0
        self.requests: list[Request] = []
        self.log: list[Action] = []

    def run(self) -> list[Action]:
        """Everything up to where the client waits; actions other than requests."""
        return self.perform(self.client.start(self.now))

    def perform(self, todo: list[Action]) -> list[Action]:
        done: list[Action] = []
        while todo:
            action = todo.pop(0)
            self.log.append(action)
            match action:
                case actions.Connect():
                    done.append(action)
                    todo += self.client.handle(actions.Connected(), self.now)
                case actions.OpenPorts():
                    number = 5000 + 2 * sum(isinstance(one, actions.OpenPorts) for one in self.log)
                    todo += self.client.handle(actions.Ports(number, number + 1), self.now)
                case actions.Send(data):
                    todo += self.answer(data)
                case _:
                    done.append(action)
        return done

    def answer(self, data: bytes) -> list[Action]:
        parser = Parser()
        parser.feed(data)
        request = parser.next_event()
        if not isinstance(request, Request):
            return []
        self.requests.append(request)
        reply = self.script[request.method]
        if isinstance(reply, list):
            reply = reply.pop(0) if len(reply) > 1 else reply[0]
        status, headers, body = reply
        if not status:
            return []
        fields = {"CSeq": request.header("cseq"), **headers, **({"Content-Length": str(len(body))} if body else {})}
        head = f"RTSP/1.0 {status}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"
        return self.hear(head.encode() + body)

    def hear(self, data: bytes) -> list[Action]:
        return self.client.handle(actions.Received(data), self.now)

    def tick(self, seconds: float) -> list[Action]:
        self.now += seconds
        return self.perform(self.client.handle(actions.Tick(), self.now))

    @property
    def methods(self) -> list[str]:
        return [request.method for request in self.requests]


def failed(done: list[actions.Action]) -> Failed:
    assert isinstance(done[-1], Failed), done
    assert done[-1].remedy
    assert "cret" not in repr(done)
    return done[-1]


def playing(done: list[actions.Action]) -> Playing:
    (found,) = [action for action in done if isinstance(action, Playing)]
    return found
