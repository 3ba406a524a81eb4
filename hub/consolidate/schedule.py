r"""Which peer to look at next.  No I/O, no clock, no threads.

    event \ state     NEW                 PRESENT                       AWAY
    sighted           PRESENT, due        url changed: due              (its next probe decides)
    answered          PRESENT, due        boot changed: due             PRESENT, due
    failed            AWAY                AWAY                          AWAY
    compared                              due again in every_s
    hurried                               due now
    faltered                              due again in RETRY_S    (its next probe decides)

"due" means settle_s later, so that the agents' journals, which are nearer, go first.

Rules: a peer is known by its id (invariant 11), its address may change; a listed peer's address wins over an announced one,
because anybody on the network can announce; one of hub.toml over that of the directory.  One that the
directory has listed and lists no more is gone, unless mDNS shows it.  At most MAX_PEERS.
"""

from dataclasses import dataclass
from typing import Final

MAX_PEERS: Final = 64
"""Archivers of one site; more are not looked at."""
PROBE_S: Final = 15.0
"""How often each peer is asked whether it is there, so the longest that a return goes unnoticed."""
RETRY_S: Final = 300.0
"""After a comparison that failed: seldom enough that a peer that babbles, or a full disk here, costs nothing."""


@dataclass(slots=True)
class Peer:
    """One archiver of the site as this one sees it; times are monotonic seconds."""

    id: str
    url: str
    listed: bool
    probe_at: float
    due_at: float | None = None
    """None: not before it has answered."""
    boot: str = ""
    why: str = ""
    """What its last failure was; empty while it answers."""
    followed_up: bool = False


class Schedule:
    """Peers and when they are due."""

    def __init__(self, listed: dict[str, str], *, every_s: float, settle_s: float, now: float) -> None:
        self._every_s, self._settle_s = every_s, settle_s
        self._peers = {name: Peer(name, url, True, now) for name, url in list(listed.items())[:MAX_PEERS]}
        self._own = frozenset(self._peers)
        self._announced: dict[str, str] = {}

    @property
    def peers(self) -> list[Peer]:
        return list(self._peers.values())

    def sighted(self, announced: dict[str, str], now: float) -> None:
        """The archivers that mDNS shows now, by id; dead ones linger there, so a sighting is only a reason to probe."""
        self._announced = announced
        for name, url in announced.items():
            peer = self._peers.get(name)
            if peer is None and len(self._peers) < MAX_PEERS:
                self._peers[name] = Peer(name, url, False, now)
            elif peer is not None and not peer.listed and peer.url != url:
                peer.url, peer.probe_at = url, now
        for name in [peer.id for peer in self.peers if not peer.listed and peer.why and peer.id not in announced]:
            del self._peers[name]

    def told(self, listed: dict[str, str], now: float) -> None:
        """The archivers that the directory lists, by id, all of them; one that it lists no more is what mDNS says of it, or nobody."""
        for name in [peer.id for peer in self.peers if peer.listed and peer.id not in self._own and peer.id not in listed]:
            if name in self._announced:
                self._peers[name].listed = False
            else:
                del self._peers[name]
        for name, url in listed.items():
            peer = self._peers.get(name)
            if peer is None and len(self._peers) < MAX_PEERS:
                self._peers[name] = Peer(name, url, True, now)
            elif peer is not None and name not in self._own:
                peer.url, peer.probe_at, peer.listed = url, peer.probe_at if peer.url == url else now, True

    def answered(self, name: str, boot: str, now: float) -> bool:
        """The peer answered a probe; True when it is back from being away, or was restarted."""
        peer = self._peers[name]
        peer.probe_at = now + PROBE_S
        back = bool(peer.why) or peer.boot != boot
        peer.boot, peer.why = boot, ""
        if back:
            peer.due_at = now + self._settle_s
        return back

    def failed(self, name: str, why: str, now: float) -> None:
        """A probe failed: the peer is compared again when it answers."""
        peer = self._peers.get(name)
        if peer is not None:
            peer.why, peer.due_at, peer.probe_at = why, None, now + PROBE_S

    def faltered(self, name: str, now: float) -> None:
        """A comparison failed, for reasons here or there; whether the peer is away at all is for its next probe to tell."""
        peer = self._peers.get(name)
        if peer is not None:
            peer.due_at, peer.probe_at = now + min(RETRY_S, self._every_s), now

    def compared(self, name: str, now: float, *, early: bool = False) -> None:
        """A comparison ended; early: something was left to the agents, so there is one more look, settle_s later."""
        peer = self._peers.get(name)
        if peer is not None:
            peer.followed_up = early and not peer.followed_up
            peer.due_at = now + (min(self._settle_s, self._every_s) if peer.followed_up else self._every_s)

    def hurried(self, now: float) -> bool:
        """A file here is damaged: who is there is compared now.  False when nobody is."""
        present = [peer for peer in self.peers if peer.boot and not peer.why]
        for peer in present:
            peer.due_at = now
        return bool(present)

    def to_probe(self, now: float) -> Peer | None:
        return min((peer for peer in self.peers if peer.probe_at <= now), key=lambda peer: peer.probe_at, default=None)

    def to_compare(self, now: float) -> Peer | None:
        due = [peer for peer in self.peers if peer.due_at is not None and peer.due_at <= now]
        return min(due, key=lambda peer: peer.due_at or now, default=None)

    def next_deadline(self) -> float | None:
        """When to look again; None without peers."""
        times = [peer.probe_at for peer in self.peers] + [peer.due_at for peer in self.peers if peer.due_at is not None]
        return min(times, default=None)
