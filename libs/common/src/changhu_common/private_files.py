"""A secret on disk is readable by its owner alone, and several processes that make it at once agree on one."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def kept_secret(path: Path, make: Callable[[], bytes]) -> bytes:
    """The secret in the file, made at the first call; PermissionError where others could read it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # mkstemp makes the file private (0600); a link, unlike a rename, never replaces what another made.
        handle, beside = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(make())
                file.flush()
                os.fsync(file.fileno())
            os.link(beside, path)
        except FileExistsError:
            pass
        finally:
            os.unlink(beside)
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"{path} can be read by others; a secret must have mode 0600")
    return path.read_bytes()
