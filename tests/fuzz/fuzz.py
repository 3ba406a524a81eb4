"""Fuzz one target, guided by coverage (atheris, which is libFuzzer for Python): `./run fuzz stream -max_total_time=60`.

    fuzz.py TARGET [libFuzzer's options]    targets: stream, rtsp, sdp, rtcp; finds grow build/fuzz/TARGET, seeds are in tests/fuzz/seeds

Rules: an input that fails is written to build/fuzz/crash-..., and belongs into the seeds once what it found is mended.  The plain twins are
instrumented and lead the fuzzer.  `./run sanitize fuzz TARGET -runs=0` then runs all finds with ASan and UBSan watching the compiled code;
it cannot look for new ones, because gcc's sanitizers take the coverage for themselves.
"""

import sys
from pathlib import Path

import atheris

HERE = Path(__file__).resolve().parent
FOUND = HERE.parents[1] / "build" / "fuzz"

with atheris.instrument_imports(include=["watchkeep.native", "watchkeep.agent.rtsp"]):
    from targets import TARGETS


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        raise SystemExit(f"usage: fuzz.py {'|'.join(TARGETS)} [libFuzzer's options]")
    name, *options = sys.argv[1:]
    corpus = FOUND / name
    corpus.mkdir(parents=True, exist_ok=True)
    folders = [str(corpus), str(HERE / "seeds" / name)]
    atheris.Setup([sys.argv[0], f"-artifact_prefix={FOUND}/", "-max_len=4096", *options, *folders], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
