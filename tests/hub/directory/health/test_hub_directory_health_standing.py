"""Who is there, who is not, and who cannot be judged; which archivers count as silent; on whose duty a site is watched."""

from site_kit import Book, put

from watchkeep.hub.directory.duty import holder, on_duty
from watchkeep.hub.directory.health.model import Standing
from watchkeep.hub.directory.health.reports import MISSES, PATIENT, Reports
from watchkeep.hub.directory.health.standing import Members, Roll, absences, standings
from watchkeep.hub.directory.site import Key

NOW = 1_790_000_000.0


def book() -> Book:
    found = Book(*(put(f"agent/e{number}") for number in range(4)), put("archiver/s1", url="http://10.0.0.1:1"),
                 put("archiver/s2", url="http://10.0.0.2:1"), put("archiver/s3"),
                 put("server/a", url="http://a:1", rank=0), put("server/b", url="http://b:1", rank=1),
                 put("role/backup", servers=["b"]), put("role/health", servers=["a"]), put("role/backups", servers=["a"]),
                 put("window/w", kind="agent", target="e3", start_s=NOW - 1, end_s=NOW + 1))  # fmt: skip
    found.write("lease", role="backup", holder="b", number=8)
    found.write("lease", role="backups", holder="a", number=8)
    return found


def stand(isolated: bool = False, heard: str = "s1", silent: str = "s2") -> dict[str, Standing]:
    site = book().site
    members = Members({"e0": "lives", "e1": "gone", "e2": "suspect", "e3": "gone"}, isolated, frozenset(heard.split()),
                      frozenset(silent.split()), frozenset("a"), "a")  # fmt: skip
    return {str(key): state for key, (state, why) in standings(site, members, absences(site, NOW)).items()
            if bool(why) is not (state is Standing.UP)}  # fmt: skip


def test_everybody_is_judged_by_what_is_known_and_why() -> None:
    assert stand() == {
        "agent/e0": "up", "agent/e1": "down", "agent/e2": "up", "agent/e3": "planned", "archiver/s1": "up", "archiver/s2": "down",
        "archiver/s3": "unknown", "server/a": "up", "server/b": "down", "role/backup": "down", "role/health": "down",
        "role/backups": "unknown", "role/directory": "up"}  # fmt: skip


def test_all_silent_at_once_is_nobodys_death() -> None:
    found = stand(isolated=True, heard="", silent="s1 s2")
    assert {found[name] for name in ("agent/e0", "agent/e2", "archiver/s1", "archiver/s2")} == {"unknown"}
    assert found["agent/e1"] == "down", "it was gone before"
    assert stand(heard="", silent="s1 s2")["archiver/s1"] == "down", "agents are heard"


def test_since_when_somebody_is_as_he_is() -> None:
    roll, key = Roll(), Key("agent", "e0")
    for at, state in enumerate((Standing.UP, Standing.UP, Standing.DOWN)):
        roll.look({key: (state, ""), Key("role", "r"): (Standing.UP, "")}, float(at))
    assert (roll.of("agent")["e0"].since_s, roll.of("role")["r"].since_s) == (2.0, 0.0)
    roll.look({}, 9.0)
    assert roll.of("agent") == {}


def test_an_archiver_is_silent_after_some_questions_and_asked_less_often_then() -> None:
    reports = Reports()
    assert reports.next(["s1", "s2"]) == ["s1", "s2"]
    reports.answered("s1", {})
    assert not reports.sighted
    for _ in range(MISSES):
        reports.next(["s1", "s2"])
        reports.answered("s2", None)
    assert (set(reports.heard), reports.silent, reports.sighted) == ({"s1"}, {"s2"}, True)
    asked = [reports.next(["s1", "s2"]) for _ in range(2 * PATIENT)]
    assert asked.count(["s1", "s2"]) == 2
    assert asked.count(["s1"]) == 2 * PATIENT - 2
    reports.answered("s2", {})
    assert reports.silent == frozenset()
    reports.next(["s2"])
    assert set(reports.heard) == {"s2"}


def test_one_answer_that_is_missed_changes_nothing_and_an_older_version_is_not_silent() -> None:
    reports = Reports()
    reports.next(["s1"])
    reports.answered("s1", {})
    reports.answered("s1", None)
    assert set(reports.heard) == {"s1"}
    reports.cannot("s1")
    assert (reports.heard, reports.silent, reports.sighted) == ({}, frozenset(), True)
    reports.answered("s1", {})
    assert set(reports.heard) == {"s1"}


def test_a_duty_is_its_roles_holders_or_else_the_leaders() -> None:
    site = book().site

    def who(role: str, name: str, *, leads: bool, holds: bool = True) -> bool:
        return on_duty(site, role, name, leads=leads, holds=holds)

    assert who("backup", "b", leads=False)
    assert not who("backup", "b", leads=False, holds=False), "it may have lost it without knowing"
    assert not who("backup", "a", leads=True)
    assert not who("health", "a", leads=True), "nobody holds it yet"
    assert who("other", "a", leads=True, holds=False), "no such role: the leader's"
    assert not who("other", "b", leads=False)
    assert (holder(site, "backup"), holder(site, "other")) == ("b", "")
