"""What `make setup` hands to uv: the settings of pip, and one package's lines of a lock file."""

from importlib import import_module
from pathlib import Path

import pytest

install = import_module("scripts.install_locked")
REPOSITORY = Path(__file__).parents[2]


def test_settings_of_pip_are_those_of_uv(tmp_path: Path) -> None:
    listed = "\n".join(
        [
            ":env:.default-timeout='180'",
            f":env:.find-links='{tmp_path}'",
            "global.cert='/etc/certificates.crt'",
            "global.default-timeout='15'",
            f"global.extra-index-url='file://{tmp_path} https://a.example/simple file:///not/there'",
            "global.find-links='/not/there'",
            "global.index-url='https://b.example/simple'",
            "install.user='no'",
        ]
    )
    assert install.variables(listed) == {
        "UV_DEFAULT_INDEX": "https://b.example/simple",
        "UV_INDEX": f"file://{tmp_path} https://a.example/simple",
        "UV_FIND_LINKS": str(tmp_path),
        "UV_HTTP_TIMEOUT": "180",
        "SSL_CERT_FILE": "/etc/certificates.crt",
    }


def test_a_machine_without_settings_has_none() -> None:
    assert install.variables("") == {}


def test_the_lines_of_one_package_are_taken_whole() -> None:
    uv = "uv==2 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc"
    lock = f"a==1 \\\n    --hash=sha256:aa\n{uv}\nuv-build==3 \\\n    --hash=sha256:dd\n"
    assert install.locked(lock, "uv") == uv
    with pytest.raises(SystemExit, match="expected b in the lock file, found none"):
        install.locked(lock, "b")
    assert install.locked((REPOSITORY / "requirements.lock").read_text(), "uv").startswith("uv==")
