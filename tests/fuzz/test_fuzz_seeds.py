"""The seeds of the fuzzer, whole and broken in many ways: what it once found stays mended, and every target runs."""

import random
from pathlib import Path

import pytest
from targets import TARGETS

SEEDS = Path(__file__).parent / "seeds"
CASES = [(name, path) for name in TARGETS for path in sorted((SEEDS / name).iterdir())]
MUTATIONS = 40


@pytest.mark.parametrize(("name", "path"), CASES, ids=lambda value: value.name if isinstance(value, Path) else value)
def test_a_seed_and_what_becomes_of_it(name, path):
    seed, rng = path.read_bytes(), random.Random(path.name)
    TARGETS[name](seed)
    for _ in range(MUTATIONS):
        TARGETS[name](broken(seed, rng))


def broken(data, rng):
    """A few bytes flipped, cut out, doubled or put in."""
    made = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(made) + 1)
        match rng.randrange(4):
            case 0 if made:
                made[at % len(made)] = rng.randrange(256)
            case 1:
                del made[at : at + rng.randint(1, 20)]
            case 2:
                made[at:at] = made[at : at + rng.randint(1, 40)]
            case _:
                made[at:at] = rng.randbytes(rng.randint(1, 4))
    return bytes(made)


def test_every_target_has_seeds():
    assert {name for name, _ in CASES} == set(TARGETS)
