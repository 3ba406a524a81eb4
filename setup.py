"""Builds the Cython extensions of native/.  Everything else about packaging is in pyproject.toml.

Rules: `build/view/watchkeep/<part>` links the source folders under their import names, because Cython and mypy
look packages up by folder; the view is made anew at every build and is never packaged.  With WATCHKEEP_STRICT=1 warnings of
Cython and of the C compiler are errors: for `./run lint`, never for an installation, whose compiler may warn of what ours does not know.
With WATCHKEEP_SANITIZE=1 every read and write is checked, for `./run sanitize`.
"""

import os
from pathlib import Path

from Cython.Build import cythonize
from Cython.Compiler import Options
from setuptools import Extension, setup

HERE = Path(__file__).parent
PARTS = {"wire": "wire", "native": "native", "agent": "agent", "hub": "hub", "profiles": "firmware-profiles"}
STRICT = os.environ.get("WATCHKEEP_STRICT") == "1"
SANITIZE = os.environ.get("WATCHKEEP_SANITIZE") == "1"
OUTPUT = f"build/{'strict' if STRICT else 'sanitized'}/cython" if STRICT or SANITIZE else "build/cython"
WARNINGS = ["-Wall", "-Wextra", "-Werror"] if STRICT else []
CHECKS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g", "-O1"] if SANITIZE else []


def link_view() -> Path:
    """Make build/view/watchkeep/* and return build/view."""
    root = HERE / "build" / "view"
    package = root / "watchkeep"
    package.mkdir(parents=True, exist_ok=True)
    for name, folder in PARTS.items():
        link, target = package / name, (HERE / folder).resolve()
        if not link.is_symlink() or link.resolve() != target:
            link.unlink(missing_ok=True)
            link.symlink_to(target, target_is_directory=True)
    return root


def extensions() -> list[Extension]:
    return [
        Extension(f"watchkeep.native.{source.stem}", [str(source.relative_to(HERE))], extra_compile_args=["-O3", *WARNINGS, *CHECKS],
                  extra_link_args=CHECKS[:1])
        for source in sorted((HERE / "native").glob("*.pyx"))
    ]


Options.warning_errors = STRICT
setup(ext_modules=cythonize(extensions(), include_path=[str(link_view())], build_dir=OUTPUT, force=STRICT,
                            compiler_directives={"language_level": 3}))  # fmt: skip
