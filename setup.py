"""Builds the Cython extensions of native/.  Everything else about packaging is in pyproject.toml.

Rules: `build/view/watchkeep/<part>` links the source folders under their import names, because Cython and mypy
look packages up by folder; the view is made anew at every build and is never packaged.
"""

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

HERE = Path(__file__).parent
PARTS = {"wire": "wire", "native": "native", "agent": "agent", "hub": "hub", "profiles": "firmware-profiles"}


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
        Extension(f"watchkeep.native.{source.stem}", [str(source.relative_to(HERE))], extra_compile_args=["-O3"])
        for source in sorted((HERE / "native").glob("*.pyx"))
    ]


setup(ext_modules=cythonize(extensions(), include_path=[str(link_view())], build_dir="build/cython",
                            compiler_directives={"language_level": 3}))  # fmt: skip
