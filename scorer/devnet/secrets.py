"""Files that nobody but their owner can read."""

from pathlib import Path


def write_secret(path: Path, text: str) -> Path:
    """Write a file that nobody but its owner can read, not even while it is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)
    return path
