"""Cameras are added, kept otherwise and removed while an agent runs, and one beside them is recorded as if nothing had happened."""

import signal

import pytest
from wksite import all_frames, site_in, wait_until

from watchkeep.wire import topics

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
FPS, FRAMES = 25, 12 * 25


def test_sighup_changes_cameras_and_the_frames_of_the_others_are_all_there(tmp_path):
    with site_in(tmp_path) as site:
        site.archivers("a", "b")
        urls = site.source("--frames", str(FRAMES), "--fps", str(FPS), "--size", "320x180", cameras=4)
        wanted = [urls["cam0"], urls["cam1"], urls["cam2"]]
        site.agent({f"cam{number}": url for number, url in enumerate(wanted)}, archivers=["a", "b"], copies=1)
        site.recording(3)
        wait_until(lambda: site.frames("cam0") >= 2 * FPS, 40, "two seconds of video")
        file = tmp_path / "edge-1.toml"
        text = file.read_text()
        blocks = text.split("[[camera]]\n")
        kept, moved = blocks[1:3]
        added = kept.replace("cam0", "cam3")
        file.write_text("[[camera]]\n".join([blocks[0].replace("beacon_s = 1.0", "beacon_s = 2.0"), kept,
                                             moved.replace("copies = 1", "copies = 2"), added]))  # fmt: skip
        site.kill("edge-1", signal.SIGHUP)
        wait_until(lambda: "cam3" in site.view.cameras and "cam2" not in site.view.cameras, 20, "the change")
        told = [event for event in site.view.events if event.kind == "configuration"]
        assert [event.text for event in told] == ["the configuration is read again: cam3 is added, cam1 is kept otherwise, cam2 is removed"]
        assert told[0].remedy == "restart the agent for mqtt.beacon_s"
        file.write_text(text.replace("copies = 1", "copies = 99"))
        site.kill("edge-1", signal.SIGHUP)
        wait_until(lambda: len([event for event in site.view.events if event.kind == "configuration"]) == 2, 20, "the refusal")
        wait_until(lambda: all(site.frames(camera) >= FRAMES for camera in ("cam0", "cam1", "cam3")), 60, "all frames' arrival")
        site.settled()
        assert site.withdrawn(topics.camera_state(site.site, "cam2"))
        assert not site.withdrawn(topics.camera_state(site.site, "cam0"))
        site.stop_all("edge-1", "a", "b")
        proof, other = site.proof("a"), site.proof("b")
        assert proof.good, proof.model_dump_json(indent=1)
        for camera in ("cam0", "cam1"):
            all_frames(proof.camera(camera), FRAMES)
            assert len(proof.camera(camera).epochs) == 1
        all_frames(proof.camera("cam3"), FRAMES)
        gone = proof.camera("cam2").sessions[0]
        assert gone.missing == gone.duplicates == ()
        assert gone.last >= 2 * FPS
        assert [one.camera for one in other.cameras] == ["cam1"]
