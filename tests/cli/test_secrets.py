"""No command repeats a secret that was typed in place of something else."""

from pathlib import Path

import pytest

from tests.cli.test_cupel import run

KEY = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
WORDS = "legal winner thank year wave sausage worth useful legal winner thank yellow"
SECRETS = {
    "hex": f"0x{KEY}",
    "upper case": KEY.upper(),
    "number": str(int(KEY, 16)),
    "base64": "TAiDppEClz1iMUcbXbtiBP5RKWFwgnkq5GjQGj82Ixg=",
    "split": " ".join(KEY[at : at + 8] for at in range(0, 64, 8)),
    "underscored": "_".join(KEY[at : at + 16] for at in range(0, 64, 16)),
    "words": WORDS,
    "words with commas": WORDS.replace(" ", ","),
    "url": "https://user:hunter2secret@node.example/v3/0b1c2d3e4f5061728394a5b6c7d8e9f0",
    "token": "AKIAIOSFODNN7EXAMPLE",
}
PARTS = (
    KEY[:8],
    KEY[:8].upper(),
    SECRETS["number"][:12],
    "TAiDppE",
    "winner",
    "hunter2",
    "0b1c2d",
    "EXAMPLE",
)
DEVNET = Path(__file__).parents[2] / "deployments" / "devnet.toml"
COMMANDS = (
    "@",
    "--@",
    "wallet @",
    "wallet new --@",
    "wallet new --password @ --keystore k.json",
    "wallet new --keystore k.json @",
    "wallet import @ --keystore k.json",
    "wallet import FILE --keystore k.json --password-file @",
    "wallet show --keystore k.json --endpoint @",
    "oracle run --config @",
    "oracle once --config FILE --round @",
    "oracle recompute --config FILE --round 1 --against @",
    "oracle drill --only @",
    "operator check --config @",
    "deployment plan DEVNET --endpoint http://127.0.0.1:1 --deployer @",
    "deployment deploy DEVNET --endpoint @ --key @",
    "deployment deploy DEVNET --endpoint @ --keystore @ --password-file @",
    "deployment check @ --endpoint @",
    "verify @",
    "verify . --endpoint @ --deployment @",
    "leaderboard @",
    "simulate --data @",
    "simulate --rounds @",
    "rules check @",
    "submission check @",
    "devnet @",
    "demo @",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_secret_in_a_command_line_is_not_repeated(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("FILE").write_text("")
    for name, secret in SECRETS.items():
        places = {"@": secret, "--@": f"--{secret}", "DEVNET": str(DEVNET)}
        code, said = run(*(places.get(word, word) for word in command.split(" ")))
        assert code, name
        flat = "".join(letter for letter in said if letter not in "│ \n")
        assert [part for part in PARTS if part in flat] == [], (name, said)


@pytest.mark.parametrize("variable", ["CUPEL_DEPLOYMENT", "CUPEL_RPC_URL", "CUPEL_KEYSTORE"])
def test_a_secret_in_an_environment_variable_is_not_repeated(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, secret in SECRETS.items():
        monkeypatch.setenv(variable, secret)
        for command in ("verify .", "rounds", "wallet show"):
            code, said = run(*command.split(" "))
            assert code, name
            if name == "token" and command == "wallet show":
                continue  # a name of a file as good as any
            flat = "".join(letter for letter in said if letter not in "│ \n")
            assert [part for part in PARTS if part in flat] == [], (name, said)


def test_what_is_no_secret_is_repeated() -> None:
    for secret in ("no-such-folder/momentum_6_1_2026.csv", "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"):
        assert secret in run("verify", secret)[1].replace("│\n│ ", "")


def test_a_password_in_place_of_its_file_is_not_repeated(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(KEY)
    key.chmod(0o600)
    code, said = run(
        "wallet", "import", key, "--keystore", tmp_path / "k.json", "--password-file", "hunter2secret"
    )
    assert code == 1
    assert "--password-file: expected a password, found No such file" in said
    assert "hunter2" not in said
